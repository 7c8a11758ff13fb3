//! How far a transfer is, for whoever shows it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

/// Counts that a transfer moves on, and whoever shows it reads, several times a second.
#[derive(Debug, Default)]
pub struct Gauge {
    verified: AtomicU64,
    resumed: AtomicU64,
    total: AtomicU64,
    is_total_known: AtomicBool,
    streams: AtomicU32,
    limit: AtomicU8,
}

/// What keeps a transfer from being faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Limit {
    /// Not known yet.
    Unknown = 0,
    /// The way between the hosts.
    Network = 1,
    /// Reading, at the sender.
    SenderDisk = 2,
    /// Writing, at the receiver.
    ReceiverDisk = 3,
    /// Hashing, at either side.
    Hash = 4,
    /// The rate that was asked for.
    Rate = 5,
}

impl Gauge {
    /// Bytes that the receiver has verified in this run, or, where nobody verifies, that its kernel has acknowledged.
    pub fn verified(&self) -> u64 {
        self.verified.load(Ordering::Relaxed)
    }

    /// Bytes that were there from an earlier attempt.
    pub fn resumed(&self) -> u64 {
        self.resumed.load(Ordering::Relaxed)
    }

    /// Bytes in all, with those of an earlier attempt; `None` while nobody knows.
    pub fn total(&self) -> Option<u64> {
        self.is_total_known.load(Ordering::Acquire).then(|| self.total.load(Ordering::Relaxed))
    }

    /// Connections that move bytes.
    pub fn streams(&self) -> u32 {
        self.streams.load(Ordering::Relaxed)
    }

    /// What keeps it from being faster.
    pub fn limit(&self) -> Limit {
        let limit = self.limit.load(Ordering::Relaxed);
        Limit::ALL.into_iter().find(|known| *known as u8 == limit).unwrap_or(Limit::Unknown)
    }

    pub(crate) fn add_verified(&self, len: u64) {
        self.verified.fetch_add(len, Ordering::Relaxed);
    }

    /// An attempt begins: what it finds there is not counted yet.
    pub(crate) fn begin_attempt(&self) {
        self.resumed.store(0, Ordering::Relaxed);
        self.verified.store(0, Ordering::Relaxed);
        self.total.store(0, Ordering::Relaxed);
        self.is_total_known.store(false, Ordering::Release);
        self.set_streams(1);
    }

    pub(crate) fn add_resumed(&self, len: u64) {
        self.resumed.fetch_add(len, Ordering::Relaxed);
    }

    pub(crate) fn add_total(&self, len: u64) {
        self.total.fetch_add(len, Ordering::Relaxed);
    }

    pub(crate) fn set_total(&self, len: u64) {
        self.total.store(len, Ordering::Relaxed);
        self.know_total();
    }

    pub(crate) fn know_total(&self) {
        self.is_total_known.store(true, Ordering::Release);
    }

    pub(crate) fn set_streams(&self, count: u32) {
        self.streams.store(count, Ordering::Relaxed);
    }

    pub(crate) fn set_limit(&self, limit: Limit) {
        self.limit.store(limit as u8, Ordering::Relaxed);
    }
}

impl Limit {
    const ALL: [Self; 6] =
        [Self::Unknown, Self::Network, Self::SenderDisk, Self::ReceiverDisk, Self::Hash, Self::Rate];
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "nothing known",
            Self::Network => "network",
            Self::SenderDisk => "sender disk",
            Self::ReceiverDisk => "receiver disk",
            Self::Hash => "hash",
            Self::Rate => "the rate asked for",
        })
    }
}
