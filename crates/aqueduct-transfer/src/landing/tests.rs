//! A transfer that arrives, in a directory of the real kernel.

// To prepare and to check, any way will do.
#![allow(clippy::disallowed_methods)]

mod alone;
mod arriving;
mod child;
mod existing;
mod hostile;
mod kept;
mod resuming;
mod room;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use aqueduct_blob::{Algorithm, Assembly, Landed as SegmentLanded, Record, segment_count, segment_range};
use aqueduct_wire::transfer::{Entry, EntryId, Identity, Kind, Meta, Offer, Time, Verify};
use tempfile::TempDir;

use super::{Arriving, Landing, LandingOptions};
use crate::{Error, Event, Existing, Gauge, Phase, Preserve, Sync, Watch, Where};

/// A directory where things arrive, and how.
struct Site {
    dir: TempDir,
    to: Where,
    existing: Existing,
    sync: Sync,
    preserve: Preserve,
    recheck: bool,
    resume: bool,
    offer: Offer,
}

impl Site {
    /// Where entries of these names are to come.
    fn of(names: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            to: Where::Directory(dir.path().to_owned()),
            dir,
            existing: Existing::Refuse,
            sync: Sync::None,
            preserve: Preserve::default(),
            recheck: false,
            resume: true,
            offer: Offer {
                transfer: *b"0123456789abcdef",
                algorithm: Algorithm::Blake3,
                verify: Verify::Full,
                names: names.iter().map(|name| name.as_bytes().to_vec()).collect(),
                size: None,
                file_count: None,
                stream_count: 1,
                room: None,
            },
        }
    }

    fn try_begin(&self) -> Result<Landing, Error> {
        self.begin_heard(&Heard::default())
    }

    fn begin_heard(&self, heard: &Heard) -> Result<Landing, Error> {
        let options = LandingOptions {
            to: &self.to,
            existing: self.existing,
            sync: self.sync,
            preserve: self.preserve,
            recheck: self.recheck,
            resume: self.resume,
        };
        Landing::begin(&options, &self.offer, heard, &Gauge::default())
    }

    #[track_caller]
    fn begin(&self) -> Landing {
        self.try_begin().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8(fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn write(&self, name: &str, bytes: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// The staging directory.
    fn staging(&self) -> PathBuf {
        let name = super::staging::name(std::ffi::OsStr::from_bytes(&self.offer.names[0]), &self.offer);
        self.dir.path().join(name)
    }

    /// What is in the directory, at all depths, in order.
    fn names(&self) -> Vec<String> {
        names_below(self.dir.path())
    }
}

fn names_below(root: &Path) -> Vec<String> {
    fn walk(dir: &Path, root: &Path, names: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            names.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            if path.is_dir() && !path.is_symlink() {
                walk(&path, root, names);
            }
        }
    }
    let mut names = Vec::new();
    walk(root, root, &mut names);
    names.sort();
    names
}

/// Keeps what is heard of phases.
#[derive(Default)]
struct Heard(Mutex<Vec<Phase>>);

impl Watch for Heard {
    fn hear(&self, event: &Event<'_>) {
        if let Event::Phase(phase) = event {
            self.0.lock().unwrap().push(*phase);
        }
    }
}

fn meta(mode: u16) -> Meta {
    let mtime = Time { seconds: 1_000_000_000, nanoseconds: 123_000_000 };
    Meta { mode, mtime, ..Meta::default() }
}

fn entry(id: u64, parent: u64, name: &str, kind: Kind) -> Entry {
    let mode = if kind == Kind::Directory { 0o755 } else { 0o644 };
    Entry { id: EntryId(id), parent: EntryId(parent), name: name.into(), meta: meta(mode), kind }
}

fn directory(id: u64, parent: u64, name: &str) -> Entry {
    entry(id, parent, name, Kind::Directory)
}

fn symlink(id: u64, parent: u64, name: &str, target: &str) -> Entry {
    entry(id, parent, name, Kind::Symlink { target: target.into() })
}

fn hard_link(id: u64, parent: u64, name: &str, to: u64) -> Entry {
    entry(id, parent, name, Kind::HardLink { to: EntryId(to) })
}

/// A file that has this identity.
fn file(id: u64, parent: u64, name: &str, size: u64, identity: u64) -> Entry {
    entry(id, parent, name, Kind::Regular { size, identity: identity_of(identity) })
}

fn identity_of(number: u64) -> Identity {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Identity(bytes)
}

/// Lands a small file.
#[track_caller]
fn small(landing: &Landing, id: u64, parent: u64, name: &str, bytes: &str) -> super::Took {
    landing.small(&file(id, parent, name, bytes.len() as u64, id), bytes.as_bytes()).unwrap()
}

/// Bytes of a large file, other ones for each `seed`.
fn pattern(seed: u64, size: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(size).unwrap()];
    let mut reader = blake3::Hasher::new().update(&seed.to_be_bytes()).finalize_xof();
    reader.fill(&mut bytes);
    bytes
}

/// Writes a segment of `bytes` into `arriving`, and records it.
fn land_segment(arriving: &Arriving, algorithm: Algorithm, bytes: &[u8], index: u64) -> Record {
    let record = record_of(algorithm, bytes, index);
    let range = segment_range(bytes.len() as u64, index);
    let piece = &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
    arriving.file().unwrap().write_all_at(piece, range.start).unwrap();
    arriving.record(&record).unwrap();
    record
}

fn record_of(algorithm: Algorithm, bytes: &[u8], index: u64) -> Record {
    let size = bytes.len() as u64;
    let mut assembly = Assembly::new(algorithm, size);
    for at in 0..segment_count(size) {
        let mut hasher = assembly.begin(at).unwrap();
        let range = segment_range(size, at);
        hasher.update(&bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]);
        let SegmentLanded::Held(record) = assembly.land(hasher) else { panic!("nothing is claimed") };
        if at == index {
            return record;
        }
    }
    panic!("there is no such segment");
}
