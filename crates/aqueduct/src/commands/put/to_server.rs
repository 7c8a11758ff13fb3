//! Sources to a server, which is asked first, in bulk, for those whose digest is soon known.
//!
//! One thread goes ahead: it hashes what is small, looks up the rest, and asks. Others send what is not there yet.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread;

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_client::{Client, DigestCache, Error, Uploaded};
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
}

/// What is known of a source before it is sent.
#[derive(Clone, Copy, Debug)]
enum Known {
    /// It was hashed just now, and looked like this before.
    Hashed { digest: Digest, seen: Stat },
    /// It was hashed another time, and looks the same.
    Cached { digest: Digest, size: u64 },
    /// It is large, and new.
    Nothing,
    /// Nobody knows where it ends.
    Stream,
}

/// A source to be sent.
type Job<'a> = (usize, &'a Source, Known);

impl<'a> ToServer<'a> {
    pub(super) fn new(client: &'a Client, put: &Put) -> Self {
        let path = if put.no_cache { None } else { directories::digest_cache() };
        Self { client, algorithm: put.digest, cache: path.map(|path| DigestCache::load(&path)) }
    }

    /// What cannot be saved is hashed again another time.
    pub(super) fn save_cache(&self) {
        if let Some(cache) = &self.cache {
            let _ = cache.save();
        }
    }

    pub(super) fn put_all(&self, teller: &Teller<'_>, threads: NonZeroUsize, meter: &Meter) {
        let (ahead, jobs) = mpsc::sync_channel(threads.get());
        let jobs = Mutex::new(jobs);
        thread::scope(|scope| {
            for _ in 0..threads.get() {
                scope.spawn(|| {
                    while let Some((index, source, known)) = next(&jobs) {
                        // The rest is taken and dropped, for whoever goes ahead may be about to add to it.
                        if !teller.is_stopped() {
                            teller.tell(index, self.send(source, known, meter));
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
        let sources: Vec<_> = teller.sources().collect();
        for window in sources.chunks(WINDOW_COUNT) {
            let found = Mutex::new(Vec::with_capacity(window.len()));
            teller.in_turns(threads, window, |&(index, source)| match self.know(source) {
                Ok(known) => {
                    found.lock().unwrap_or_else(PoisonError::into_inner).push((index, source, known));
                }
                Err(fault) => teller.tell(index, Err(fault)),
            });
            let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
            found.sort_unstable_by_key(|(index, ..)| *index);
            let asked: Vec<_> = found.iter().filter_map(|(.., known)| known.digest()).collect();
            let missing: HashSet<_> = match (self.client.missing(&asked), found.first()) {
                (Ok(missing), _) => missing.into_iter().collect(),
                // One of them tells for all that follow.
                (Err(error), Some((index, source, _))) if Fault::is_of_all(&error) => {
                    return teller.tell(*index, Err(failed(source, error)));
                }
                // What cannot be asked is sent, and that will tell why.
                (Err(_), _) => asked.into_iter().collect(),
            };
            for (index, source, known) in found {
                match known.present(&missing) {
                    Some((digest, size)) => {
                        meter.add(size);
                        let routes = Routes::default();
                        teller.tell(index, Ok(Stored { digest, size, is_new: false, routes }));
                    }
                    None if teller.is_stopped() => return,
                    None => ahead.send((index, source, known)).expect("those who send stay to the end"),
                }
            }
        }
    }

    /// What can be known of a source without sending it, or reading much of it.
    fn know(&self, source: &Source) -> Result<Known, Fault> {
        if matches!(source.kind, Kind::Stream | Kind::Stdin) {
            return Ok(Known::Stream);
        }
        let mut file = open(source)?;
        let seen = stat(&file).map_err(|error| unread(source, error.into()))?;
        if seen.size == 0 {
            // It is empty, or one of those files of /proc that have no size.
            let len = file.read(&mut [0]).map_err(|error| unread(source, error))?;
            let digest = Hasher::new(self.algorithm).finish().digest;
            return Ok(if len == 0 { Known::Hashed { digest, seen } } else { Known::Stream });
        }
        if let Some(digest) = self.cache.as_ref().and_then(|cache| cache.digest(&seen, self.algorithm)) {
            return Ok(Known::Cached { digest, size: seen.size });
        }
        if seen.size > HASHED_SIZE_MAX {
            return Ok(Known::Nothing);
        }
        let digest = self.hash(source, file, seen)?;
        Ok(Known::Hashed { digest, seen })
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

    fn send(&self, source: &Source, known: Known, meter: &Meter) -> Outcome {
        let mut file = open(source)?;
        let observe = &mut |len| meter.add(len);
        let uploaded = match known {
            Known::Stream => self.client.put_stream(self.algorithm, &mut file, observe),
            Known::Hashed { digest, seen } => {
                let file = aqueduct_client::Source::seen_before(file, seen);
                self.client.put(&digest, &file, observe)
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
        if known.is_measured() {
            meter.add(uploaded.size - uploaded.sent);
        }
        Ok(stored(&uploaded))
    }
}

impl Known {
    fn digest(self) -> Option<Digest> {
        match self {
            Self::Hashed { digest, .. } | Self::Cached { digest, .. } => Some(digest),
            Self::Nothing | Self::Stream => None,
        }
    }

    /// The digest and size of what is there already.
    fn present(self, missing: &HashSet<Digest>) -> Option<(Digest, u64)> {
        let (digest, size) = match self {
            Self::Hashed { digest, seen } => (digest, seen.size),
            Self::Cached { digest, size } => (digest, size),
            Self::Nothing | Self::Stream => return None,
        };
        (!missing.contains(&digest)).then_some((digest, size))
    }

    /// Whether its size is part of the total.
    fn is_measured(self) -> bool {
        !matches!(self, Self::Stream)
    }
}

fn stored(uploaded: &Uploaded) -> Stored {
    let mut routes = Routes::default();
    routes.add_sent(&uploaded.carried, uploaded.sent);
    Stored { digest: uploaded.digest, size: uploaded.size, is_new: uploaded.is_new, routes }
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

/// Up to here a file is hashed before anything is sent: that takes some milliseconds, and may spare all of it.
const HASHED_SIZE_MAX: u64 = 4 << 20;

/// Sources looked at before the server is asked: what is hashed is sent soon, and a question is seldom asked.
const WINDOW_COUNT: usize = 256;
