//! Several things to do, of which some fail.

use crate::fault::Fault;
use crate::voice::Voice;

/// Counts failures, and says each as it comes; the only one of a command that does one thing is left to be its error.
#[derive(Debug)]
pub(crate) struct Failures<'a> {
    voice: &'a Voice,
    /// How many things there are to do.
    of: usize,
    failed: usize,
    only: Option<Fault>,
}

impl<'a> Failures<'a> {
    pub(crate) fn new(voice: &'a Voice, of: usize) -> Self {
        Self { voice, of, failed: 0, only: None }
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.failed += 1;
        if self.of == 1 {
            self.only = Some(fault);
        } else {
            self.voice.complain(&fault);
        }
    }

    pub(crate) fn finish(self) -> Result<(), Fault> {
        match (self.failed, self.only) {
            (0, _) => Ok(()),
            (_, Some(only)) => Err(only),
            (failed, None) => Err(Fault::Some { failed, of: self.of }),
        }
    }
}
