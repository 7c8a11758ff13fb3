//! What came of trying a call.

use std::fmt;
use std::io;

use aqueduct_sys::{Errno, Result};

/// What came of trying a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It did what it is for.
    Works,
    /// It reported success, and had done nothing or the wrong thing.
    Lies,
    /// It answered with this error.
    Refused(Errno),
}

impl Tried {
    /// Whether it did what it is for.
    #[must_use]
    pub fn works(self) -> bool {
        self == Self::Works
    }

    /// From what a call answered, and whether that was right.
    pub(super) fn of<T>(answer: Result<T>, is_right: impl FnOnce(T) -> bool) -> Self {
        match answer {
            Ok(answer) => {
                if is_right(answer) {
                    Self::Works
                } else {
                    Self::Lies
                }
            }
            Err(error) => Self::Refused(error.errno()),
        }
    }
}

/// Displays as `works`, `reports success and does nothing`, or what the error says.
impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works => f.write_str("works"),
            Self::Lies => f.write_str("reports success and does nothing"),
            Self::Refused(errno) => write!(f, "{}", io::Error::from(*errno)),
        }
    }
}
