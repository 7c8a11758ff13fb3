//! What is seen while bytes move: a bar on a terminal, a line now and then elsewhere, events for scripts.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use aqueduct_transfer::Phase;
use indicatif::{ProgressBar, ProgressStyle};

use super::glance::Glance;
use super::teller::Teller;
use crate::progress;
use crate::voice::{Show, Voice};

/// Shows how far it is until the other end of `over` is dropped.
pub(super) fn show(teller: &Teller<'_, '_>, over: &Receiver<()>) {
    let began = Instant::now();
    let (show, mut cadence) = match teller.tells_events() {
        true => (Show::Lines, Cadence::of_events()),
        false => (teller.voice().show(), Cadence::of_lines()),
    };
    let mut bar = None;
    while over.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        let (now, glance) = (began.elapsed(), teller.glance());
        match show {
            // What is done at once needs no bar.
            Show::Bar if now >= BAR_AFTER => {
                bar.get_or_insert_with(|| Bar::begin(teller.voice())).show(&glance);
            }
            Show::Lines if cadence.is_due(now, &glance) => teller.tell(&glance),
            _ => {}
        }
    }
    if let Some(bar) = bar {
        bar.clear();
    }
}

/// When the next line is due.
#[derive(Debug)]
struct Cadence {
    /// How far two lines are apart at least where something is new, and at most otherwise.
    least: Duration,
    most: Duration,
    last: Duration,
    /// How many tenths of the whole were there.
    tenths: u64,
}

impl Cadence {
    fn of_lines() -> Self {
        Self { least: Duration::from_secs(1), most: Duration::from_secs(10), last: Duration::ZERO, tenths: 0 }
    }

    fn of_events() -> Self {
        Self { most: Duration::from_secs(1), ..Self::of_lines() }
    }

    /// At each tenth of the whole, and every so often. Not while the other side is waited for: that was said.
    fn is_due(&mut self, now: Duration, glance: &Glance) -> bool {
        if glance.phase == Phase::Connect {
            (self.last, self.tenths) = (now, 0);
            return false;
        }
        let since = now.saturating_sub(self.last);
        let tenths = glance.percent().unwrap_or(0) / 10;
        let is_due = since >= self.most || (since >= self.least && tenths > self.tenths);
        if is_due {
            (self.last, self.tenths) = (now, tenths);
        }
        is_due
    }
}

/// A bar, around which other lines go.
struct Bar<'a> {
    voice: &'a Voice,
    bar: ProgressBar,
}

impl<'a> Bar<'a> {
    fn begin(voice: &'a Voice) -> Self {
        let bar = ProgressBar::with_draw_target(None, progress::terminal());
        voice.set_bar(Some(bar.clone()));
        Self { voice, bar }
    }

    /// Two lines, so that all of it fits into 80 columns.
    fn show(&self, glance: &Glance) {
        // No word of ours has a brace in it, which would be a key.
        let template = match (glance.phase, glance.percent(), self.voice.is_colored()) {
            (Phase::Connect, ..) => "{spinner} waiting for the other side".to_owned(),
            (_, None, _) => "{prefix}  {spinner}\n  {msg}".to_owned(),
            (_, Some(_), true) => {
                format!("{{prefix}}  {{percent:>3}}% [{{wide_bar:.cyan}}]  {}\n  {{msg}}", glance.outlook())
            }
            (_, Some(_), false) => {
                format!("{{prefix}}  {{percent:>3}}% [{{wide_bar}}]  {}\n  {{msg}}", glance.outlook())
            }
        };
        let style = ProgressStyle::with_template(&template).expect("it is made of keys that there are");
        self.bar.set_style(style.progress_chars("=> "));
        self.bar.set_length(glance.total.unwrap_or(0));
        self.bar.set_position(glance.done);
        self.bar.set_prefix(glance.title());
        self.bar.set_message(glance.figures());
        self.bar.tick();
    }

    fn clear(self) {
        self.voice.set_bar(None);
        self.bar.finish_and_clear();
    }
}

const BAR_AFTER: Duration = Duration::from_millis(500);

const EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
