//! What hashing large files found, so that a sender that starts anew hashes no segment twice.
//!
//! A small file for each that was hashed, named by what it was when it was looked at. It is only ever appended to, and each
//! record in it has a check of its own that the name goes into: torn, damaged or foreign bytes are no records, and neither
//! two programs at once nor a kill need a lock or a sync. Losing records costs hashing them again, so nothing here fails.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use aqueduct_blob::{Algorithm, Record, segment_count};
use aqueduct_sys::{Access, CWD, Stat, Timestamp, open_file, realtime_coarse};

/// A directory of such files, or none.
#[derive(Clone, Debug)]
pub(crate) struct CheckpointCache {
    directory: Option<PathBuf>,
    /// Before any file was looked at that is remembered here.
    opened: Timestamp,
}

/// What is known of one file, and where more of it is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    records: Vec<Record>,
    writer: Option<Mutex<Writer>>,
}

/// Appends what is found.
#[derive(Debug)]
struct Writer {
    key: [u8; 32],
    path: PathBuf,
    /// Whether there is no file yet.
    is_new: bool,
    /// What is not written yet.
    buffer: Vec<u8>,
    /// Records that may still be appended.
    room: u64,
    /// When a file that looks like this could no longer be changed and look the same.
    settled: Timestamp,
    /// Whether that was so before it was looked at.
    was_settled: bool,
}

impl CheckpointCache {
    /// Keeps what is found in `directory`, which is made when it is needed; without one nothing is remembered. Has to come
    /// before the files are looked at.
    pub(crate) fn open(directory: Option<&Path>) -> Self {
        Self { directory: directory.map(Path::to_owned), opened: realtime_coarse() }
    }

    /// What is known of a file that looks like `seen`. Small ones are not remembered: they are hashed as soon as that.
    pub(crate) fn begin(&self, seen: &Stat, algorithm: Algorithm) -> Kept {
        let count = segment_count(seen.size);
        let Some(directory) = self.directory.as_deref().filter(|_| is_remembered(seen.size)) else {
            return Kept { records: Vec::new(), writer: None };
        };
        let key = key(seen, algorithm);
        let name = blake3::Hash::from_bytes(key).to_hex();
        let path = directory.join(format!("{}{SUFFIX}", &name[..32]));
        let bytes = read(&path, count);
        let settled = later(seen.mtime.max(seen.ctime), AGE_MIN);
        let writer = Writer {
            key,
            path,
            is_new: bytes.is_empty(),
            buffer: Vec::new(),
            room: (2 * count).saturating_sub((bytes.len() / RECORD_LEN) as u64),
            settled,
            was_settled: settled <= self.opened,
        };
        Kept { records: find_records(&bytes, &key, count), writer: Some(Mutex::new(writer)) }
    }
}

impl Kept {
    /// What is known already, in the order of the segments: each at most once.
    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    /// Remembers one more, from any thread; it is written with others, or when this is dropped. One that differs from what
    /// is known takes its place: neither is known the next time.
    pub(crate) fn append(&self, record: &Record) {
        if let Some(writer) = &self.writer {
            writer.lock().unwrap_or_else(PoisonError::into_inner).append(record, realtime_coarse());
        }
    }

    /// Writes what is not written yet.
    pub(crate) fn flush(&self) {
        if let Some(writer) = &self.writer {
            writer.lock().unwrap_or_else(PoisonError::into_inner).flush();
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Writer {
    fn append(&mut self, record: &Record, now: Timestamp) {
        // A file that was changed just before it was looked at could be changed again and look the same. What is hashed
        // long enough after that change cannot: whoever changes it now moves its times. Twice as long, since the
        // bytes were read some time before.
        let is_settled = self.was_settled || later(self.settled, AGE_MIN) <= now;
        if !is_settled || self.room == 0 {
            return;
        }
        self.room -= 1;
        self.buffer.extend(encode(record, &self.key));
        if self.buffer.len() >= BATCH_COUNT * RECORD_LEN {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        // Many files may be under way: none keeps a descriptor between two writes.
        let file = self.create();
        self.is_new = false;
        // In one call: appended whole, or torn and found to be.
        let is_written = file.is_ok_and(|mut file| file.write_all(&self.buffer).is_ok());
        self.buffer.clear();
        if !is_written {
            self.room = 0;
        }
    }

    /// Opens the file for appending, for this user alone, and makes room for it if it is new.
    fn create(&self) -> std::io::Result<File> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        if self.is_new {
            make_room(directory)?;
        }
        File::options().append(true).create(true).mode(0o600).open(&self.path)
    }
}

/// What is at `path`, as far as it may be long; what could be read before an error is as good.
fn read(path: &Path, count: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = open_file(CWD, path, Access::Read) {
        let _ = File::from(file).take(2 * count * RECORD_LEN as u64).read_to_end(&mut bytes);
    }
    bytes
}

/// The records in `bytes`. Behind a torn one others begin at any place: the next is looked for. Nothing is ever cut off,
/// since somebody may be about to append.
fn find_records(mut bytes: &[u8], key: &[u8; 32], count: u64) -> Vec<Record> {
    let mut known = BTreeMap::new();
    let mut doubts = 0;
    while let Some((first, rest)) = bytes.split_first_chunk() {
        let Some(record) = decode(first, key) else {
            doubts += 1;
            if doubts > DOUBT_COUNT_MAX {
                break;
            }
            bytes = &bytes[1..];
            continue;
        };
        bytes = rest;
        if record.index < count {
            known
                .entry(record.index)
                .and_modify(|before: &mut Option<Record>| *before = before.filter(|before| *before == record))
                .or_insert(Some(record));
        }
    }
    known.into_values().flatten().collect()
}

/// Removes the oldest files until one more would not be too many.
fn make_room(directory: &Path) -> std::io::Result<()> {
    let mut files = Vec::new();
    for found in std::fs::read_dir(directory)?.flatten() {
        if !found.file_name().to_string_lossy().ends_with(SUFFIX) {
            continue;
        }
        let Ok(metadata) = found.metadata() else { continue };
        files.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), found.path()));
    }
    files.sort_unstable();
    let (mut count, mut len) = (files.len(), files.iter().map(|(_, len, _)| len).sum::<u64>());
    for (_, its_len, path) in files {
        if count < FILE_COUNT_MAX && len < DIRECTORY_LEN_MAX {
            break;
        }
        // Somebody else may have been faster.
        let _ = std::fs::remove_file(path);
        count -= 1;
        len -= its_len;
    }
    Ok(())
}

/// ```text
/// 8 index, little-endian | 32 before | 32 after | 8 of the BLAKE3 of all before, keyed
/// ```
fn encode(record: &Record, key: &[u8; 32]) -> [u8; RECORD_LEN] {
    let mut bytes = [0; RECORD_LEN];
    bytes[..8].copy_from_slice(&record.index.to_le_bytes());
    bytes[8..40].copy_from_slice(&record.before);
    bytes[40..72].copy_from_slice(&record.after);
    let check = blake3::keyed_hash(key, &bytes[..72]);
    bytes[72..].copy_from_slice(&check.as_bytes()[..8]);
    bytes
}

fn decode(bytes: &[u8; RECORD_LEN], key: &[u8; 32]) -> Option<Record> {
    let index = u64::from_le_bytes(*bytes.first_chunk()?);
    let record =
        Record { index, before: bytes[8..40].try_into().ok()?, after: bytes[40..72].try_into().ok()? };
    (encode(&record, key) == *bytes).then_some(record)
}

/// What a file was, and how it is hashed: the name of its records, and the key of their checks.
fn key(seen: &Stat, algorithm: Algorithm) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("aqueduct transfer 1: checkpoints of a file");
    hasher.update(&super::file::identity(seen).0);
    hasher.update(match algorithm {
        Algorithm::Blake3 => b"blake3",
        Algorithm::Sha256 => b"sha256",
    });
    *hasher.finalize().as_bytes()
}

/// Not what is hashed in less time than it takes to be asked for, nor what would fill the whole directory.
fn is_remembered(size: u64) -> bool {
    size >= SIZE_MIN && segment_count(size) * (RECORD_LEN as u64) <= DIRECTORY_LEN_MAX / 2
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    Timestamp { seconds: time.seconds.saturating_add(seconds), ..time }
}

const RECORD_LEN: usize = 80;

/// Written at once: 1.25 KiB for 64 MiB that were hashed, so that a kill costs some 50 ms of hashing, and a write is seldom.
const BATCH_COUNT: usize = 16;

/// Places at which a record is looked for in vain: some 10 ms.
const DOUBT_COUNT_MAX: usize = 1 << 16;

/// Hashed in some 50 ms.
const SIZE_MIN: u64 = 64 << 20;

/// Nobody goes on with more at once, and making room looks at each.
const FILE_COUNT_MAX: usize = 256;

/// 3 TiB that were hashed.
const DIRECTORY_LEN_MAX: u64 = 64 << 20;

/// In seconds. Filesystems keep times in steps of up to two seconds. And a write through a mapping moves them only if the page
/// is clean, which it is once it was written back: after some 35 seconds (dirty_expire_centisecs and
/// dirty_writeback_centisecs in the kernel's documentation of /proc/sys/vm).
const AGE_MIN: i64 = 60;

const SUFFIX: &str = ".checkpoints";

#[cfg(test)]
mod tests;
