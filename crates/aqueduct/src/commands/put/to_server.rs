//! Sources to a server, which is asked first, in bulk, for those whose digest is soon known.
//!
//! One thread goes ahead: it has others hash what is small and look up the rest, and asks. The same others send what is not
//! there yet: the smallest, which were read whole, many at a time where the server takes that.

mod looking;

use std::collections::HashSet;
use std::fs::File;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread;

use aqueduct_blob::Algorithm;
use aqueduct_client::{Client, DigestCache, Error, Parcel, Uploaded};

use super::in_order::Teller;
use super::{Outcome, Stored};
use crate::directories;
use crate::fault::Fault;
use crate::flags::Put;
use crate::progress::Meter;
use crate::routes::Routes;
use crate::sources::Source;
use crate::text::shown;
use looking::Known;

pub(super) struct ToServer<'a> {
    client: &'a Client,
    algorithm: Algorithm,
    cache: Option<DigestCache>,
    /// What is read into memory anyway is asked for only as long as some of it is there.
    asks_for_parcels: AtomicBool,
}

/// A source to be sent, and the number to tell its outcome by.
type Found<'a> = (usize, &'a Source, Known);

/// What one thread does before it takes the next.
enum Job<'a> {
    /// Says what can be known of some sources.
    Look(Vec<(usize, &'a Source)>, Sender<Vec<Found<'a>>>),
    One(Found<'a>),
    Parcels(Vec<(usize, &'a Source, Parcel)>),
}

impl<'a> ToServer<'a> {
    pub(super) fn new(client: &'a Client, put: &Put) -> Self {
        let path = if put.no_cache { None } else { directories::digest_cache() };
        Self {
            client,
            algorithm: put.digest,
            cache: path.map(|path| DigestCache::load(&path)),
            asks_for_parcels: AtomicBool::new(true),
        }
    }

    /// What cannot be saved is hashed again another time.
    pub(super) fn save_cache(&self) {
        if let Some(cache) = &self.cache {
            let _ = cache.save();
        }
    }

    pub(super) fn put_all(&self, teller: &Teller<'_>, threads: NonZeroUsize, meter: &Meter) {
        let (ahead, jobs) = mpsc::sync_channel(0);
        let jobs = Mutex::new(jobs);
        thread::scope(|scope| {
            for _ in 0..threads.get() {
                scope.spawn(|| {
                    while let Some(job) = next(&jobs) {
                        match job {
                            // The rest is taken and dropped, for whoever goes ahead may be about to add to it.
                            _ if teller.is_stopped() => {}
                            Job::Look(some, found) => self.look(some, &found, teller),
                            Job::One((index, source, known)) => {
                                teller.tell(index, self.send(source, &known, meter));
                            }
                            Job::Parcels(parcels) => self.send_parcels(parcels, teller, meter),
                        }
                    }
                });
            }
            self.go_ahead(teller, threads, meter, &ahead);
            drop(ahead);
        });
    }

    /// Finds what is there already, and leaves the rest to those who send.
    fn go_ahead<'t>(
        &self,
        teller: &Teller<'t>,
        threads: NonZeroUsize,
        meter: &Meter,
        ahead: &SyncSender<Job<'t>>,
    ) {
        let employ = |job| ahead.send(job).expect("those who work stay to the end");
        let sources: Vec<_> = teller.sources().collect();
        for window in sources.chunks(WINDOW_COUNT) {
            let (looked, found) = mpsc::channel();
            for some in window.chunks(window.len().div_ceil(threads.get())) {
                employ(Job::Look(some.to_vec(), looked.clone()));
            }
            drop(looked);
            let mut found: Vec<_> = found.into_iter().flatten().collect();
            found.sort_unstable_by_key(|(index, ..)| *index);
            let asks_for_parcels = self.asks_for_parcels.load(Ordering::Relaxed);
            let is_asked = |known: &Known| asks_for_parcels || !matches!(known, Known::Read(_));
            let asked: Vec<_> = (found.iter().filter(|(.., known)| is_asked(known)))
                .filter_map(|(.., known)| known.digest())
                .collect();
            let missing: HashSet<_> = match (self.client.missing(&asked), found.first()) {
                (Ok(missing), _) => missing.into_iter().collect(),
                // One of them tells for all that follow.
                (Err(error), Some((index, source, _))) if Fault::is_of_all(&error) => {
                    return teller.tell(*index, Err(failed(source, error)));
                }
                // What cannot be asked is sent, and that will tell why.
                (Err(_), _) => asked.into_iter().collect(),
            };
            let (mut present, mut absent) = (Vec::new(), Vec::new());
            for (index, source, known) in found {
                match known.present(&missing) {
                    Some((digest, size)) if is_asked(&known) => {
                        meter.add(size);
                        let routes = Routes::default();
                        present.push((index, Ok(Stored { digest, size, is_new: false, routes })));
                    }
                    _ => absent.push((index, source, known)),
                }
            }
            if asks_for_parcels && present.is_empty() && !absent.is_empty() {
                self.asks_for_parcels.store(false, Ordering::Relaxed);
            }
            teller.tell_all(present);
            for job in jobs(absent) {
                if teller.is_stopped() {
                    return;
                }
                employ(job);
            }
        }
    }

    fn send_parcels(&self, found: Vec<(usize, &Source, Parcel)>, teller: &Teller<'_>, meter: &Meter) {
        let client = self.client.parcels().expect("a parcel is made only where it can be sent");
        let (sources, parcels): (Vec<_>, Vec<_>) =
            found.into_iter().map(|(index, source, parcel)| ((index, source), parcel)).unzip();
        let mut outcomes = Vec::with_capacity(sources.len());
        client.put(&parcels, &mut |place, uploaded| {
            let (index, source) = sources[place];
            meter.add(parcels[place].bytes.len() as u64);
            if uploaded.as_ref().is_ok_and(|uploaded| !uploaded.is_new) {
                self.asks_for_parcels.store(true, Ordering::Relaxed);
            }
            outcomes.push((index, uploaded.map(|it| stored(&it)).map_err(|error| failed(source, error))));
        });
        teller.tell_all(outcomes);
    }

    fn send(&self, source: &Source, known: &Known, meter: &Meter) -> Outcome {
        let mut file = open(source)?;
        // What of a large file is on the server already is told, too.
        let mut told = 0;
        let observe = &mut |len| {
            told += len;
            meter.add(len);
        };
        let is_measured = known.is_measured();
        let uploaded = match known {
            Known::Read(_) => unreachable!("a parcel is not sent alone"),
            Known::Stream => self.client.put_stream(self.algorithm, &mut file, observe),
            Known::Hashed { digest, seen } => {
                let file = aqueduct_client::Source::seen_before(file, *seen);
                self.client.put(digest, &file, observe)
            }
            // What was found another time is no reason to believe it now.
            Known::Nothing | Known::Cached { .. } => {
                let file = aqueduct_client::Source::new(file).map_err(|error| unread(source, error))?;
                let uploaded = self.client.put_unnamed(self.algorithm, &file, observe);
                if let Ok(uploaded) = &uploaded {
                    self.remember(file.seen(), &uploaded.digest);
                }
                uploaded
            }
        };
        let uploaded = uploaded.map_err(|error| failed(source, error))?;
        // So that progress ends with all of it, however little of it was sent.
        if is_measured {
            meter.add(uploaded.size.saturating_sub(told));
        }
        Ok(stored(&uploaded))
    }
}

fn stored(uploaded: &Uploaded) -> Stored {
    let mut routes = Routes::default();
    routes.add_sent(&uploaded.carried, uploaded.sent);
    Stored { digest: uploaded.digest, size: uploaded.size, is_new: uploaded.is_new, routes }
}

/// Who sends what.
fn jobs(absent: Vec<Found<'_>>) -> Vec<Job<'_>> {
    let (mut jobs, mut parcels, mut len) = (Vec::new(), Vec::new(), 0);
    for (index, source, known) in absent {
        match known {
            Known::Read(parcel) => {
                len += parcel.bytes.len();
                parcels.push((index, source, parcel));
            }
            known => jobs.push(Job::One((index, source, known))),
        }
        if parcels.len() == PARCEL_COUNT || len > PARCELS_LEN {
            jobs.push(Job::Parcels(std::mem::take(&mut parcels)));
            len = 0;
        }
    }
    if !parcels.is_empty() {
        jobs.push(Job::Parcels(parcels));
    }
    jobs
}

/// The next job; `None` once there will be no more.
fn next<'t>(jobs: &Mutex<Receiver<Job<'t>>>) -> Option<Job<'t>> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn open(source: &Source) -> Result<File, Fault> {
    source.open().map_err(|error| unread(source, error))
}

fn unread(source: &Source, error: std::io::Error) -> Fault {
    Fault::Source { path: shown(&source.path), source: error }
}

fn failed(source: &Source, error: Error) -> Fault {
    Fault::Upload { path: shown(&source.path), source: error }
}

/// Small files that go over one connection together.
const PARCEL_COUNT: usize = 128;

/// Bytes after which no more go together, so that they are not many in memory.
const PARCELS_LEN: usize = 1 << 20;

/// Sources looked at before the server is asked: what is hashed is sent soon, and a question is seldom asked.
const WINDOW_COUNT: usize = 256;
