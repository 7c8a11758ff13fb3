//! How the store and the process are at this moment, as far as a disk or the kernel has to be asked: by a worker, and not for
//! longer than whoever watches is likely to wait. A disk that hangs is when they look.

use std::collections::BTreeMap;
use std::fs;
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aqueduct_store::{Room, ScrubState, Store, UploadListed, Usage};
use aqueduct_sys::{descriptor_limit, process_usage};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::server::Shared;

/// What was found. What cannot be had is left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// `None` while the blobs have to be counted again.
    pub(crate) usage: Option<Usage>,
    pub(crate) room: Option<Room>,
    /// Of the uploads that are not finished.
    pub(crate) staged: Option<Usage>,
    /// The first of them.
    pub(crate) uploads: Vec<UploadListed>,
    pub(crate) scrub: ScrubState,
    pub(crate) process: Process,
}

/// What the kernel knows of this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Process {
    /// In seconds since 1970.
    pub(crate) started: f64,
    pub(crate) cpu_time: Duration,
    /// Resident, in bytes.
    pub(crate) memory: u64,
    pub(crate) thread_count: u64,
    pub(crate) descriptor_count: u64,
    /// `None` where there is no limit.
    pub(crate) descriptor_count_max: Option<u64>,
}

/// What was found last, and whether somebody looks.
#[derive(Debug, Default)]
pub(crate) struct LastFigures {
    state: Mutex<State>,
    /// A look came to its end.
    looked: Notify,
}

#[derive(Debug, Default)]
struct State {
    figures: Arc<Figures>,
    is_looking: bool,
}

/// How many entries each build cache has. That is the first word of a namespace: of the others whoever may write makes as many as
/// they like.
pub(crate) fn entry_counts(store: &Store) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (namespace, count) in store.entry_counts() {
        let (cache, _) = namespace.split_once('/').unwrap_or((&namespace, ""));
        *counts.entry(cache.to_owned()).or_default() += count;
    }
    counts
}

/// Has a worker look: one for all who ask. Where that takes too long, it is what another look found before, and this one is for
/// the next.
pub(crate) async fn look(shared: &Arc<Shared>) -> Arc<Figures> {
    let last = &shared.figures;
    let mut looked = pin!(last.looked.notified());
    // From here on, so that none is missed.
    looked.as_mut().enable();
    let is_first = !std::mem::replace(&mut last.state().is_looking, true);
    if is_first {
        let job = Arc::clone(shared);
        shared.readers.leave(move || job.figures.take(&job.store));
    }
    // Without an answer it is what there is.
    let _ = timeout(PATIENCE, looked).await;
    Arc::clone(&last.state().figures)
}

impl LastFigures {
    /// Looks. What the kernel knows comes first: it answers even where a disk does not.
    fn take(&self, store: &Store) {
        let looking = Looking(self);
        let process = Process::now();
        Arc::make_mut(&mut self.state().figures).process = process.clone();
        let figures = Arc::new(Figures::of(store, process));
        self.state().figures = figures;
        drop(looking);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What it guards is whole between any two calls.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of one who looks: whether it ends or panics, the next may.
struct Looking<'a>(&'a LastFigures);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.state().is_looking = false;
        self.0.looked.notify_waiters();
    }
}

impl Figures {
    fn of(store: &Store, process: Process) -> Self {
        Self {
            usage: store.known_usage().ok().flatten(),
            room: store.room().ok(),
            staged: store.upload_usage().ok(),
            uploads: store.open_uploads(UPLOAD_COUNT_MAX).unwrap_or_default(),
            scrub: store.scrub_state(),
            process,
        }
    }
}

impl Process {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let usage = process_usage();
        Self {
            started: *STARTED,
            cpu_time: usage.user + usage.system,
            // In KiB: proc_pid_status(5).
            memory: field(&status, "VmRSS:") << 10,
            thread_count: field(&status, "Threads:"),
            descriptor_count: fs::read_dir("/proc/self/fd").map_or(0, |open| open.count() as u64),
            descriptor_count_max: descriptor_limit().soft,
        }
    }
}

fn field(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Notes that the server begins now.
pub(crate) fn start() {
    LazyLock::force(&STARTED);
}

/// The time, in seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

static STARTED: LazyLock<f64> = LazyLock::new(now);

/// Who collects such figures gives up after ten seconds, and looks every fifteen, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(1);

/// More than anybody reads.
const UPLOAD_COUNT_MAX: usize = 100;
