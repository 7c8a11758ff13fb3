//! The content coding `zstd` (RFC 8878), on the way in and on the way out. What is stored is never coded, and what a coded body
//! says of its size is never believed: what comes out of it is counted, and hashed like all that comes.
//!
//! Everything here takes a core for itself, and is for workers.

mod decode;
mod encode;
mod send;
mod sink;

use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use decode::{BadCoding, decode_all};
use decode::{Decoded, Decoder};
use encode::{Coded, Coding};
pub(crate) use send::code;
pub(crate) use sink::begin;

/// Whether a blob of this size might be sent coded.
pub(crate) fn is_worth_it(size: u64) -> bool {
    size >= WORTH_LEN
}

/// Room for one that codes or decodes, as long as it is held.
#[derive(Debug)]
struct Room(&'static AtomicUsize);

impl Room {
    fn to_code() -> Option<Self> {
        Self::take(&CODING_COUNT)
    }

    /// Of its own: whoever only reads keeps nobody from writing.
    fn to_decode() -> Option<Self> {
        Self::take(&DECODING_COUNT)
    }

    /// `None` while there are as many as may be.
    fn take(count: &'static AtomicUsize) -> Option<Self> {
        let more = |count| (count < COUNT_MAX).then_some(count + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok().then(|| Self(count))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

static CODING_COUNT: AtomicUsize = AtomicUsize::new(0);

static DECODING_COUNT: AtomicUsize = AtomicUsize::new(0);

/// Whoever decodes may hold a window, [`WINDOW_LOG_MAX`], for as long as its peer is slow: half a GiB in all. Whoever codes
/// holds 2 MiB. Beyond, blobs leave as they are, and coded ones are refused for a while.
const COUNT_MAX: usize = 64;

/// A window of 8 MiB, which section 3.1.1.1.2 of RFC 8878 recommends as the least to be understood and the most to be sent. It is
/// what a decoder has to remember.
const WINDOW_LOG_MAX: u32 = 23;

/// The smallest blob that is coded: a shorter one takes as many packets either way, or one or two more, and a worker.
const WORTH_LEN: u64 = 4 << 10;

/// How much is decoded at once: the largest block (section 3.1.1.2.4).
pub(crate) const BLOCK_LEN_MAX: usize = 128 << 10;

#[cfg(test)]
mod tests;
