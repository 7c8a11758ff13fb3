//! The page that Prometheus collects, in its text format 0.0.4
//! (prometheus.io/docs/instrumenting/exposition_formats).

use aqueduct_store::{Store, Syncs};
use prometheus::core::Collector;
use prometheus::{Gauge, GaugeVec, IntCounter, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use super::{METRICS, VALID, kept};
use crate::figures::{self, Figures};
use crate::server::Shared;

/// Everything that there is to be told.
pub(crate) fn page(shared: &Shared, figures: &Figures) -> String {
    let moment = Moment(Registry::new());
    moment.of_store(&shared.store, figures);
    moment.of_server(shared);
    moment.of_process(figures);
    let mut families = METRICS.registry.gather();
    families.extend(moment.0.gather());
    // A string takes all that is written to it.
    TextEncoder::new().encode_to_string(&families).unwrap_or_default()
}

/// What is so at this moment.
struct Moment(Registry);

impl Moment {
    fn of_store(&self, store: &Store, figures: &Figures) {
        self.is(
            "aqueduct_store_read_only",
            "1 once the store takes no changes until it is opened again",
            store.is_read_only(),
        );
        self.is(
            "aqueduct_store_suspects",
            "1 as long as blobs that an unclean stop left are hashed again",
            store.has_suspects(),
        );
        self.total(
            "aqueduct_damaged_blobs_total",
            "Blobs that were found damaged and moved to quarantine since the store was opened",
            store.damaged_count(),
        );
        self.total(
            "aqueduct_evicted_blobs_total",
            "Blobs that were evicted to make room since the store was opened",
            store.evicted_count(),
        );
        if let Some(usage) = figures.usage {
            self.gauge("aqueduct_store_blobs", "Blobs in the store", usage.count);
            self.gauge("aqueduct_store_blobs_bytes", "The sum of their sizes", usage.size);
        }
        self.of_entries(store);
        let limits = store.limits();
        if limits.is_limited() {
            self.gauge(
                "aqueduct_store_allocated_bytes",
                "What all files of the store take on the medium",
                store.allocated(),
            );
        }
        if let Some(size_max) = limits.size_max {
            self.gauge("aqueduct_store_limit_bytes", "What they may take (--max-size)", size_max);
        }
        if let Some(room) = figures.room {
            self.gauge("aqueduct_filesystem_size_bytes", "The size of the store's filesystem", room.size);
            self.gauge("aqueduct_filesystem_free_bytes", "What may still be written there", room.available);
            self.gauge(
                "aqueduct_filesystem_free_inodes",
                "How many files may still be made there",
                room.inodes_available,
            );
        }
        if let Some(staged) = figures.staged {
            self.gauge("aqueduct_uploads", "Uploads that wait for more, or receive it", staged.count);
            self.gauge("aqueduct_uploads_bytes", "What was reserved for them", staged.size);
        }
        let Syncs { count, time } = Syncs::of_process();
        self.total("aqueduct_syncs_total", "Syncs of files, directories and filesystems", count);
        self.seconds("aqueduct_sync_seconds_total", "How long they took, each by itself", time.as_secs_f64());
        self.of_scrub(figures);
    }

    fn of_entries(&self, store: &Store) {
        let entries = IntGaugeVec::new(
            Opts::new("aqueduct_store_entries", "Keys of build caches under which something is kept"),
            &["cache"],
        );
        let entries = kept(&self.0, entries.expect(VALID));
        for (cache, count) in figures::entry_counts(store) {
            entries.with_label_values(&[cache.as_str()]).set(as_gauge(count));
        }
    }

    fn of_scrub(&self, figures: &Figures) {
        let scrub = &figures.scrub;
        self.is("aqueduct_scrub_running", "1 while a scrub goes on", scrub.is_running);
        let (count, size) = scrub.pass.as_ref().map_or((0, 0), |pass| (pass.count, pass.size));
        self.gauge(
            "aqueduct_scrub_pass_blobs",
            "Blobs that the scrub which goes on, or will be gone on with, has read",
            count,
        );
        self.gauge("aqueduct_scrub_pass_bytes", "Bytes of them", size);
        if let Some(whole) = &scrub.whole {
            let ended = whole.ended.unwrap_or_default();
            let ended = u64::try_from(ended).unwrap_or_default();
            self.gauge(
                "aqueduct_scrub_last_end_timestamp_seconds",
                "When the last scrub came to its end",
                ended,
            );
            self.gauge("aqueduct_scrub_last_damaged_blobs", "Blobs that it found damaged", whole.damaged);
        }
    }

    fn of_server(&self, shared: &Shared) {
        let (count, count_max) = shared.guests.count();
        self.gauge("aqueduct_connections", "Connections that are open", count as u64);
        self.gauge("aqueduct_connections_limit", "How many there may be", count_max as u64);
        let jobs = IntGaugeVec::new(
            Opts::new("aqueduct_jobs", "What waits for workers, or is being done by them"),
            &["crew"],
        );
        let jobs = kept(&self.0, jobs.expect(VALID));
        for (crew, count) in shared.job_counts() {
            jobs.with_label_values(&[crew]).set(as_gauge(count as u64));
        }
        let version = GaugeVec::new(
            Opts::new("aqueduct_build_info", "Always 1; what runs is in the labels"),
            &["version"],
        );
        let version = kept(&self.0, version.expect(VALID));
        version.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
    }

    /// By the names that all clients of Prometheus give them.
    fn of_process(&self, figures: &Figures) {
        let process = &figures.process;
        self.seconds("process_cpu_seconds_total", "CPU time that was used", process.cpu_time.as_secs_f64());
        self.gauge("process_open_fds", "Open file descriptors", process.descriptor_count);
        if let Some(limit) = process.descriptor_count_max {
            self.gauge("process_max_fds", "How many file descriptors may be open", limit);
        }
        self.gauge("process_resident_memory_bytes", "Memory that is in use", process.memory);
        self.gauge("process_threads", "Threads", process.thread_count);
        let started =
            Gauge::new("process_start_time_seconds", "When the server began, in seconds since 1970");
        kept(&self.0, started.expect(VALID)).set(process.started);
    }

    fn is(&self, name: &str, help: &str, is: bool) {
        self.gauge(name, help, u64::from(is));
    }

    fn gauge(&self, name: &str, help: &str, value: u64) {
        self.keep(IntGauge::new(name, help)).set(as_gauge(value));
    }

    fn total(&self, name: &str, help: &str, value: u64) {
        self.keep(IntCounter::new(name, help)).inc_by(value);
    }

    fn seconds(&self, name: &str, help: &str, value: f64) {
        self.keep(prometheus::Counter::new(name, help)).inc_by(value);
    }

    fn keep<M: Collector + Clone + 'static>(&self, metric: prometheus::Result<M>) -> M {
        kept(&self.0, metric.expect(VALID))
    }
}

fn as_gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
