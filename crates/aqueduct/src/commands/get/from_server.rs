//! Blobs from a server: hashed as they come.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aqueduct_blob::{Digest, parallel};
use aqueduct_client::{Client, Download};
use aqueduct_flow::{Side, uninterrupted, wait_for};
use aqueduct_sys::{Errno, write};

use super::together::Together;
use super::{Fetched, Origin, begin, exists, is_special, is_taken, land, resolve, verified};
use crate::fault::Fault;
use crate::flags::{Get, Wanted};
use crate::progress::{self, Meter};
use crate::routes::Routes;
use crate::text::{pace, shown};
use crate::voice::Voice;

pub(super) struct FromServer<'a> {
    client: &'a Client,
    get: &'a Get,
    voice: &'a Voice,
}

/// How a stream ended.
enum Streamed {
    /// So many bytes.
    All(u64),
    /// Whoever was to read it has gone.
    Refused,
}

impl Origin for FromServer<'_> {
    fn fetch(&self, wanted: &Wanted, path: &Path) -> Result<Fetched, Fault> {
        let range = self.find(wanted)?;
        let len = range.end - range.start;
        let is_verified = wanted.range.is_none();
        if is_special(path) {
            let len =
                progress::during(self.voice, "get", len, |meter| self.special(wanted, range, path, meter))?;
            let mut routes = Routes::default();
            routes.add_copied(len);
            return Ok(Fetched { len, routes: Some(routes), is_verified });
        }
        if is_taken(path) {
            if is_verified && is_the_blob(path, &wanted.digest, len) {
                return Ok(Fetched { len, routes: None, is_verified });
            }
            if !self.get.force {
                return Err(exists(path));
            }
        }
        let landing = begin(path)?;
        let (mut came, mut routes) = (0, Routes::default());
        if let Some(download) = self.download(wanted, range)? {
            let received = progress::during(self.voice, "get", len, |meter| {
                download.receive(landing.file(), &mut |len| meter.add(len))
            });
            let received = received.map_err(|source| Fault::Download { path: shown(path), source })?;
            routes.add_sent(&received.carried, received.len);
            came = received.len;
        }
        land(landing, path, self.get)?;
        Ok(Fetched { len: came, routes: Some(routes), is_verified })
    }

    fn fetch_together(&self, some: &[(Wanted, PathBuf)]) -> Vec<Option<Result<Fetched, Fault>>> {
        Together { client: self.client, get: self.get, voice: self.voice }.fetch(some)
    }
}

impl<'a> FromServer<'a> {
    pub(super) fn new(client: &'a Client, get: &'a Get, voice: &'a Voice) -> Self {
        Self { client, get, voice }
    }

    pub(super) fn to_stdout(&self, wanted: &[Wanted]) -> Result<(), Fault> {
        let began = Instant::now();
        // All are looked up before the first byte leaves.
        let ranges: Vec<_> = wanted.iter().map(|wanted| self.find(wanted)).collect::<Result<_, _>>()?;
        let size = ranges.iter().map(|range| range.end - range.start).fold(0, u64::saturating_add);
        let is_verified = wanted.iter().all(|wanted| wanted.range.is_none());
        let mut came = 0;
        progress::during(self.voice, "get", size, |meter| -> Result<(), Fault> {
            for (wanted, range) in wanted.iter().zip(ranges) {
                match self.stream(wanted, range, &io::stdout(), "standard output", meter)? {
                    Streamed::All(len) => came += len,
                    // Whoever read it has enough.
                    Streamed::Refused => return Ok(()),
                }
            }
            Ok(())
        })?;
        self.voice.detail(|| format!("{}, {}", verified(is_verified), pace(came, began.elapsed())));
        Ok(())
    }

    /// Into a device or pipe, which has no name to give or take; gives the count of bytes.
    fn special(&self, wanted: &Wanted, range: Range<u64>, path: &Path, meter: &Meter) -> Result<u64, Fault> {
        let name = shown(path);
        let opened = File::options().write(true).open(path);
        let target = opened.map_err(Fault::local(format!("write to {name}")))?;
        match self.stream(wanted, range, &target, &name, meter)? {
            Streamed::All(len) => Ok(len),
            Streamed::Refused => {
                Err(Fault::local(format!("write to {name}"))(io::ErrorKind::BrokenPipe.into()))
            }
        }
    }

    /// Sends bytes on as they come. Whether they are right is known only after the last of them: a wrong blob is an error
    /// when it is out already.
    fn stream(
        &self,
        wanted: &Wanted,
        range: Range<u64>,
        target: &impl AsFd,
        name: &str,
        meter: &Meter,
    ) -> Result<Streamed, Fault> {
        let Some(mut download) = self.download(wanted, range)? else { return Ok(Streamed::All(0)) };
        let (mut buffer, mut came) = (vec![0; BUFFER_LEN], 0);
        loop {
            let len = download.read(&mut buffer)?;
            if len == 0 {
                return Ok(Streamed::All(came));
            }
            came += len as u64;
            match write_all(target, &buffer[..len]) {
                Ok(()) => meter.add(len as u64),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Streamed::Refused),
                Err(error) => return Err(Fault::local(format!("write to {name}"))(error)),
            }
        }
    }

    /// Which bytes of the blob are meant.
    fn find(&self, wanted: &Wanted) -> Result<Range<u64>, Fault> {
        let size = self.client.size(&wanted.digest)?.ok_or(Fault::Absent(wanted.digest))?;
        resolve(wanted, size)
    }

    /// `None` where a part is empty: there are no such ranges in HTTP.
    fn download(&self, wanted: &Wanted, range: Range<u64>) -> Result<Option<Download<'a>>, Fault> {
        let part = wanted.range.map(|_| range);
        if part.as_ref().is_some_and(Range::is_empty) {
            return Ok(None);
        }
        let download = self.client.get(&wanted.digest, part.as_ref())?;
        Ok(Some(download.ok_or(Fault::Absent(wanted.digest))?))
    }
}

/// Whether what has the name already is the blob. What cannot be read is not.
fn is_the_blob(path: &Path, digest: &Digest, size: u64) -> bool {
    let Ok(file) = File::open(path) else { return false };
    if !file.metadata().is_ok_and(|found| found.is_file() && found.len() == size) {
        return false;
    }
    let read = |offset, buffer: &mut [u8]| file.read_exact_at(buffer, offset);
    parallel::hash(digest.algorithm(), size, NonZeroUsize::MIN, read)
        .is_ok_and(|hashed| hashed.digest == *digest)
}

/// Writes everything, and waits where the target would not.
fn write_all(target: &impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match uninterrupted(|| write(target, bytes)) {
            Ok(len) => bytes = &bytes[len..],
            Err(error) if error.errno() == Errno::AGAIN => wait_for(Side::Target, target, target)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// As much as the largest pipe holds.
const BUFFER_LEN: usize = 1 << 20;
