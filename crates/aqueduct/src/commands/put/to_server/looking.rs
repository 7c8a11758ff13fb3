//! What can be known of sources before they are sent, without reading much of them. What is small is read whole, and hashed
//! together.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::sync::mpsc::Sender;

use aqueduct_blob::{Digest, Hasher, hash_together};
use aqueduct_client::Parcel;
use aqueduct_flow::SourceChanged;
use aqueduct_sys::{Stat, stat};

use super::super::in_order::Teller;
use super::{Found, ToServer, failed, unread};
use crate::fault::Fault;
use crate::sources::{Kind, Source};
use crate::text::shown;

/// What is known of a source before it is sent.
#[derive(Debug)]
pub(super) enum Known {
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

impl ToServer<'_> {
    pub(super) fn look<'t>(
        &self,
        some: Vec<(usize, &'t Source)>,
        found: &Sender<Vec<Found<'t>>>,
        teller: &Teller<'_>,
    ) {
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

    pub(super) fn remember(&self, seen: &Stat, digest: &Digest) {
        if let Some(cache) = &self.cache {
            cache.remember(seen, digest);
        }
    }
}

impl Known {
    pub(super) fn digest(&self) -> Option<Digest> {
        match self {
            Self::Read(Parcel { digest, .. }) | Self::Hashed { digest, .. } | Self::Cached { digest, .. } => {
                Some(*digest)
            }
            Self::Nothing | Self::Stream => None,
        }
    }

    /// The digest and size of what is there already.
    pub(super) fn present(&self, missing: &HashSet<Digest>) -> Option<(Digest, u64)> {
        let (digest, size) = match self {
            Self::Read(parcel) => (parcel.digest, parcel.bytes.len() as u64),
            Self::Hashed { digest, seen } => (*digest, seen.size),
            Self::Cached { digest, size } => (*digest, *size),
            Self::Nothing | Self::Stream => return None,
        };
        (!missing.contains(&digest)).then_some((digest, size))
    }

    /// Whether its size is part of the total.
    pub(super) fn is_measured(&self) -> bool {
        !matches!(self, Self::Stream)
    }
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

/// Up to here a file is hashed before anything is sent: that takes some milliseconds, and may spare all of it.
const HASHED_SIZE_MAX: u64 = 4 << 20;

/// Up to here a file is read into memory, and sent from there.
const PARCEL_SIZE_MAX: u64 = 64 << 10;
