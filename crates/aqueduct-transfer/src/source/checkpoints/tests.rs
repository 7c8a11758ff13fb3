#![expect(clippy::disallowed_methods, reason = "to prepare, any way will do")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use aqueduct_blob::SEGMENT_LEN;
use tempfile::{TempDir, tempdir};

use super::*;

/// A large file that was left alone for long.
fn seen(place: u64) -> Stat {
    let file = File::open("/proc/self/exe").unwrap();
    let mut seen = aqueduct_sys::stat(file).unwrap();
    let long_ago = Timestamp { seconds: 1_000_000, nanoseconds: 5 };
    (seen.size, seen.inode, seen.mtime, seen.ctime) = (1 << 30, place, long_ago, long_ago);
    seen
}

fn record(index: u64) -> Record {
    let hash = |number: u64| *blake3::hash(&number.to_le_bytes()).as_bytes();
    Record { index, before: hash(index), after: hash(index + 1) }
}

fn cache() -> (TempDir, PathBuf, CheckpointCache) {
    let dir = tempdir().unwrap();
    let path = dir.path().join("some/cache");
    let cache = CheckpointCache::open(Some(&path));
    (dir, path, cache)
}

fn append(cache: &CheckpointCache, seen: &Stat, indices: std::ops::Range<u64>) {
    let kept = cache.begin(seen, Algorithm::Blake3);
    indices.for_each(|index| kept.append(&record(index)));
}

fn known(cache: &CheckpointCache, seen: &Stat) -> Vec<u64> {
    let kept = cache.begin(seen, Algorithm::Blake3);
    for it in kept.records() {
        assert_eq!(*it, record(it.index));
    }
    kept.records().iter().map(|it| it.index).collect()
}

fn only_file(path: &Path) -> PathBuf {
    let mut files = fs::read_dir(path).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

#[test]
fn what_was_found_is_known_the_next_time() {
    let (_dir, path, cache) = cache();
    append(&cache, &seen(1), 3..9);
    append(&cache, &seen(1), 0..3);
    assert_eq!(known(&cache, &seen(1)), Vec::from_iter(0..9));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(only_file(&path)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_kill_costs_no_more_than_a_batch() {
    let (_dir, _path, cache) = cache();
    let kept = cache.begin(&seen(1), Algorithm::Blake3);
    (0..150).for_each(|index| kept.append(&record(index)));
    assert_eq!(known(&cache, &seen(1)).len(), 144);
    std::mem::forget(kept);
}

#[test]
fn a_file_that_differs_in_anything_is_another() {
    let (_dir, _path, cache) = cache();
    append(&cache, &seen(1), 0..2);
    let one = seen(1);
    let later = Timestamp { nanoseconds: 6, ..one.mtime };
    for other in [
        Stat { device: one.device + 1, ..one },
        Stat { inode: 2, ..one },
        Stat { size: one.size + 1, ..one },
        Stat { mtime: later, ..one },
        Stat { ctime: later, ..one },
    ] {
        assert!(known(&cache, &other).is_empty());
    }
    assert_eq!(cache.begin(&one, Algorithm::Sha256).records(), []);
    assert_eq!(known(&cache, &one), [0, 1]);
}

#[test]
fn what_is_torn_or_damaged_is_as_good_as_not_there_and_what_is_behind_it_is_found() {
    let (_dir, path, cache) = cache();
    append(&cache, &seen(1), 0..4);
    let file = only_file(&path);
    let whole = fs::read(&file).unwrap();
    assert_eq!(whole.len(), 4 * RECORD_LEN);
    for len in 0..whole.len() {
        fs::write(&file, &whole[..len]).unwrap();
        append(&cache, &seen(1), 9..10);
        let expected: Vec<_> = (0..(len / RECORD_LEN) as u64).chain([9]).collect();
        assert_eq!(known(&cache, &seen(1)), expected, "{len}");
    }
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        fs::write(&file, &damaged).unwrap();
        let lost = (place / RECORD_LEN) as u64;
        assert_eq!(known(&cache, &seen(1)), Vec::from_iter((0..4).filter(|index| *index != lost)));
    }
    // Not even this takes long.
    fs::write(&file, vec![7; 512 * RECORD_LEN]).unwrap();
    assert!(known(&cache, &seen(1)).is_empty());
}

#[test]
fn records_of_another_file_are_none() {
    let (_dir, path, cache) = cache();
    append(&cache, &seen(1), 0..4);
    let foreign = fs::read(only_file(&path)).unwrap();
    fs::remove_file(only_file(&path)).unwrap();
    append(&cache, &seen(2), 0..1);
    let file = only_file(&path);
    let own = fs::read(&file).unwrap();
    fs::write(&file, [&own[..], &foreign].concat()).unwrap();
    assert_eq!(known(&cache, &seen(2)), [0]);
}

#[test]
fn segments_that_are_not_there_and_those_that_are_disputed_are_not_known() {
    let (_dir, _path, cache) = cache();
    let count = (1 << 30) / SEGMENT_LEN;
    append(&cache, &seen(1), count - 1..count + 1);
    append(&cache, &seen(1), 0..2);
    let kept = cache.begin(&seen(1), Algorithm::Blake3);
    kept.append(&Record { after: [7; 32], ..record(0) });
    drop(kept);
    append(&cache, &seen(1), 0..2);
    assert_eq!(known(&cache, &seen(1)), [1, count - 1]);
}

#[test]
fn several_writers_lose_nothing_of_each_other() {
    let (_dir, _path, cache) = cache();
    append(&cache, &seen(1), 0..1);
    let programs: Vec<_> = (0..3).map(|_| cache.begin(&seen(1), Algorithm::Blake3)).collect();
    std::thread::scope(|scope| {
        for thread in 0..6_u64 {
            let kept = &programs[usize::try_from(thread / 2).unwrap()];
            scope.spawn(move || {
                for index in 0..40 {
                    kept.append(&record(1 + thread * 40 + index));
                }
            });
        }
    });
    drop(programs);
    assert_eq!(known(&cache, &seen(1)), Vec::from_iter(0..241));
}

#[test]
fn a_file_that_was_changed_just_now_is_remembered_when_it_was_left_alone_for_long_enough() {
    let (_dir, _path, cache) = cache();
    let changed = Timestamp { seconds: cache.opened.seconds - 10, nanoseconds: 0 };
    let fresh = Stat { mtime: changed, ..seen(1) };
    append(&cache, &fresh, 0..2);
    assert!(known(&cache, &fresh).is_empty());
    let kept = cache.begin(&fresh, Algorithm::Blake3);
    let writer = kept.writer.as_ref().unwrap();
    for (index, age) in [(0, 119), (1, 120)] {
        writer.lock().unwrap().append(&record(index), later(changed, age));
    }
    drop(kept);
    assert_eq!(known(&cache, &fresh), [1]);
    let future = Stat { ctime: Timestamp { seconds: i64::MAX, nanoseconds: 0 }, ..seen(1) };
    append(&cache, &future, 0..2);
    assert!(known(&cache, &future).is_empty());
}

#[test]
fn the_oldest_go_when_there_are_too_many_or_too_much() {
    let (_dir, path, cache) = cache();
    for place in 0..FILE_COUNT_MAX as u64 + 5 {
        append(&cache, &seen(place), 0..1);
    }
    assert_eq!(fs::read_dir(&path).unwrap().count(), FILE_COUNT_MAX);
    fs::write(path.join("something else"), b"stays").unwrap();
    let large = File::create(path.join("large.checkpoints")).unwrap();
    large.set_len(DIRECTORY_LEN_MAX).unwrap();
    large.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    append(&cache, &seen(1 << 20), 0..1);
    assert!(!path.join("large.checkpoints").exists());
    assert!(path.join("something else").exists());
    assert_eq!(fs::read_dir(&path).unwrap().count(), FILE_COUNT_MAX + 1);
}

#[test]
fn no_file_grows_without_end() {
    let (_dir, path, cache) = cache();
    let small = Stat { size: SIZE_MIN, ..seen(1) };
    let count = SIZE_MIN / SEGMENT_LEN;
    for _ in 0..5 {
        append(&cache, &small, 0..count);
    }
    assert_eq!(fs::metadata(only_file(&path)).unwrap().len(), 2 * count * RECORD_LEN as u64);
}

#[test]
fn small_files_no_directory_and_a_directory_that_cannot_be_written_remember_nothing() {
    let (dir, path, cache) = cache();
    let small = Stat { size: SIZE_MIN - 1, ..seen(1) };
    append(&cache, &small, 0..1);
    assert!(!path.exists());
    append(&CheckpointCache::open(None), &seen(1), 0..1);
    fs::write(dir.path().join("file"), b"").unwrap();
    let cache = CheckpointCache::open(Some(&dir.path().join("file")));
    append(&cache, &seen(1), 0..200);
    assert!(known(&cache, &seen(1)).is_empty());
}
