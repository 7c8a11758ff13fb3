//! Small blobs from a server, many at a time: some threads, each with a connection and a part of the list.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
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
        let mut jobs: Vec<Job<'_>> = (some.iter().zip(&mut outcomes))
            .filter(|((wanted, _), _)| wanted.range.is_none())
            .map(|((wanted, path), outcome)| Job { digest: wanted.digest, path, outcome })
            .collect();
        if jobs.len() < JOB_COUNT_MIN {
            return outcomes;
        }
        // What is wrong with it is told of each blob that is fetched alone.
        let Ok(directory) = Directory::of(jobs[0].path) else { return outcomes };
        progress::during(self.voice, "get", 0, |meter| {
            let share = jobs.len().div_ceil(self.threads().get());
            thread::scope(|scope| {
                for jobs in jobs.chunks_mut(share) {
                    scope.spawn(|| self.fetch_all(parcels, jobs, &directory, meter));
                }
            });
        });
        outcomes
    }

    fn fetch_all(&self, parcels: Parcels<'_>, jobs: &mut [Job<'_>], directory: &Directory, meter: &Meter) {
        let mut jobs: Vec<_> = jobs.iter_mut().filter(|job| !is_taken(job.path)).collect();
        let digests: Vec<_> = jobs.iter().map(|job| job.digest).collect();
        parcels.get(&digests, &mut |place, got| {
            let job = &mut jobs[place];
            *job.outcome = match got {
                Ok(Got::Blob(bytes)) => {
                    meter.add(bytes.len() as u64);
                    self.land(directory, job.path, bytes).transpose()
                }
                Ok(Got::Absent) => Some(Err(Fault::Absent(job.digest))),
                Ok(Got::Large) => None,
                Err(source) => Some(Err(Fault::Download { path: shown(job.path), source })),
            };
        });
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

struct Job<'a> {
    digest: Digest,
    path: &'a Path,
    outcome: &'a mut Outcome,
}

/// As with `put`.
const THREAD_COUNT_SYNCED: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not zero");

/// Fewer are as fast one by one.
const JOB_COUNT_MIN: usize = 2;
