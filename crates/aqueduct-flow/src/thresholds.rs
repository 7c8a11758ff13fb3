//! Up to where which way is taken: numbers that only measurement can give.

use std::fmt;

use crate::{ReceiveRoute, SendRoute};

/// Up to where which way is taken, in bytes. 0 is: never, for what has any bytes.
///
/// They choose only where nobody asked for another route than `sendfile` and `splice`, which are the ways for what is
/// large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// The largest blob that is kept in memory once it was asked for, and answered from there in one write.
    pub memory_size_max: u64,
    /// The most of a file that is sent by copy; more goes by sendfile(2).
    pub copy_len_max: u64,
    /// The most that is received by copy; more goes by splice(2).
    pub receive_copy_len_max: u64,
}

impl Thresholds {
    /// The route for an answer that sends so much of a file.
    #[must_use]
    pub fn send_route(&self, wish: SendRoute, len: u64) -> SendRoute {
        if wish == SendRoute::Sendfile && len <= self.copy_len_max { SendRoute::Copy } else { wish }
    }

    /// The route for something of which so much comes at most; `None` is not known.
    #[must_use]
    pub fn receive_route(&self, wish: ReceiveRoute, len: Option<u64>) -> ReceiveRoute {
        let is_short = len.is_some_and(|len| len <= self.receive_copy_len_max);
        if wish == ReceiveRoute::Splice && is_short { ReceiveRoute::Copy } else { wish }
    }
}

/// Measured on a virtual machine of two cores: docs/performance.md has the figures.
impl Default for Thresholds {
    fn default() -> Self {
        Self { memory_size_max: 32 << 10, copy_len_max: 0, receive_copy_len_max: 0 }
    }
}

/// `from memory up to 64 KiB, by copy up to 16 KiB, received by copy up to 0 B`.
impl fmt::Display for Thresholds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory_size_max, copy_len_max, receive_copy_len_max } = *self;
        write!(
            f,
            "from memory up to {}, by copy up to {}, received by copy up to {}",
            Len(memory_size_max),
            Len(copy_len_max),
            Len(receive_copy_len_max)
        )
    }
}

/// In the largest unit that it is a whole number of.
struct Len(u64);

impl fmt::Display for Len {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0 B"),
            len if len.is_multiple_of(1 << 20) => write!(f, "{} MiB", len >> 20),
            len if len.is_multiple_of(1 << 10) => write!(f, "{} KiB", len >> 10),
            len => write!(f, "{len} B"),
        }
    }
}

#[cfg(test)]
mod tests;
