//! When a broken transfer goes on, and when it is given up.

use std::sync::mpsc;
use std::time::Duration;

use crate::options::Options;

/// Counts attempts without progress, and waits longer before each.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    first_pause: Duration,
    pause: Duration,
    left: u32,
    count_max: u32,
    /// Attempts over another connection, which wait for nothing.
    reconnects_left: u32,
}

impl Patience {
    pub(crate) fn new(options: &Options) -> Self {
        let (pause, count_max) = (options.pause, options.retry_count_max);
        Self { first_pause: pause, pause, left: count_max, count_max, reconnects_left: RECONNECT_COUNT_MAX }
    }

    /// Something was achieved: the counting begins anew.
    pub(crate) fn refresh(&mut self) {
        self.pause = self.first_pause;
        self.left = self.count_max;
        self.reconnects_left = RECONNECT_COUNT_MAX;
    }

    /// Lets the next attempt begin at once, or says that there is none: over a line that damages everything.
    pub(crate) fn reconnect(&mut self) -> bool {
        let goes_on = self.reconnects_left > 0;
        self.reconnects_left = self.reconnects_left.saturating_sub(1);
        goes_on
    }

    /// Waits before the next attempt, or says that there is none.
    pub(crate) fn wait(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        rest(self.pause);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        true
    }
}

/// Lets time pass.
pub(crate) fn rest(time: Duration) {
    let (_silent, silence) = mpsc::channel::<()>();
    let _ = silence.recv_timeout(time);
}

/// A server that restarts is back after some seconds: no pause is much longer.
const PAUSE_MAX: Duration = Duration::from_secs(8);

/// Damage that the checks of TCP let through is rare: twice in a row it is something else.
const RECONNECT_COUNT_MAX: u32 = 2;
