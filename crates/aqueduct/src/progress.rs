//! How far long work is: a bar on a terminal, a line now and then elsewhere, nothing for what is done soon.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::text;
use crate::voice::{Show, Voice};

/// Counts bytes, from any thread.
#[derive(Debug, Default)]
pub(crate) struct Meter(AtomicU64);

impl Meter {
    pub(crate) fn add(&self, len: u64) {
        self.0.fetch_add(len, Ordering::Relaxed);
    }

    fn done(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs `work`, and shows meanwhile how many of `total` bytes its meter has counted; 0 where nobody knows how many
/// there will be.
pub(crate) fn during<T>(voice: &Voice, doing: &'static str, total: u64, work: impl FnOnce(&Meter) -> T) -> T {
    let meter = Meter::default();
    thread::scope(|scope| {
        // Dropped when the work is done, even by a panic: that ends the thread.
        let (_running, stopped) = mpsc::channel();
        let sight = Sight { voice, doing, total, meter: &meter, began: Instant::now() };
        match voice.show() {
            Show::Bar => drop(scope.spawn(move || sight.bar(&stopped))),
            Show::Lines => drop(scope.spawn(move || sight.lines(&stopped))),
            Show::Nothing => {}
        }
        work(&meter)
    })
}

/// What there is to show.
struct Sight<'a> {
    voice: &'a Voice,
    doing: &'static str,
    total: u64,
    meter: &'a Meter,
    began: Instant,
}

impl Sight<'_> {
    fn bar(&self, stopped: &Receiver<()>) {
        if is_stopped(stopped, BAR_AFTER) {
            return;
        }
        let bar = self.new_bar();
        self.voice.set_bar(Some(bar.clone()));
        while !is_stopped(stopped, BAR_EVERY) {
            bar.set_position(self.meter.done());
            bar.set_message(self.phase());
            bar.tick();
        }
        self.voice.set_bar(None);
        bar.finish_and_clear();
    }

    fn new_bar(&self) -> ProgressBar {
        let template = match (self.total, self.voice.is_colored()) {
            (0, _) => "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec} {elapsed}",
            (_, true) => {
                "{msg} {percent:>3}% [{wide_bar:.cyan}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} eta {eta}"
            }
            (_, false) => {
                "{msg} {percent:>3}% [{wide_bar}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} eta {eta}"
            }
        };
        let style = ProgressStyle::with_template(template).expect("the template is one of three that work");
        let bar = ProgressBar::with_draw_target(Some(self.total), terminal());
        bar.set_style(style.progress_chars("=> "));
        bar.set_message(self.phase());
        bar.with_elapsed(self.began.elapsed())
    }

    /// What goes on: once all bytes are there they are hashed and synced, and the bar stands still.
    fn phase(&self) -> String {
        let are_all_there = self.total > 0 && self.meter.done() >= self.total;
        format!("{}{}", self.doing, if are_all_there { ": verify, sync" } else { "" })
    }

    fn lines(&self, stopped: &Receiver<()>) {
        while !is_stopped(stopped, LINE_EVERY) {
            self.voice.print(&self.line());
        }
    }

    fn line(&self) -> String {
        let (done, seconds) = (self.meter.done(), self.began.elapsed().as_secs_f64());
        let rate = text::rate(done, seconds);
        let (doing, pace) = (self.phase(), text::pace(done, self.began.elapsed()));
        match self.total {
            0 => format!("{doing} {pace}"),
            total => {
                let percent = done.saturating_mul(100) / total;
                let eta = total.saturating_sub(done) / rate.max(1);
                format!("{doing} {percent}% of {}: {pace}, eta {eta} s", text::size(total))
            }
        }
    }
}

/// Where a bar is drawn. On a terminal of our own choosing: indicatif's hides the bar under NO_COLOR and where TERM is "dumb".
pub(crate) fn terminal() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(Term::buffered_stderr()), BAR_HZ)
}

/// Waits for `time`; true if the work was done before.
fn is_stopped(stopped: &Receiver<()>, time: Duration) -> bool {
    stopped.recv_timeout(time) != Err(RecvTimeoutError::Timeout)
}

/// Work that is done sooner needs no bar.
const BAR_AFTER: Duration = Duration::from_millis(500);

const BAR_EVERY: Duration = Duration::from_millis(100);

const BAR_HZ: u8 = 10;

/// Often enough that a log shows life, and seldom enough to be read.
const LINE_EVERY: Duration = Duration::from_secs(10);
