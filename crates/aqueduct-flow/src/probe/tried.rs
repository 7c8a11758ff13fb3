//! What came of trying a call.

use std::fmt;
use std::io;

use aqueduct_sys::{Errno, Result};

use crate::retry::is_refusal;

/// What came of trying a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It did what it is for.
    Works,
    /// It reported success, and had done nothing or the wrong thing.
    Lies,
    /// It answered with this error, which says that there is no such way here.
    Refused(Errno),
    /// It could not be tried, and why: that says nothing of whether it works.
    Untried(Errno),
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
            Err(error) if refuses(error.errno()) => Self::Refused(error.errno()),
            Err(error) => Self::Untried(error.errno()),
        }
    }
}

/// Whether `errno`, from the very call that is tried, says that it is not to be had here. Any other says that something
/// else was in the way: no room, no descriptor, no memory, too little time.
pub(super) fn refuses(errno: Errno) -> bool {
    // A filter of a container forbids with EPERM or EACCES, and ENOTTY is how an ioctl is not there (ioctl(2)).
    is_refusal(errno) || matches!(errno, Errno::PERM | Errno::ACCESS | Errno::NOTTY)
}

/// Displays as `works`, `reports success and does nothing`, what the error says, or `not tried` and what the error says.
impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works => f.write_str("works"),
            Self::Lies => f.write_str("reports success and does nothing"),
            Self::Refused(errno) => write!(f, "{}", io::Error::from(*errno)),
            Self::Untried(errno) => write!(f, "not tried: {}", io::Error::from(*errno)),
        }
    }
}
