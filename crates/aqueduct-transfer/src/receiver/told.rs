//! Files that somebody was told of, whom the next attempt need not tell again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aqueduct_blob::Digest;

/// The files of one transfer that were told of, and what each was said to be.
#[derive(Debug, Default)]
pub(crate) struct ToldFiles(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    transfer: [u8; 16],
    /// Their sizes and digests, by hashes of their paths: there may be millions.
    files: HashMap<[u8; 16], (u64, Option<Digest>)>,
}

impl ToldFiles {
    /// An attempt begins at `transfer`: of another one nothing was told yet.
    pub(super) fn begin(&self, transfer: [u8; 16]) {
        let mut told = self.told();
        if told.transfer != transfer {
            *told = Told { transfer, files: HashMap::new() };
        }
    }

    /// Everything is there, and may come again as a transfer of its own.
    pub(super) fn end(&self) {
        *self.told() = Told::default();
    }

    /// What the file at `path` was said to be.
    pub(super) fn digest(&self, path: &[u8]) -> Option<Digest> {
        self.told().files.get(&key(path))?.1
    }

    /// Remembers what the file at `path` is said to be; whether that is news.
    pub(super) fn add(&self, path: &[u8], size: u64, digest: Option<Digest>) -> bool {
        self.told().files.insert(key(path), (size, digest)) != Some((size, digest))
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(path: &[u8]) -> [u8; 16] {
    let hash = blake3::hash(path);
    *hash.as_bytes().first_chunk().expect("it has 32 bytes")
}

#[cfg(test)]
mod tests {
    use aqueduct_blob::Algorithm;

    use super::*;

    #[test]
    fn a_file_is_news_once_until_it_is_another_or_all_comes_anew() {
        let told = ToldFiles::default();
        let digest = |byte| Some(Digest::new(Algorithm::Sha256, [byte; 32]));
        told.begin([1; 16]);
        assert!(told.add(b"a", 1, digest(1)));
        assert!(told.add(b"unknown", 1, None));
        told.begin([1; 16]);
        assert!(!told.add(b"a", 1, digest(1)) && !told.add(b"unknown", 1, None));
        assert_eq!((told.digest(b"a"), told.digest(b"b")), (digest(1), None));
        assert!(told.add(b"a", 1, digest(2)), "it has changed and come again");
        assert!(told.add(b"unknown", 2, None), "as has this");
        told.begin([2; 16]);
        assert!(told.add(b"a", 1, digest(2)), "it is of another transfer");
        told.end();
        told.begin([2; 16]);
        assert!(told.add(b"a", 1, digest(2)), "all of it came again");
    }
}
