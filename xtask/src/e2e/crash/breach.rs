//! What must never be, whatever ended the server: a blob that is wrong, partial or lost, or an upload that is not as its
//! sender was told.

use std::error::Error;
use std::fmt;

/// The one kind of error that shows a mistake of the server's. Every other one is trouble of the trial's own, and shows
/// nothing.
#[derive(Debug)]
pub(super) struct Breach(pub(super) String);

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Breach {}
