//! Sources to a server, which is asked first, in bulk, for those whose digest is soon known.
//!
//! One thread goes ahead: it has others hash what is small and look up the rest, and asks. The same others send what is not
//! there yet: the smallest, which were read whole, many at a time where the server takes that.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread;

use aqueduct_blob::{Algorithm, Digest, Hasher, hash_together};
use aqueduct_client::{Client, DigestCache, Error, Parcel, Uploaded};
use aqueduct_flow::SourceChanged;
use aqueduct_sys::{Stat, stat};

use super::in_order::Teller;
use super::{Outcome, Stored};
use crate::directories;
use crate::fault::Fault;
use crate::flags::Put;
use crate::progress::Meter;
use crate::routes::Routes;
use crate::sources::{Kind, Source};
use crate::text::shown;

pub(super) struct ToServer<'a> {
    client: &'a Client,
    algorithm: Algorithm,
    cache: Option<DigestCache>,
    /// What is read into memory anyway is asked for only as long as some of it is there.
    asks_for_parcels: AtomicBool,
}

/// What is known of a source before it is sent.
#[derive(Debug)]
enum Known {
    /// It was read just now, and did not change meanwhile.
    Read(Parcel),
    /// It was hashed just now, and looked like this before.
    Hashed { digest: Digest, seen: Stat },
    /// It was hashed another time, and looks the same.
    Cached { digest: Digest, size: u64 },
    /// It is large, and new.
    Nothing,
    /// Nobody knows where it ends.
    Stream,
}

/// What a look at a source gives.
enum Looked {
    Known(Known),
    /// All its bytes, and how it looked.
    Read(Vec<u8>, Stat),
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

    fn look<'t>(&self, some: Vec<(usize, &'t Source)>, found: &Sender<Vec<Found<'t>>>, teller: &Teller<'_>) {
        let (mut known, mut read, mut failed) = (Vec::with_capacity(some.len()), Vec::new(), Vec::new());
        for (index, source) in some {
            match self.know(source) {
                Ok(Looked::Known(it)) => known.push((index, source, it)),
                Ok(Looked::Read(bytes, seen)) => read.push((index, source, bytes, seen)),
                Err(fault) => failed.push((index, Err(fault))),
            }
        }
        teller.tell_all(failed);
        let blobs: Vec<_> = read.iter().map(|(.., bytes, _)| bytes.as_slice()).collect();
        let digests = hash_together(self.algorithm, &blobs);
        for ((index, source, bytes, seen), digest) in read.into_iter().zip(digests) {
            self.remember(&seen, &digest);
            known.push((index, source, Known::Read(Parcel { digest, bytes })));
        }
        // Whoever goes ahead waits for it.
        let _ = found.send(known);
    }

    /// What can be known of a source without sending it, or reading much of it.
    fn know(&self, source: &Source) -> Result<Looked, Fault> {
        if matches!(source.kind, Kind::Stream | Kind::Stdin) {
            return Ok(Looked::Known(Known::Stream));
        }
        let (mut file, seen) = source.open_file().map_err(|error| unread(source, error))?;
        if seen.size == 0 {
            // It is empty, or one of those files of /proc that have no size.
            let len = file.read(&mut [0]).map_err(|error| unread(source, error))?;
            let digest = Hasher::new(self.algorithm).finish().digest;
            let known = if len == 0 { Known::Hashed { digest, seen } } else { Known::Stream };
            return Ok(Looked::Known(known));
        }
        if let Some(digest) = self.cache.as_ref().and_then(|cache| cache.digest(&seen, self.algorithm)) {
            return Ok(Looked::Known(Known::Cached { digest, size: seen.size }));
        }
        if seen.size > HASHED_SIZE_MAX {
            return Ok(Looked::Known(Known::Nothing));
        }
        if seen.size <= PARCEL_SIZE_MAX && self.client.parcels().is_some() {
            return Ok(Looked::Read(read(source, &mut file, &seen)?, seen));
        }
        let digest = self.hash(source, file, seen)?;
        Ok(Looked::Known(Known::Hashed { digest, seen }))
    }

    fn hash(&self, source: &Source, file: File, seen: Stat) -> Result<Digest, Fault> {
        let hashed = aqueduct_client::Source::seen_before(file, seen).hash(self.algorithm);
        let digest = hashed.map_err(|error| failed(source, error))?;
        self.remember(&seen, &digest);
        Ok(digest)
    }

    fn remember(&self, seen: &Stat, digest: &Digest) {
        if let Some(cache) = &self.cache {
            cache.remember(seen, digest);
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

impl Known {
    fn digest(&self) -> Option<Digest> {
        match self {
            Self::Read(Parcel { digest, .. }) | Self::Hashed { digest, .. } | Self::Cached { digest, .. } => {
                Some(*digest)
            }
            Self::Nothing | Self::Stream => None,
        }
    }

    /// The digest and size of what is there already.
    fn present(&self, missing: &HashSet<Digest>) -> Option<(Digest, u64)> {
        let (digest, size) = match self {
            Self::Read(parcel) => (parcel.digest, parcel.bytes.len() as u64),
            Self::Hashed { digest, seen } => (*digest, seen.size),
            Self::Cached { digest, size } => (*digest, *size),
            Self::Nothing | Self::Stream => return None,
        };
        (!missing.contains(&digest)).then_some((digest, size))
    }

    /// Whether its size is part of the total.
    fn is_measured(&self) -> bool {
        !matches!(self, Self::Stream)
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

/// Reads a small file that looks like `seen`, and still does after that.
fn read(source: &Source, file: &mut File, seen: &Stat) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![0; usize::try_from(seen.size).expect("it is small")];
    match file.read_exact(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => bytes.clear(),
        read => read.map_err(|error| unread(source, error))?,
    }
    let now = stat(&*file).map_err(|error| unread(source, error.into()))?;
    if bytes.len() as u64 != seen.size || (now.mtime, now.ctime) != (seen.mtime, seen.ctime) {
        let changed = SourceChanged { size_before: seen.size, size_after: now.size };
        return Err(Fault::Changed { path: shown(&source.path), source: changed.into() });
    }
    Ok(bytes)
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

/// Up to here a file is hashed before anything is sent: that takes some milliseconds, and may spare all of it.
const HASHED_SIZE_MAX: u64 = 4 << 20;

/// Up to here a file is read into memory, and sent from there.
const PARCEL_SIZE_MAX: u64 = 64 << 10;

/// Small files that go over one connection together.
const PARCEL_COUNT: usize = 128;

/// Bytes after which no more go together, so that they are not many in memory.
const PARCELS_LEN: usize = 1 << 20;

/// Sources looked at before the server is asked: what is hashed is sent soon, and a question is seldom asked.
const WINDOW_COUNT: usize = 256;
