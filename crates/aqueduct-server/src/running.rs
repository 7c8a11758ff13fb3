//! The options of a server that runs. Some may change meanwhile: each of those is a number, which is loaded where it is used,
//! without a lock, and which no other depends on.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use aqueduct_flow::{ReceiveRoute, SendRoute, Thresholds};

use crate::deadline::Pace;
use crate::{Deadlines, Options};

/// How a server runs.
#[derive(Debug)]
pub(crate) struct Running {
    /// But for grace, which may change.
    pub(crate) deadlines: Deadlines,
    pub(crate) send_route: SendRoute,
    pub(crate) receive_route: ReceiveRoute,
    thresholds: Thresholds,
    blob_size_max: AtomicU64,
    rate_min: AtomicU64,
    request_count_max: AtomicUsize,
    grace: Time,
    upload_expiry: Time,
    /// None is never.
    scrub_every: Time,
    scrub_rate: AtomicU64,
}

impl Running {
    pub(crate) fn new(options: &Options) -> Self {
        let running = Self {
            deadlines: options.deadlines,
            send_route: options.send_route,
            receive_route: options.receive_route,
            thresholds: options.thresholds,
            blob_size_max: AtomicU64::default(),
            rate_min: AtomicU64::default(),
            request_count_max: AtomicUsize::default(),
            grace: Time::default(),
            upload_expiry: Time::default(),
            scrub_every: Time::default(),
            scrub_rate: AtomicU64::default(),
        };
        running.change(options);
        running
    }

    /// Takes of `options` what may change.
    pub(crate) fn change(&self, options: &Options) {
        self.blob_size_max.store(options.blob_size_max, Ordering::Relaxed);
        self.rate_min.store(options.rate_min, Ordering::Relaxed);
        self.request_count_max.store(options.request_count_max, Ordering::Relaxed);
        self.grace.set(options.deadlines.grace);
        self.upload_expiry.set(options.upload_expiry);
        self.scrub_every.set(options.scrub_every.unwrap_or_default());
        self.scrub_rate.store(options.scrub_rate.get(), Ordering::Relaxed);
    }

    pub(crate) fn blob_size_max(&self) -> u64 {
        self.blob_size_max.load(Ordering::Relaxed)
    }

    pub(crate) fn request_count_max(&self) -> usize {
        self.request_count_max.load(Ordering::Relaxed)
    }

    pub(crate) fn grace(&self) -> Duration {
        self.grace.get()
    }

    pub(crate) fn upload_expiry(&self) -> Duration {
        self.upload_expiry.get()
    }

    /// `None` is never.
    pub(crate) fn scrub_every(&self) -> Option<Duration> {
        Some(self.scrub_every.get()).filter(|every| !every.is_zero())
    }

    pub(crate) fn scrub_rate(&self) -> NonZeroU64 {
        NonZeroU64::new(self.scrub_rate.load(Ordering::Relaxed)).expect("what was stored is not zero")
    }

    /// What a peer has to do that sends.
    pub(crate) fn body_pace(&self) -> Pace {
        Pace::new(self.deadlines.body, self.rate_min.load(Ordering::Relaxed))
    }

    /// What a peer has to do that is sent something.
    pub(crate) fn send_pace(&self) -> Pace {
        Pace::new(self.deadlines.send, self.rate_min.load(Ordering::Relaxed))
    }

    /// The route for an answer that sends so much of a blob.
    pub(crate) fn send_route_for(&self, len: u64) -> SendRoute {
        self.thresholds.send_route(self.send_route, len)
    }

    /// The route for a body of which so much comes at most, as far as that is known.
    pub(crate) fn receive_route_for(&self, len: Option<u64>) -> ReceiveRoute {
        self.thresholds.receive_route(self.receive_route, len)
    }
}

/// A length of time, to the millisecond.
#[derive(Debug, Default)]
struct Time(AtomicU64);

impl Time {
    fn get(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, time: Duration) {
        self.0.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
