//! What lies where in a store's directory. A path is only ever made here, and only from a [`Digest`] or an
//! [`UploadId`].
//!
//! `docs/store-format.md` draws the whole; this file is where it is true.

use std::fmt;
use std::path::{Path, PathBuf};

use aqueduct_blob::{Algorithm, Digest, UploadId};

/// The marker: format version and store id. The first file written.
pub(crate) const MARKER: &str = "aqueduct-store";
/// The file that is locked while the store is open.
pub(crate) const LOCK: &str = "lock";
/// The blobs, in `<algorithm>/<two hex digits>/<the other hex digits>`.
pub(crate) const BLOBS: &str = "blobs";
/// The checkpoint lists of blobs over one segment, laid out as the blobs are. Derived.
pub(crate) const CHECKPOINTS: &str = "checkpoints";
/// Uploads that can be resumed: for each the bytes, in `<id>`, and what is known of them, in `<id>.journal`.
pub(crate) const UPLOADS: &str = "uploads";
/// Blobs that turned out not to be what their name says, in `<algorithm>-<hex>`.
pub(crate) const QUARANTINE: &str = "quarantine";
/// Sizes and last use. Derived.
pub(crate) const INDEX: &str = "index.redb";
/// The durable mark and whatever else is true only because it is written there.
pub(crate) const META: &str = "meta.redb";
/// Thresholds that were measured. Whoever serves the store reads it, and not the store.
pub(crate) const CALIBRATION: &str = "calibration";
/// The directory itself.
pub(crate) const ROOT: &str = ".";

/// Shard directories per algorithm: one for each value of a digest's first byte, so that no directory grows past what
/// every filesystem handles well (two million blobs make eight thousand names a shard).
pub(crate) const SHARD_COUNT: u16 = 256;

/// The path of a blob.
pub(crate) fn blob(digest: &Digest) -> PathBuf {
    sharded(BLOBS, digest)
}

/// The path of a blob's checkpoint list.
pub(crate) fn checkpoints(digest: &Digest) -> PathBuf {
    sharded(CHECKPOINTS, digest)
}

/// The path under which a damaged blob is kept for examination.
pub(crate) fn quarantined(digest: &Digest) -> PathBuf {
    Path::new(QUARANTINE).join(format!("{}-{}", digest.algorithm(), digest.hex()))
}

/// The path of the note that says where a blob in quarantine is damaged.
pub(crate) fn damage(digest: &Digest) -> PathBuf {
    Path::new(QUARANTINE).join(format!("{}-{}{DAMAGE}", digest.algorithm(), digest.hex()))
}

/// What a name in quarantine stands for; `None` for a foreign file.
pub(crate) fn quarantined_at(name: &str) -> Option<QuarantineFile> {
    let digest = |name: &str| name.replacen('-', ":", 1).parse().ok();
    match name.strip_suffix(DAMAGE) {
        Some(name) => digest(name).map(QuarantineFile::Note),
        None => digest(name).map(QuarantineFile::Bytes),
    }
}

/// A file in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuarantineFile {
    Bytes(Digest),
    Note(Digest),
}

const DAMAGE: &str = ".damage";

/// The path of an upload's bytes.
pub(crate) fn upload(id: UploadId) -> PathBuf {
    Path::new(UPLOADS).join(id.to_string())
}

/// The path of an upload's journal.
pub(crate) fn journal(id: UploadId) -> PathBuf {
    Path::new(UPLOADS).join(format!("{id}{JOURNAL}"))
}

/// What a name in the directory of the uploads stands for; `None` for a foreign file.
pub(crate) fn upload_at(name: &str) -> Option<UploadFile> {
    match name.strip_suffix(JOURNAL) {
        Some(id) => id.parse().ok().map(UploadFile::Journal),
        None => name.parse().ok().map(UploadFile::Bytes),
    }
}

/// A file of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UploadFile {
    Bytes(UploadId),
    Journal(UploadId),
}

const JOURNAL: &str = ".journal";

/// The shard directory of `blobs` or `checkpoints` for every digest of `algorithm` that begins with `first`.
pub(crate) fn shard(top: &str, algorithm: Algorithm, first: u8) -> PathBuf {
    Path::new(top).join(algorithm.to_string()).join(format!("{first:02x}"))
}

/// Every shard, in the order of the digests in it.
pub(crate) fn shards() -> impl Iterator<Item = (Algorithm, u8)> {
    Algorithm::ALL.into_iter().flat_map(|algorithm| (0..=u8::MAX).map(move |first| (algorithm, first)))
}

/// The place of a blob's shard among [`shards`].
pub(crate) fn shard_index(digest: &Digest) -> usize {
    let earlier = Algorithm::ALL.into_iter().take_while(|algorithm| *algorithm != digest.algorithm()).count();
    earlier * usize::from(SHARD_COUNT) + usize::from(digest.as_bytes()[0])
}

/// The digest that a name in a shard directory stands for; `None` for a foreign file.
pub(crate) fn digest_at(algorithm: Algorithm, first: u8, name: &str) -> Option<Digest> {
    format!("{algorithm}:{first:02x}{name}").parse().ok()
}

/// Every directory of a store, parents before children.
pub(crate) fn directories() -> impl Iterator<Item = PathBuf> {
    let tops = [BLOBS, CHECKPOINTS, UPLOADS, QUARANTINE].into_iter().map(PathBuf::from);
    let algorithms = sharded_parents();
    let shards = sharded_parents()
        .flat_map(|parent| (0..SHARD_COUNT).map(move |first| parent.join(format!("{first:02x}"))));
    tops.chain(algorithms).chain(shards)
}

/// Every directory that holds directories, parents before children.
pub(crate) fn parents() -> impl Iterator<Item = PathBuf> {
    [ROOT, BLOBS, CHECKPOINTS].into_iter().map(PathBuf::from).chain(sharded_parents())
}

/// The directory that holds `path`, as the disk wants it.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(ROOT))
}

fn sharded_parents() -> impl Iterator<Item = PathBuf> {
    [BLOBS, CHECKPOINTS].into_iter().flat_map(|top| {
        Algorithm::ALL.into_iter().map(move |algorithm| Path::new(top).join(algorithm.to_string()))
    })
}

fn sharded(top: &str, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    let (first, rest) = hex.split_at(2);
    format!("{top}/{}/{first}/{rest}", digest.algorithm()).into()
}

/// What the marker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) format: u32,
    pub(crate) id: String,
}

/// The format this program writes, and the only one it reads.
pub(crate) const FORMAT: u32 = 1;

/// A marker is three short lines; a longer file is not one.
pub(crate) const MARKER_LEN_MAX: u64 = 256;

const MARKER_HEADING: &str = "aqueduct store";

impl Marker {
    /// The marker of a new store.
    pub(crate) fn new(id: String) -> Self {
        Self { format: FORMAT, id }
    }

    /// Reads a marker back. A newer format may say more after the second line; `None` means damage.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != MARKER_HEADING {
            return None;
        }
        let format = lines.next()?.strip_prefix("format ")?.parse().ok()?;
        if format > FORMAT {
            return Some(Self { format, id: String::new() });
        }
        let id = lines.next()?.strip_prefix("id ")?;
        let whole = text.ends_with('\n') && lines.next().is_none();
        let hex = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        (whole && hex && format == FORMAT).then(|| Self { format, id: id.to_owned() })
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARKER_HEADING}\nformat {}\nid {}\n", self.format, self.id)
    }
}

#[cfg(test)]
mod tests;
