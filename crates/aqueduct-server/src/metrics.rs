//! What is counted for whoever watches the server from outside, in the names and units that Prometheus has conventions for
//! (prometheus.io/docs/practices/naming).
//!
//! The counts are of the process, as the log is: whoever meets something counts it where it writes it down, and nothing else
//! has to know. What is so at the moment of a look is in [`crate::figures`].

mod page;

use std::sync::LazyLock;
use std::time::Duration;

use aqueduct_flow::{Carried, Route};
use aqueduct_store::Cause;
use prometheus::core::Collector;
use prometheus::{
    Counter, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use crate::asked::{Door, Kind, Verdict};

pub(crate) use page::page;

/// Everything that is counted. Each series is there from the start: a rate is known only of what was 0 before.
pub(crate) struct Metrics {
    registry: Registry,
    /// In the order of [`Kind::ALL`].
    requests: Vec<Requests>,
    /// In the order of [`Door::ALL`].
    sent: Vec<Bytes>,
    received: Vec<Bytes>,
    /// In the order of [`Cause::ALL`].
    faults: Vec<IntCounter>,
    /// Connections that were let in.
    pub(crate) accepted: IntCounter,
    /// Connections for which there was no room.
    pub(crate) turned_away: IntCounter,
    /// Blobs that were not here before.
    pub(crate) stored: IntCounter,
    stagings: IntGauge,
    cold_waits: IntCounter,
    cold_wait_seconds: Counter,
}

/// Those of one kind.
struct Requests {
    /// In the order of [`Verdict::ALL`].
    by_verdict: Vec<IntCounter>,
    seconds: Histogram,
}

/// Bytes of blobs that passed a door.
struct Bytes {
    /// In the order of [`Route::ALL`].
    by_route: Vec<IntCounter>,
    /// Those that were in memory and left from there.
    memory: IntCounter,
}

/// The counts of this process.
pub(crate) static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// A blob that is staged, counted for as long as this is there.
#[derive(Debug)]
pub(crate) struct CountedStaging(());

impl CountedStaging {
    pub(crate) fn new() -> Self {
        METRICS.stagings.inc();
        Self(())
    }
}

impl Drop for CountedStaging {
    fn drop(&mut self) {
        METRICS.stagings.dec();
    }
}

/// Counts a call to the kernel that it refused, and that cost somebody an answer.
pub(crate) fn count_fault(cause: Cause) {
    let place = Cause::ALL.iter().position(|known| *known == cause).expect("all causes are counted");
    METRICS.faults[place].inc();
}

impl Metrics {
    fn new() -> Self {
        let registry = Registry::new();
        let counters = |name, help, labels: &[&str]| {
            kept(&registry, IntCounterVec::new(Opts::new(name, help), labels).expect(VALID))
        };
        let counter = |name, help| kept(&registry, IntCounter::new(name, help).expect(VALID));
        let requests = counters(
            "aqueduct_requests_total",
            "Requests that came to an end, by what came of them",
            &["door", "verb", "outcome"],
        );
        let seconds = HistogramOpts::new(
            "aqueduct_request_duration_seconds",
            "From the last byte of a request's head until the last of its reply was given to the kernel",
        );
        let seconds = HistogramVec::new(seconds.buckets(SECONDS.to_vec()), &["door", "verb"]).expect(VALID);
        let seconds = kept(&registry, seconds);
        let requests = Kind::ALL.iter().map(|kind| {
            let (door, verb) = (kind.door().name(), kind.verb());
            let of = |verdict: Verdict| requests.with_label_values(&[door, verb, verdict.name()]);
            Requests {
                by_verdict: Verdict::ALL.into_iter().map(of).collect(),
                seconds: seconds.with_label_values(&[door, verb]),
            }
        });
        let bytes = |name, help| -> Vec<_> {
            let bytes = counters(name, help, &["door", "route"]);
            let of = |door: Door| {
                let by = |route: &str| bytes.with_label_values(&[door.name(), route]);
                let by_route = Route::ALL.iter().map(|route| by(&route.to_string())).collect();
                Bytes { by_route, memory: by(MEMORY) }
            };
            Door::ALL.into_iter().map(of).collect()
        };
        let faults = counters(
            "aqueduct_faults_total",
            "Calls that the kernel refused and that cost somebody an answer",
            &["kind"],
        );
        Self {
            requests: requests.collect(),
            sent: bytes("aqueduct_sent_bytes_total", "Bytes of blobs that were sent"),
            received: bytes("aqueduct_received_bytes_total", "Bytes of blobs that were received"),
            faults: Cause::ALL.into_iter().map(|cause| faults.with_label_values(&[kind(cause)])).collect(),
            accepted: counter("aqueduct_connections_accepted_total", "Connections that were let in"),
            turned_away: counter(
                "aqueduct_connections_rejected_total",
                "Connections for which there was no room",
            ),
            stored: counter("aqueduct_stored_blobs_total", "Blobs that came and were not here before"),
            stagings: kept(
                &registry,
                IntGauge::new("aqueduct_stagings", "Blobs that are staged: they come, and have no name yet")
                    .expect(VALID),
            ),
            cold_waits: counter(
                "aqueduct_cold_waits_total",
                "Windows of blobs that were not in memory when they were to be sent",
            ),
            cold_wait_seconds: kept(
                &registry,
                Counter::new(
                    "aqueduct_cold_wait_seconds_total",
                    "How long those who were to be sent such windows waited for the disk",
                )
                .expect(VALID),
            ),
            registry,
        }
    }

    /// A request came to its end.
    pub(crate) fn answered(&self, kind: Kind, verdict: Verdict, time: Duration) {
        self.answered_alike(kind, verdict, time, 1);
    }

    /// So many did together.
    pub(crate) fn answered_alike(&self, kind: Kind, verdict: Verdict, time: Duration, count: usize) {
        let requests = &self.requests[kind as usize];
        requests.by_verdict[verdict as usize].inc_by(count as u64);
        let seconds = time.as_secs_f64();
        for _ in 0..count {
            requests.seconds.observe(seconds);
        }
    }

    /// How many requests came to such an end.
    pub(crate) fn count(&self, verdict: Verdict) -> u64 {
        self.requests.iter().map(|requests| requests.by_verdict[verdict as usize].get()).sum()
    }

    /// Bytes left from memory.
    pub(crate) fn sent_from_memory(&self, door: Door, len: u64) {
        self.sent[door as usize].memory.inc_by(len);
    }

    /// Bytes came by one route, and all of them were counted.
    pub(crate) fn received_by(&self, door: Door, route: Route, len: u64) {
        self.received[door as usize].count(&Carried::by_route(route, len), &mut Carried::default());
    }

    /// Bytes left by routes: `carried` is all of a transfer, of which `told` was counted before.
    pub(crate) fn sent(&self, door: Door, carried: &Carried, told: &mut Carried) {
        self.sent[door as usize].count(carried, told);
    }

    /// Bytes came; see [`Self::sent`].
    pub(crate) fn received(&self, door: Door, carried: &Carried, told: &mut Carried) {
        self.received[door as usize].count(carried, told);
    }

    /// What all doors sent, by route.
    pub(crate) fn all_sent(&self) -> Vec<(String, u64)> {
        sums(&self.sent)
    }

    /// What all doors received, by route.
    pub(crate) fn all_received(&self) -> Vec<(String, u64)> {
        sums(&self.received)
    }

    /// Somebody waited so long for a window to be read.
    pub(crate) fn cold_wait(&self, time: Duration) {
        self.cold_waits.inc();
        self.cold_wait_seconds.inc_by(time.as_secs_f64());
    }
}

impl Bytes {
    fn count(&self, carried: &Carried, told: &mut Carried) {
        for (counter, route) in self.by_route.iter().zip(Route::ALL) {
            let len = carried.by(route) - told.by(route);
            if len > 0 {
                counter.inc_by(len);
            }
        }
        *told = *carried;
    }
}

fn sums(doors: &[Bytes]) -> Vec<(String, u64)> {
    let routes = Route::ALL.into_iter().enumerate().map(|(place, route)| {
        (route.to_string(), doors.iter().map(|bytes| bytes.by_route[place].get()).sum())
    });
    let memory = (MEMORY.to_owned(), doors.iter().map(|bytes| bytes.memory.get()).sum());
    routes.chain([memory]).collect()
}

fn kept<M: Collector + Clone + 'static>(registry: &Registry, metric: M) -> M {
    registry.register(Box::new(metric.clone())).expect("nothing is registered twice");
    metric
}

fn kind(cause: Cause) -> &'static str {
    match cause {
        Cause::NoSpace => "no_space",
        Cause::Quota => "quota",
        Cause::Descriptors => "descriptors",
        Cause::Memory => "memory",
        Cause::ReadOnly => "read_only",
        Cause::Io => "io",
    }
}

/// The route of what took none.
const MEMORY: &str = "memory";

const VALID: &str = "names and labels follow the rules";

/// From what is in memory to a large blob over a slow line.
const SECONDS: &[f64] = &[0.000_1, 0.000_5, 0.002_5, 0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 300.0];

#[cfg(test)]
mod tests;
