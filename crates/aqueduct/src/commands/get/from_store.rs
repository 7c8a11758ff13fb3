//! Blobs from a store: files are copied and verified where they are, and what is sent is checked before.

use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

use aqueduct_store::{Blob, Store};

use super::arrival::{Arrival, Arrived};
use super::{Fetched, Origin, is_special, resolve};
use crate::checked_send::{self, Sent};
use crate::fault::Fault;
use crate::flags::{Get, Wanted};
use crate::opened::cores;
use crate::progress::{self, Meter};
use crate::routes::Routes;
use crate::text::pace;
use crate::voice::Voice;

pub(super) struct FromStore<'a> {
    store: &'a Store,
    get: &'a Get,
    voice: &'a Voice,
    threads: NonZeroUsize,
}

impl Origin for FromStore<'_> {
    fn fetch(&self, wanted: &Wanted, path: &Path) -> Result<Fetched, Fault> {
        let (blob, range) = self.find(wanted)?;
        let len = range.end - range.start;
        let arrival = Arrival { store: self.store, blob: &blob, path, threads: self.threads, get: self.get };
        let arrived = progress::during(self.voice, "get", len, |meter: &Meter| {
            if is_special(path) {
                arrival.special(range, meter)
            } else if wanted.range.is_some() {
                arrival.part(range, meter)
            } else {
                arrival.whole(meter)
            }
        })?;
        let routes = match arrived {
            Arrived::AlreadyThere => None,
            Arrived::New(carried) => {
                let mut routes = Routes::default();
                routes.add(&carried, len);
                Some(routes)
            }
        };
        Ok(Fetched { len, routes, is_verified: true })
    }
}

impl<'a> FromStore<'a> {
    pub(super) fn new(store: &'a Store, get: &'a Get, voice: &'a Voice) -> Self {
        Self { store, get, voice, threads: get.threads.unwrap_or_else(cores) }
    }

    pub(super) fn to_stdout(&self, wanted: &[Wanted]) -> Result<(), Fault> {
        let began = Instant::now();
        // All are looked up before the first byte leaves.
        let blobs: Vec<_> = wanted.iter().map(|wanted| self.find(wanted)).collect::<Result<_, _>>()?;
        let size = blobs.iter().map(|(_, range)| range.end - range.start).sum();
        let mut routes = Routes::default();
        progress::during(self.voice, "get", size, |meter| -> Result<(), Fault> {
            for (blob, range) in blobs {
                let len = range.end - range.start;
                let (target, name) = (io::stdout(), "standard output");
                match checked_send::send(self.store, &blob, range, self.threads, target, name, meter)? {
                    Sent::All(carried) => routes.add(&carried, len),
                    // Whoever read it has enough.
                    Sent::Refused => return Ok(()),
                }
            }
            Ok(())
        })?;
        let pace = || pace(size, began.elapsed());
        self.voice.detail(|| format!("verified, {}; carried by {}", pace(), routes.summary()));
        Ok(())
    }

    fn find(&self, wanted: &Wanted) -> Result<(Blob, Range<u64>), Fault> {
        let blob = self.store.blob(&wanted.digest)?.ok_or(Fault::Absent(wanted.digest))?;
        let range = resolve(wanted, blob.size())?;
        Ok((blob, range))
    }
}
