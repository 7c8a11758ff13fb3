//! Small blobs from a server, many at a time: some threads, each with a connection, take them in turn.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::iter;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use aqueduct_blob::Digest;
use aqueduct_client::{Client, Directory, Got, Landing, Parcels};
use aqueduct_sys::Placed;

use super::{Fetched, is_taken};
use crate::fault::Fault;
use crate::flags::{Get, Sync, Wanted};
use crate::opened::cores;
use crate::progress::{self, Meter};
use crate::routes::Routes;
use crate::text::shown;
use crate::voice::Voice;

pub(super) struct Together<'a> {
    pub(super) client: &'a Client,
    pub(super) get: &'a Get,
    pub(super) voice: &'a Voice,
}

/// What became of a blob; `None` if it is to be fetched alone.
type Outcome = Option<Result<Fetched, Fault>>;

impl Together<'_> {
    /// Fetches what is small and whole to paths that are free, all in one directory.
    pub(super) fn fetch(&self, some: &[(Wanted, PathBuf)]) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = some.iter().map(|_| None).collect();
        let Some(parcels) = self.client.parcels() else { return outcomes };
        let whole = some.iter().enumerate().filter(|(_, (wanted, _))| wanted.range.is_none());
        let count = whole.clone().count();
        if count < JOB_COUNT_MIN {
            return outcomes;
        }
        // They have one in common. What is wrong with it is told of each blob that is fetched alone.
        let Ok(directory) = Directory::of(&some[0].1) else { return outcomes };
        let taken = Taken::of(&some[0].1, count);
        let free = whole.filter(|(_, (_, path))| !taken.has(path));
        let wanted = Mutex::new(free.map(|(place, (wanted, _))| (place, wanted.digest)));
        let next = || wanted.lock().unwrap_or_else(PoisonError::into_inner).next();
        progress::during(self.voice, "get", 0, |meter| {
            let take = || self.take(parcels, some, &next, &directory, meter);
            let told: Vec<_> = thread::scope(|scope| {
                let threads = 0..self.threads().get().min(count);
                let threads: Vec<_> = threads.map(|_| scope.spawn(take)).collect();
                let joined = threads.into_iter().map(|thread| thread.join());
                joined.flat_map(|told| told.unwrap_or_else(|panic| resume_unwind(panic))).collect()
            });
            for (place, outcome) in told {
                outcomes[place] = outcome;
            }
        });
        outcomes
    }

    /// Fetches those that come `next`, until there are no more.
    fn take(
        &self,
        parcels: Parcels<'_>,
        some: &[(Wanted, PathBuf)],
        next: &impl Fn() -> Option<(usize, Digest)>,
        directory: &Directory,
        meter: &Meter,
    ) -> Vec<(usize, Outcome)> {
        let mut told = Vec::new();
        parcels.get(&mut iter::from_fn(next), &mut |place, got| {
            let (wanted, path) = &some[place];
            let outcome = match got {
                Ok(Got::Blob(bytes)) => {
                    meter.add(bytes.len() as u64);
                    self.land(directory, path, bytes).transpose()
                }
                Ok(Got::Absent) => Some(Err(Fault::Absent(wanted.digest))),
                Ok(Got::Large) => None,
                Err(source) => Some(Err(Fault::Download { path: shown(path), source })),
            };
            told.push((place, outcome));
        });
        told
    }

    /// Writes a file and gives it its name; `None` if somebody took the name meanwhile.
    fn land(&self, directory: &Directory, path: &Path, bytes: &[u8]) -> Result<Option<Fetched>, Fault> {
        let failed = |source| Fault::Landing { path: shown(path), source };
        let landing = Landing::begin_in(directory, path).map_err(failed)?;
        landing.file().write_all(bytes).map_err(failed)?;
        match landing.land(self.get.sync == Sync::Full, false).map_err(failed)? {
            Placed::NameTaken => Ok(None),
            Placed::New => {
                let (len, mut routes) = (bytes.len() as u64, Routes::default());
                routes.add_copied(len);
                Ok(Some(Fetched { len, routes: Some(routes), is_verified: true }))
            }
        }
    }

    /// Those who wait for the medium together share its syncs.
    fn threads(&self) -> NonZeroUsize {
        match self.get.sync {
            Sync::Full => THREAD_COUNT_SYNCED,
            Sync::None => cores(),
        }
    }
}

/// Which names in a directory are taken, before anything is made there.
enum Taken {
    These(HashSet<OsString>),
    /// There are too many of them to keep in mind.
    Many,
}

impl Taken {
    /// Reads the directory of `path` once, for `count` files: a look at each name would have to wait for whoever makes a file
    /// there, and slow that down.
    fn of(path: &Path, count: usize) -> Self {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let Ok(entries) = fs::read_dir(parent.unwrap_or(Path::new("."))) else { return Self::Many };
        let mut names = HashSet::new();
        for entry in entries {
            match entry {
                Ok(entry) if names.len() < TAKEN_FACTOR * count => names.insert(entry.file_name()),
                _ => return Self::Many,
            };
        }
        Self::These(names)
    }

    fn has(&self, path: &Path) -> bool {
        match self {
            Self::These(names) => path.file_name().is_some_and(|name| names.contains(name)),
            Self::Many => is_taken(path),
        }
    }
}

/// To read so many names takes no longer than to look for one of them.
const TAKEN_FACTOR: usize = 8;

/// As with `put`.
const THREAD_COUNT_SYNCED: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not zero");

/// Fewer are as fast one by one.
const JOB_COUNT_MIN: usize = 2;
