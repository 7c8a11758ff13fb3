//! Blobs and stores to test with.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_flow::Step;
use aqueduct_store::{Absent, Options, Outcome, Store, SyncPolicy, Verified, Whole};
use aqueduct_testkit::{SimDisk, Slot};
use tempfile::TempDir;

pub(crate) const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// All that a store has in its directory, by docs/store-format.md.
pub(crate) const TOP: [&str; 8] =
    ["aqueduct-store", "lock", "blobs", "checkpoints", "uploads", "quarantine", "index.redb", "meta.redb"];

/// Whoever hashes shall never stop.
pub(crate) const ALL: fn(u64) -> ControlFlow<()> = |_| ControlFlow::Continue(());

/// A store in a directory of its own.
pub(crate) fn store() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    (directory, store)
}

pub(crate) fn open(root: &Path) -> Store {
    Store::open(root, Absent::Make, Options::default()).unwrap()
}

/// A store on a disk that can fail.
pub(crate) fn simulated(sync: SyncPolicy) -> (Slot, SimDisk, Store) {
    let mut slot = Slot::new().unwrap();
    let disk = slot.empty().unwrap();
    let store = reopen(&disk, sync);
    (slot, disk, store)
}

pub(crate) fn reopen(disk: &SimDisk, sync: SyncPolicy) -> Store {
    Store::open_on(Arc::new(disk.clone()), Absent::Make, Options { sync, ..Options::default() }).unwrap()
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(bytes);
    hasher.finish().digest
}

/// Bytes that differ everywhere.
pub(crate) fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.u8(..)).take(len).collect()
}

pub(crate) fn whole(bytes: &[u8], expected: Option<Digest>) -> Whole<'_> {
    Whole { algorithm: Algorithm::Sha256, expected, bytes }
}

pub(crate) fn stage(store: &Store, bytes: &[u8]) -> Verified {
    let mut staging = store.begin(Algorithm::Sha256, Some(bytes.len() as u64)).unwrap();
    let step = staging.fill(&mut |file, offset, observe| {
        file.write_all_at(bytes, offset)?;
        observe(bytes);
        Ok(Step::Moved(bytes.len()))
    });
    assert_eq!(step.unwrap(), Step::Moved(bytes.len()));
    staging.verify(None).unwrap()
}

pub(crate) fn put(store: &Store, bytes: &[u8]) -> Outcome {
    stage(store, bytes).publish().unwrap().outcome
}

pub(crate) fn read(store: &Store, digest: &Digest) -> Option<Vec<u8>> {
    let blob = store.blob(digest).unwrap()?;
    let mut bytes = vec![0; usize::try_from(blob.size()).unwrap()];
    blob.file().read_exact_at(&mut bytes, 0).unwrap();
    Some(bytes)
}

/// Where a digest lies under `top`.
pub(crate) fn path(root: &Path, top: &str, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    root.join(top).join(digest.algorithm().to_string()).join(&hex[..2]).join(&hex[2..])
}

/// Every file and directory under `root`, with the bytes of the files.
pub(crate) fn snapshot(root: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.push((path.clone(), None));
                waiting.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                found.push((path, Some(bytes)));
            }
        }
    }
    found.sort();
    found
}
