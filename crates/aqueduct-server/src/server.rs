//! A server: what its reactors share, how it begins, and how it ends.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use aqueduct_blob::Digest;
use aqueduct_flow::probe::Tried;
use aqueduct_store::{Limits, ReadOnly, Store};
use aqueduct_sys::hostname;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::admission::Admission;
use crate::background::Background;
use crate::cache::Cache;
use crate::close::Close;
use crate::collect::COLLECTING_COUNT_MAX;
use crate::descriptors::Descriptors;
use crate::door::Voice;
use crate::doubts::Doubts;
use crate::entries::KeptEntries;
use crate::figures::LastFigures;
use crate::guests::Guests;
use crate::hashers::Hashers;
use crate::line::Line;
use crate::listen::{BindError, Listeners};
use crate::lists::Lists;
use crate::native::GATHERED_COUNT_MAX;
use crate::pulse::Pulse;
use crate::running::Running;
use crate::spread::Place;
use crate::trouble::Trouble;
use crate::workers::{Crew, Workers};
use crate::{Options, crsh, figures, reactor, routes, stored};

/// A server that listens. It serves once it runs.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    /// One list for each reactor.
    listeners: Vec<Vec<(TcpListener, Place)>>,
    /// One for each reactor, and one for who serves ccache.
    pulses: Vec<Arc<Pulse>>,
    crsh: Vec<UnixListener>,
    pub(crate) shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    crews: [Crew; 5],
}

/// What may be done to a server while it runs, from any thread.
#[derive(Clone, Debug)]
pub struct Control {
    /// Gone once the server has ended.
    shared: Weak<Shared>,
    addresses: Vec<SocketAddr>,
    /// Of the reactors that have not ended.
    pulses: Vec<Weak<Pulse>>,
    stop: watch::Sender<bool>,
}

/// What the reactors share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) options: Arc<Running>,
    pub(crate) admission: Admission,
    pub(crate) guests: Arc<Guests>,
    pub(crate) trouble: Trouble,
    pub(crate) cache: Arc<Cache>,
    pub(crate) entries: Arc<KeptEntries>,
    pub(crate) doubts: Doubts,
    pub(crate) lists: Lists,
    pub(crate) figures: LastFigures,
    /// For what is only looked up: quick, and somebody waits for it.
    pub(crate) readers: Workers,
    /// For pages that are not in memory: to read them, and to send them.
    pub(crate) cold_readers: Workers,
    /// For blobs that a power cut made suspect: hashing one takes as long as it is large.
    pub(crate) checkers: Workers,
    /// For what changes the store, and waits for the medium.
    pub(crate) writers: Workers,
    /// For small blobs that come whole.
    pub(crate) line: Arc<Line>,
    /// For what others receive.
    pub(crate) hashers: Arc<Hashers>,
    /// Who may hold a body in memory.
    pub(crate) collecting: Arc<Semaphore>,
    /// Who may have small blobs in memory that are to be stored.
    pub(crate) gathered: Arc<Semaphore>,
    /// How many blobs may be open beside one for each connection.
    pub(crate) descriptors: Arc<Semaphore>,
    /// How many of them one connection may have, to send as well as to receive.
    pub(crate) descriptor_share: usize,
    /// What may be open of each kind.
    descriptor_plan: Descriptors,
}

/// Why a server ended other than it should.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A thread could not be started, or failed.
    #[error("a thread of the server failed")]
    Thread(#[from] io::Error),
    /// Nothing is lost, and the next start checks more.
    #[error("the store could not be closed")]
    Close(#[from] ReadOnly),
}

impl Server {
    /// Listens, and makes a server of it.
    ///
    /// # Errors
    ///
    /// See [`Listeners::bind`] and [`Server::new`].
    pub fn bind(store: Store, options: Options) -> Result<Self, BindError> {
        let listeners = Listeners::bind(&options)?;
        Ok(Self::new(store, options, listeners)?)
    }

    /// A server for what `listeners` bring. Connections wait until it runs.
    ///
    /// # Errors
    ///
    /// Where a thread or a descriptor is not to be had.
    pub fn new(store: Store, mut options: Options, mut listeners: Listeners) -> io::Result<Self> {
        figures::start();
        let readers = Crew::new("reader", READER_COUNT_MAX)?;
        // Where nobody can tell what is cold they send everything that is large.
        let served = store.served();
        let cold_readers = match served.as_ref().map(|served| served.nowait) {
            // Nobody can tell what is cold, and they send everything that is large.
            Ok(Tried::Refused(_) | Tried::Lies) => Crew::new("cold reader", COLD_READER_COUNT_MAX)?,
            _ => Crew::patient("cold reader", COLD_READER_COUNT_MAX)?,
        };
        let checkers = Crew::new("checker", CHECKER_COUNT_MAX)?;
        let writers = Crew::new("writer", WRITER_COUNT_MAX)?;
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let hashers = Crew::new("hasher", cores.get())?;
        routes::choose(&mut options, served);
        let descriptors =
            Descriptors::available(options.reactors, listeners.count_for_each(options.reactors));
        let cache = Arc::new(Cache::new(options.thresholds.memory_size_max, descriptors.open_count));
        let watching = Arc::downgrade(&cache);
        let close = move |digest: &Digest| {
            if let Some(cache) = watching.upgrade() {
                cache.removed(digest);
            }
        };
        store.watch_doubts(close.clone());
        store.watch(move |digest| {
            stored::forget(digest);
            close(digest);
        });
        let entries = Arc::new(KeptEntries::new());
        let watching = Arc::downgrade(&entries);
        store.watch_entries(move |key| {
            if let Some(entries) = watching.upgrade() {
                entries.forget(key);
            }
        });
        let (reactors, running) = (options.reactors, Arc::new(Running::new(&options)));
        let shared = Shared {
            admission: Admission::new(names(options.hosts), options.tokens),
            guests: Guests::new(
                descriptors.connection_count(options.connection_count_max),
                options.connection_count_max_per_address,
            ),
            trouble: Trouble::default(),
            cache,
            entries,
            doubts: Doubts::default(),
            lists: Lists::default(),
            figures: LastFigures::default(),
            readers: readers.workers(),
            cold_readers: cold_readers.workers(),
            checkers: checkers.workers(),
            collecting: Arc::new(Semaphore::new(COLLECTING_COUNT_MAX)),
            gathered: Arc::new(Semaphore::new(GATHERED_COUNT_MAX)),
            descriptors: Arc::new(Semaphore::new(descriptors.blob_count)),
            descriptor_share: descriptors.share(),
            descriptor_plan: descriptors,
            line: Line::new(store.clone(), writers.workers(), WRITER_COUNT_MAX, Arc::clone(&running)),
            writers: writers.workers(),
            hashers: Hashers::new(hashers.workers(), cores),
            store,
            options: running,
        };
        let stop = watch::Sender::new(false);
        let crsh = listeners.take_crsh();
        let pulses = Pulse::each(reactors.saturating_add(usize::from(!crsh.is_empty())));
        Ok(Self {
            addresses: listeners.addresses(),
            listeners: listeners.deal(reactors)?,
            pulses,
            crsh,
            shared: Arc::new(shared),
            stop,
            crews: [readers, cold_readers, checkers, writers, hashers],
        })
    }

    /// Where it listens, with the ports that it was given.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What may be done to it while it runs.
    #[must_use]
    pub fn control(&self) -> Control {
        let (shared, addresses) = (Arc::downgrade(&self.shared), self.addresses.clone());
        let pulses = self.pulses.iter().map(Arc::downgrade).collect();
        Control { shared, addresses, pulses, stop: self.stop.clone() }
    }

    /// Serves until it is stopped, finishes what is in flight, and closes the store.
    ///
    /// # Errors
    ///
    /// Where a thread cannot be started, or the store not be closed.
    pub fn run(self) -> Result<(), RunError> {
        let Self { listeners, pulses, crsh, shared, stop, crews, .. } = self;
        let background = Background::start(&shared.store, &shared.cache, &shared.options)?;
        let served = thread::scope(|scope| {
            let mut pulses = pulses.into_iter();
            let mut reactors: Vec<_> = (listeners.into_iter().zip(&mut pulses))
                .map(|(listeners, pulse)| {
                    let (shared, stopped, stops) = (&shared, stop.subscribe(), Stops(&stop));
                    let run = move || {
                        let _stops = stops;
                        reactor::run(listeners, pulse, shared, &stopped)
                    };
                    thread::Builder::new().name("reactor".to_owned()).spawn_scoped(scope, run)
                })
                .collect();
            if let Some(pulse) = pulses.next() {
                let (shared, stopped, stops) = (&shared, stop.subscribe(), Stops(&stop));
                let run = move || {
                    let _stops = stops;
                    crsh::run(crsh, pulse, shared, &stopped)
                };
                reactors.push(thread::Builder::new().name("crsh".to_owned()).spawn_scoped(scope, run));
            }
            let mut served = Ok(());
            for reactor in reactors {
                let ended = reactor
                    .map(|reactor| reactor.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
                if let Err(error) = ended.flatten() {
                    served = Err(error);
                }
            }
            served
        });
        drop(background);
        for crew in crews {
            crew.stop(JOBS_TIMEOUT);
        }
        shared.store.clone().close()?;
        Ok(served?)
    }
}

impl Control {
    /// Ends the server: it accepts nobody any more, and finishes what is in flight.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Whether every reactor has made a round since this was asked before. One that serves nobody any more is no cause for
    /// concern.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        // Each is asked, whatever the others say.
        self.pulses.iter().filter_map(Weak::upgrade).fold(true, |all, pulse| pulse.feel() & all)
    }

    /// Takes of `options` what may change while the server runs: names and tokens from the next request on, the number of
    /// connections from the next one on, the largest blob, the number of requests, the least rate, grace, the expiry of
    /// uploads, when to scrub and how fast. The other options stay as they were.
    ///
    /// # Errors
    ///
    /// Where nobody on a network would need a token any more, and the options do not say that this is meant. Nothing changes
    /// then.
    pub fn change(&self, options: Options) -> Result<(), BindError> {
        let Some(shared) = self.shared.upgrade() else { return Ok(()) };
        Listeners::check(&self.addresses, &options)?;
        shared.options.change(&options);
        shared.guests.set_limits(
            shared.descriptor_plan.connection_count(options.connection_count_max),
            options.connection_count_max_per_address,
        );
        shared.admission.set(names(options.hosts), options.tokens);
        Ok(())
    }

    /// How long what is in flight may take once the server is told to stop.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.shared.upgrade().map_or(Duration::ZERO, |shared| shared.options.grace())
    }

    /// Sets how much the store may take: [`Store::set_limits`].
    pub fn set_limits(&self, limits: Limits) -> bool {
        self.shared.upgrade().is_none_or(|shared| shared.store.set_limits(limits))
    }
}

/// What the server may be called.
fn names(hosts: Vec<String>) -> impl Iterator<Item = String> {
    hosts.into_iter().chain(hostname())
}

/// Stops the server when it is dropped: a reactor that ends, or cannot begin, takes the others with it, since half a server
/// is worse than none.
struct Stops<'a>(&'a watch::Sender<bool>);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

impl Shared {
    /// Who looks up blobs that nobody has named yet: not those that others wait for, as long as some may have to be hashed
    /// first.
    pub(crate) fn lookers(&self) -> &Workers {
        if self.store.has_suspects() { &self.checkers } else { &self.readers }
    }

    /// How many jobs each crew has.
    pub(crate) fn job_counts(&self) -> [(&'static str, usize); 5] {
        [
            ("reader", self.readers.job_count()),
            ("cold reader", self.cold_readers.job_count()),
            ("checker", self.checkers.job_count()),
            ("writer", self.writers.job_count()),
            ("hasher", self.hashers.job_count()),
        ]
    }

    /// Whether `workers` have so much to do that nothing new is begun. What was begun goes on.
    pub(crate) fn are_overloaded(&self, workers: &Workers) -> bool {
        workers.job_count() >= self.options.request_count_max()
    }

    /// Room for `count` files beside the one of each connection. What is kept for a sender that may come back gives way, the
    /// oldest first. For workers: that closes files.
    pub(crate) fn take_descriptors(&self, count: u32) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(permit) = Arc::clone(&self.descriptors).try_acquire_many_owned(count) {
                return Some(permit);
            }
            if !self.store.unpark_oldest() {
                return None;
            }
        }
    }

    /// Has a blob that a power cut made suspect hashed before it is asked for.
    pub(crate) async fn clear_doubt(&self, digest: Digest) -> Result<(), Close> {
        self.doubts.clear(&self.store, digest, None, &self.readers, &self.checkers).await
    }

    /// Has a suspect hashed before a blob of the same name and `size` is published: whoever publishes would do it.
    pub(crate) async fn clear_rival(&self, digest: Digest, size: u64) -> Result<(), Close> {
        self.doubts.clear(&self.store, digest, Some(size), &self.readers, &self.checkers).await
    }

    pub(crate) fn voice(&self) -> Voice {
        Voice { is_private: self.admission.needs_token(), request: None }
    }
}

/// Waits until the server is told to stop.
pub(crate) async fn until_stop(stop: &mut watch::Receiver<bool>) {
    // An error says that nobody can tell any more: that is no reason to go on.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Enough for a few that wait for a slow disk at once.
const READER_COUNT_MAX: usize = 8;

/// As many as a disk answers at once without one keeping another waiting.
const COLD_READER_COUNT_MAX: usize = 8;

/// Each of them hashes on all cores.
pub(crate) const CHECKER_COUNT_MAX: usize = 2;

/// As many as make group commit worth it: their syncs are waited for together.
pub(crate) const WRITER_COUNT_MAX: usize = 16;

/// What a job that nobody waits for any more may take: a sync on a busy disk.
const JOBS_TIMEOUT: Duration = Duration::from_secs(30);
