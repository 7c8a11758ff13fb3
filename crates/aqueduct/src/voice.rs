//! Standard error: what people read.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;

use crate::exit;
use crate::fault::Fault;
use crate::flags::{Color, Manner, Progress};
use crate::text::with_causes;

/// Says things on standard error, around a progress bar if there is one.
#[derive(Debug)]
pub(crate) struct Voice {
    is_quiet: bool,
    verbosity: u8,
    is_colored: bool,
    show: Show,
    is_mute: AtomicBool,
    bar: Mutex<Option<ProgressBar>>,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    Bar,
    Lines,
    Nothing,
}

impl Voice {
    pub(crate) fn new(manner: &Manner) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_colored = match manner.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0");
                !set("NO_COLOR") && (forced || is_terminal)
            }
        };
        let can_draw = is_terminal && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        let show = match manner.progress {
            _ if manner.quiet => Show::Nothing,
            Progress::Auto if can_draw => Show::Bar,
            Progress::Auto | Progress::Plain => Show::Lines,
            Progress::Bar => Show::Bar,
            Progress::None => Show::Nothing,
        };
        let (is_mute, bar) = (AtomicBool::new(false), Mutex::default());
        Self { is_quiet: manner.quiet, verbosity: manner.verbose, is_colored, show, is_mute, bar }
    }

    /// Whether anybody sees how far long work is.
    pub(crate) fn shows_progress(&self) -> bool {
        self.show != Show::Nothing
    }

    /// A sentence that a script may do without.
    pub(crate) fn say(&self, text: &str) {
        if !self.is_quiet {
            self.print(text);
        }
    }

    /// What only `-v` asks for. The text is made when it is wanted.
    pub(crate) fn detail(&self, text: impl FnOnce() -> String) {
        if self.tells_details() {
            self.print(&text());
        }
    }

    pub(crate) fn tells_details(&self) -> bool {
        self.verbosity > 0
    }

    /// Leaves failures to whoever writes events to standard error: every line there is one of them then.
    pub(crate) fn set_mute(&self, is_mute: bool) {
        self.is_mute.store(is_mute, Ordering::Relaxed);
    }

    /// A failure, with its causes and what to do about it. Never silent, unless somebody else tells it there.
    pub(crate) fn complain(&self, fault: &Fault) {
        if self.is_mute.load(Ordering::Relaxed) {
            return;
        }
        let prefix = if self.is_colored { "\u{1b}[1;31maqueduct:\u{1b}[0m" } else { "aqueduct:" };
        let mut text = format!("{prefix} {}", with_causes(fault));
        if let Some(advice) = exit::advice(fault) {
            let _ = write!(text, "; {advice}");
        }
        self.print(&text);
    }

    /// How much is to be said; `None` is nothing but what fails.
    pub(crate) fn verbosity(&self) -> Option<u8> {
        (!self.is_quiet).then_some(self.verbosity)
    }

    pub(crate) fn show(&self) -> Show {
        self.show
    }

    pub(crate) fn is_colored(&self) -> bool {
        self.is_colored
    }

    /// Keeps the bar, which other lines then go around, or takes it away.
    pub(crate) fn set_bar(&self, bar: Option<ProgressBar>) {
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }

    /// Runs `print` while no bar is in the way.
    pub(crate) fn around_bar<T>(&self, print: impl FnOnce() -> T) -> T {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match &*bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Nobody is left to tell where standard error fails.
    pub(crate) fn print(&self, text: &str) {
        self.around_bar(|| {
            let _ = writeln!(io::stderr(), "{text}");
        });
    }
}
