use std::fs::{self, File};

use aqueduct_sys::stat;
use tempfile::TempDir;

use super::*;

fn digest(byte: u8) -> Digest {
    Digest::new(Algorithm::Sha256, [byte; 32])
}

/// A file as it would look if it had been left alone for an hour.
fn settled(dir: &TempDir) -> Stat {
    let path = dir.path().join("file");
    fs::write(&path, "abc").unwrap();
    let mut seen = stat(File::open(&path).unwrap()).unwrap();
    seen.mtime.seconds -= 3600;
    seen.ctime.seconds -= 3600;
    seen
}

fn saved(dir: &TempDir) -> (PathBuf, Stat) {
    let path = dir.path().join("cache/digests");
    let seen = settled(dir);
    let cache = DigestCache::load(&path);
    cache.remember(&seen, &digest(1));
    cache.save().unwrap();
    (path, seen)
}

#[test]
fn what_was_remembered_is_found_again_by_another_process() {
    let dir = TempDir::new().unwrap();
    let (path, seen) = saved(&dir);
    let cache = DigestCache::load(&path);
    assert_eq!(cache.digest(&seen, Algorithm::Sha256), Some(digest(1)));
    assert_eq!(cache.digest(&seen, Algorithm::Blake3), None);
}

#[test]
fn a_file_that_looks_otherwise_is_another() {
    let dir = TempDir::new().unwrap();
    let (path, seen) = saved(&dir);
    let cache = DigestCache::load(&path);
    let mut others = [seen; 6];
    others[0].device += 1;
    others[1].inode += 1;
    others[2].size += 1;
    others[3].mtime.nanoseconds ^= 1;
    others[4].ctime.nanoseconds ^= 1;
    others[5].ctime.seconds += 1;
    for other in others {
        assert_eq!(cache.digest(&other, Algorithm::Sha256), None, "{other:?}");
    }
}

#[test]
fn a_file_that_changed_a_moment_ago_is_not_remembered() {
    let dir = TempDir::new().unwrap();
    let seen = settled(&dir);
    let at = |age: f64| {
        let changed = Duration::new(seen.ctime.seconds.unsigned_abs(), seen.ctime.nanoseconds);
        SystemTime::UNIX_EPOCH + changed.checked_add(Duration::from_secs_f64(age)).unwrap()
    };
    assert!(!is_settled(&seen, at(0.0)));
    assert!(!is_settled(&seen, at(59.9)));
    assert!(is_settled(&seen, at(60.1)));
    let fresh = Stat { mtime: Timestamp { seconds: i64::MAX, nanoseconds: 0 }, ..seen };
    assert!(!is_settled(&fresh, at(90.0)), "a time that is to come is no age");
    // What counts is the time before the file was looked at, not the time when its hash was known.
    let cache = DigestCache { loaded: at(30.0), ..DigestCache::load(&dir.path().join("cache")) };
    cache.remember(&seen, &digest(1));
    assert_eq!(cache.digest(&seen, Algorithm::Sha256), None);
}

#[test]
fn a_damaged_cache_is_an_empty_one() {
    let dir = TempDir::new().unwrap();
    let (path, seen) = saved(&dir);
    let good = fs::read(&path).unwrap();
    for index in 0..good.len() {
        let mut bad = good.clone();
        bad[index] ^= 1;
        fs::write(&path, &bad).unwrap();
        assert_eq!(DigestCache::load(&path).digest(&seen, Algorithm::Sha256), None, "byte {index}");
        fs::write(&path, &good[..index]).unwrap();
        assert_eq!(DigestCache::load(&path).digest(&seen, Algorithm::Sha256), None, "cut at {index}");
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let cache = DigestCache::load(&path);
    cache.remember(&seen, &digest(1));
    assert!(cache.save().is_err(), "a directory is in its place");
}

#[test]
fn two_processes_keep_what_both_found() {
    let dir = TempDir::new().unwrap();
    let (path, seen) = saved(&dir);
    let other = Stat { inode: seen.inode + 1, ..seen };
    let (one, two) = (DigestCache::load(&path), DigestCache::load(&path));
    one.remember(&other, &digest(2));
    one.save().unwrap();
    two.remember(&Stat { inode: seen.inode + 2, ..seen }, &digest(3));
    two.save().unwrap();
    let all = DigestCache::load(&path);
    assert_eq!(all.digest(&other, Algorithm::Sha256), Some(digest(2)));
    assert_eq!(all.digest(&seen, Algorithm::Sha256), Some(digest(1)));
}

#[test]
fn the_oldest_go_when_there_are_too_many() {
    let dir = TempDir::new().unwrap();
    let (path, seen) = saved(&dir);
    let cache = DigestCache::load(&path);
    for inode in 1..=ENTRY_COUNT_MAX as u64 {
        cache.remember(&Stat { inode: seen.inode + inode, ..seen }, &digest(2));
    }
    cache.save().unwrap();
    let cache = DigestCache::load(&path);
    assert_eq!(cache.digest(&seen, Algorithm::Sha256), None, "the first is the oldest");
    let last = Stat { inode: seen.inode + ENTRY_COUNT_MAX as u64, ..seen };
    assert_eq!(cache.digest(&last, Algorithm::Sha256), Some(digest(2)));
}
