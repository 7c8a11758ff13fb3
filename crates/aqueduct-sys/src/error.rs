//! Which call failed, and how.

use std::io;

use rustix::io::Errno;

use crate::count;

/// A system call that failed: its name and its errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {}", io::Error::from(*.errno))]
pub struct Error {
    call: &'static str,
    errno: Errno,
}

/// The result of a system call.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// For callers too, when an answer of a call is one that it never should give.
    #[must_use]
    pub const fn new(call: &'static str, errno: Errno) -> Self {
        Self { call, errno }
    }

    /// What the C library's `errno` says of the call that failed last in this thread.
    pub(crate) fn last(call: &'static str) -> Self {
        let errno = Errno::from_io_error(&io::Error::last_os_error());
        Self::new(call, errno.expect("the system's errors have a number"))
    }

    /// The name of the call, as its man page has it.
    #[must_use]
    pub const fn call(self) -> &'static str {
        self.call
    }

    /// What the kernel answered; see errno(3).
    #[must_use]
    pub const fn errno(self) -> Errno {
        self.errno
    }
}

impl From<Error> for io::Error {
    /// Keeps the kind and the name of the call. `raw_os_error` is lost on the way; [`errno_of`] finds it again.
    fn from(error: Error) -> Self {
        Self::new(Self::from(error.errno).kind(), error)
    }
}

/// The errno inside an [`io::Error`], whether it came from this crate or from the standard library.
#[must_use]
pub fn errno_of(error: &io::Error) -> Option<Errno> {
    let ours = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    ours.map(|error| error.errno).or_else(|| error.raw_os_error().map(Errno::from_raw_os_error))
}

/// Counts the call, and names it in a failure of `rustix`.
pub(crate) trait Named<T> {
    fn named(self, call: &'static str) -> Result<T>;
}

impl<T> Named<T> for rustix::io::Result<T> {
    fn named(self, call: &'static str) -> Result<T> {
        count::add();
        self.map_err(|errno| Error::new(call, errno))
    }
}
