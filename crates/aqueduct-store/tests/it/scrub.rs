//! Scrubbing: what it finds, what it leaves alone, and how it goes on.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aqueduct_blob::Digest;
use aqueduct_store::{Absent, ChangeError, Options, ScrubFound, ScrubPass, ScrubPlan, Store, SyncPolicy};
use tempfile::TempDir;

use crate::fixture::{TWO, bytes, digest, path, put, read, reopen, simulated};

const PLAN: ScrubPlan = ScrubPlan { threads: TWO, restart: false };

const MIB: u64 = 1 << 20;

/// A store that syncs nothing: of what a scrub does, nothing asks for that.
fn store() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    (directory, store)
}

fn open(root: &Path) -> Store {
    Store::open(root, Absent::Make, Options { sync: SyncPolicy::None, ..Options::default() }).unwrap()
}

fn on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Scrubs to the end, and gives what was told.
fn scrub(store: &Store) -> (ScrubPass, Vec<ScrubFound>) {
    let mut found = Vec::new();
    let pass = store.scrub(&PLAN, &on, &mut |told| found.push(told.clone())).unwrap();
    (pass, found)
}

/// Those that were damaged, with the bounds of what is wrong.
fn damaged(found: &[ScrubFound]) -> Vec<(Digest, Vec<(u64, u64)>)> {
    let damage = |found: &ScrubFound| match found {
        ScrubFound::Checked(checked) if !checked.damage.is_empty() => {
            let bounds = checked.damage.iter().map(|range| (range.start, range.end));
            Some((checked.digest, bounds.collect()))
        }
        _ => None,
    };
    found.iter().filter_map(damage).collect()
}

/// Changes a file behind the store's back, under another inode.
fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Blobs of every kind of size: nothing, small ones, one of several segments, and one for all threads.
fn fill(store: &Store) -> Vec<Vec<u8>> {
    let lens = [0, 1, 4095, 4096, 64 << 10, (64 << 10) + 1, 9 << 20, 33 << 20];
    let mut contents: Vec<_> = (1..).zip(lens).map(|(seed, len)| bytes(len, seed)).collect();
    contents.extend((100..400).map(|seed| bytes(seed, seed as u64)));
    for content in &contents {
        put(store, content);
    }
    contents
}

#[test]
fn a_pass_reads_every_blob_once_and_finds_nothing_where_nothing_is() {
    let (_directory, store) = store();
    let contents = fill(&store);
    let size = contents.iter().map(|content| content.len() as u64).sum();
    let asked = AtomicU64::new(0);
    let leave = |len| {
        asked.fetch_add(len, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    let pass = store.scrub(&PLAN, &leave, &mut |found| panic!("{found:?}")).unwrap();
    assert_eq!((pass.count, pass.size), (contents.len() as u64, size));
    assert_eq!((pass.damaged, pass.failed, pass.rebuilt), (0, 0, 0));
    assert!(pass.ended.is_some());
    assert_eq!(asked.into_inner(), size, "leave is asked for every byte");
    let state = store.scrub_state();
    assert_eq!((state.is_running, state.pass, state.whole), (false, None, Some(pass)));
}

#[test]
fn a_flipped_bit_is_found_in_a_blob_of_any_size_and_the_blob_can_be_put_again() {
    let (directory, store) = store();
    let contents: Vec<_> =
        [1, 5000, (64 << 10) + 1, 9 << 20, 33 << 20].map(|len| bytes(len, len as u64)).into();
    for content in &contents {
        put(&store, content);
        rewrite(&path(directory.path(), "blobs", &digest(content)), |bytes| *bytes.last_mut().unwrap() ^= 1);
    }
    put(&store, b"intact");
    let (pass, found) = scrub(&store);
    let found = damaged(&found);
    assert_eq!((pass.count, pass.damaged, found.len()), (6, 5, 5));
    for content in &contents {
        let (len, name) = (content.len() as u64, digest(content));
        let start = if len > 8 * MIB { (len - 1) / (4 * MIB) * (4 * MIB) } else { 0 };
        assert!(found.contains(&(name, vec![(start, len)])), "{len}");
        assert_eq!(read(&store, &name), None);
        put(&store, content);
        assert!(read(&store, &name).unwrap() == *content);
    }
    assert_eq!(scrub(&store).0.damaged, 0);
}

#[test]
fn quarantine_says_which_bytes_are_wrong() {
    let (directory, store) = store();
    let content = bytes(9 << 20, 1);
    put(&store, &content);
    rewrite(&path(directory.path(), "blobs", &digest(&content)), |bytes| bytes[5 << 20] ^= 1);
    scrub(&store);
    let [kept] = &store.quarantined().unwrap()[..] else { panic!("one blob is in quarantine") };
    assert_eq!((kept.digest, kept.size), (digest(&content), 9 * MIB));
    assert_eq!(
        kept.damage.iter().map(|range| (range.start, range.end)).collect::<Vec<_>>(),
        [(4 * MIB, 8 * MIB)]
    );
    // The note is a kindness: without it the bytes are there all the same.
    let note = directory.path().join(format!("quarantine/sha256-{}.damage", digest(&content).hex()));
    fs::remove_file(&note).unwrap();
    assert_eq!(store.quarantined().unwrap()[0].damage, []);
}

#[test]
fn a_blob_that_is_shorter_or_longer_than_it_was_is_damaged() {
    let (directory, store) = store();
    let contents = [bytes(5000, 1), bytes(5001, 2), bytes(9 << 20, 3), bytes(9 << 20, 4)];
    for (index, content) in contents.iter().enumerate() {
        put(&store, content);
        rewrite(&path(directory.path(), "blobs", &digest(content)), |bytes| match index % 2 {
            0 => drop(bytes.pop()),
            _ => bytes.push(0),
        });
    }
    assert_eq!(scrub(&store).0.damaged, 4);
}

#[test]
fn a_missing_or_wrong_checkpoint_list_condemns_no_blob_and_is_written_anew() {
    let (directory, store) = store();
    let contents = [bytes(9 << 20, 1), bytes(9 << 20, 2), bytes(9 << 20, 3)];
    let lists = contents.each_ref().map(|content| {
        put(&store, content);
        path(directory.path(), "checkpoints", &digest(content))
    });
    let right = lists.each_ref().map(|list| fs::read(list).unwrap());
    fs::remove_file(&lists[0]).unwrap();
    rewrite(&lists[1], |bytes| bytes[30] ^= 1);
    // The whole list of another blob: its checksum is right.
    fs::remove_file(&lists[2]).unwrap();
    fs::copy(&lists[1], &lists[2]).unwrap();
    rewrite(&lists[2], |bytes| bytes.clone_from(&right[1]));
    let (pass, found) = scrub(&store);
    assert_eq!((pass.damaged, pass.rebuilt, found.len()), (0, 3, 3));
    for (list, right) in lists.iter().zip(&right) {
        assert!(fs::read(list).unwrap() == *right);
    }
}

/// Breaks a pass off before it has read `len` bytes more.
fn scrub_for(store: &Store, len: u64) -> ScrubPass {
    let left = AtomicU64::new(len);
    let leave =
        |len| match left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(len)) {
            Ok(_) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
    store.scrub(&PLAN, &leave, &mut |_| {}).unwrap()
}

#[test]
fn a_pass_that_was_broken_off_goes_on_where_it_was_in_another_process() {
    let (directory, store) = store();
    for seed in 0..600 {
        put(&store, &bytes(100, seed));
    }
    let half = scrub_for(&store, 300 * 100);
    assert!(half.ended.is_none() && half.count > 200 && half.count <= 300, "{half:?}");
    assert_eq!(store.scrub_state().pass.as_ref(), Some(&half));
    store.close().unwrap();
    let store = open(directory.path());
    assert_eq!(store.scrub_state().pass, Some(half.clone()));
    let rest = AtomicU64::new(0);
    let leave = |len| {
        rest.fetch_add(len, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    let whole = store.scrub(&PLAN, &leave, &mut |_| {}).unwrap();
    assert_eq!((whole.count, whole.size, whole.began), (600, 60_000, half.began));
    assert_eq!(rest.into_inner(), 60_000 - half.size, "what was done is not read again");
}

#[test]
fn a_pass_begins_anew_where_that_is_asked_for() {
    let (_directory, store) = store();
    for seed in 0..600 {
        put(&store, &bytes(100, seed));
    }
    assert!(scrub_for(&store, 300 * 100).count > 0);
    let restarted =
        store.scrub(&ScrubPlan { restart: true, ..PLAN }, &|_| ControlFlow::Break(()), &mut |_| {});
    assert_eq!(restarted.unwrap().count, 0);
}

#[test]
fn what_the_medium_does_not_give_is_told_with_its_range_and_stays_where_it_is() {
    let (directory, store) = store();
    let content = bytes(9 << 20, 1);
    put(&store, &content);
    let path = path(directory.path(), "blobs", &digest(&content));
    // It is open by then, and has bytes no more where it had some: the nearest to a bad sector that a file can be.
    let truncated = Once::new();
    let leave = |_| {
        truncated
            .call_once(|| fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(5 << 20).unwrap());
        ControlFlow::Continue(())
    };
    let mut found = Vec::new();
    let pass = store.scrub(&PLAN, &leave, &mut |told| found.push(told.clone())).unwrap();
    let [ScrubFound::Failed { digest: Some(named), range: Some(range), .. }] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!((*named, pass.failed, pass.damaged), (digest(&content), 1, 0));
    assert!(range.end > 5 << 20 && range.end <= 9 << 20, "{range:?}");
    assert!(path.exists());
}

#[test]
fn a_large_blob_keeps_nobody_waiting_who_wants_the_pass_to_stop() {
    let (_directory, store) = store();
    put(&store, &bytes(40 << 20, 1));
    let asked = AtomicU64::new(0);
    let leave = |len| match asked.fetch_add(len, Ordering::Relaxed) {
        ..4_000_000 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    };
    let pass = store.scrub(&PLAN, &leave, &mut |_| {}).unwrap();
    assert_eq!((pass.count, pass.ended), (0, None));
    assert!(asked.into_inner() < 6_000_000);
}

#[test]
fn a_kill_costs_a_pass_what_it_did_in_its_last_seconds() {
    let (mut slot, disk, store) = simulated(SyncPolicy::Full);
    for seed in 0..400 {
        put(&store, &bytes(100, seed));
    }
    let asked = AtomicU64::new(0);
    let leave = |len| {
        // The power goes while the second half is read, long after the first one was written down.
        match asked.fetch_add(len, Ordering::Relaxed) / len {
            200 => disk.advance(60),
            300 => disk.kill(),
            _ => {}
        }
        ControlFlow::Continue(())
    };
    let one = ScrubPlan { threads: std::num::NonZeroUsize::MIN, restart: false };
    drop(store.scrub(&one, &leave, &mut |_| {}));
    drop(store);
    let store = reopen(&slot.mount(&disk.image_of_durable()).unwrap(), SyncPolicy::Full);
    let pass = store.scrub_state().pass.expect("it was written down");
    assert!(pass.count > 190 && pass.count < 300, "{pass:?}");
    assert_eq!(store.scrub(&one, &on, &mut |_| {}).unwrap().count, 400);
}

#[test]
fn a_damaged_blob_that_cannot_be_put_away_ends_the_pass_only_where_nothing_can_be_changed() {
    let (directory, store) = store();
    let contents = [bytes(100, 1), bytes(100, 2)];
    for content in &contents {
        put(&store, content);
        rewrite(&path(directory.path(), "blobs", &digest(content)), |bytes| bytes[0] ^= 1);
    }
    // Nothing can be linked into what is no directory.
    fs::remove_dir(directory.path().join("quarantine")).unwrap();
    fs::write(directory.path().join("quarantine"), b"").unwrap();
    let (pass, found) = scrub(&store);
    assert_eq!((pass.damaged, pass.failed), (0, 2));
    assert!(found.iter().all(|found| matches!(found, ScrubFound::Failed { digest: Some(_), .. })));
}

#[test]
fn a_pass_ends_where_the_store_takes_no_changes_and_there_is_damage() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    put(&store, &bytes(100, 1));
    disk.plan(aqueduct_testkit::Plan {
        fail_at: Some((1, std::io::ErrorKind::Other)),
        ..aqueduct_testkit::Plan::default()
    });
    store.settle().unwrap_err();
    let blob = path(&disk.directory(), "blobs", &digest(&bytes(100, 1)));
    // In place: the disk knows its files by their inodes.
    let mut permissions = fs::metadata(&blob).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    fs::set_permissions(&blob, permissions).unwrap();
    fs::write(&blob, [0; 100]).unwrap();
    let ended = store.scrub(&PLAN, &on, &mut |_| {});
    assert!(matches!(ended, Err(ChangeError::ReadOnly(_))), "{ended:?}");
    assert!(!store.scrub_state().is_running);
}

#[test]
fn a_scrub_is_due_when_its_time_has_come_or_one_is_to_be_gone_on_with() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    const DAY: Duration = Duration::from_secs(86_400);
    for seed in 0..600 {
        put(&store, &bytes(100, seed));
    }
    assert!(!store.is_scrub_due(DAY).unwrap(), "the store was made just now");
    disk.advance(86_400);
    assert!(store.is_scrub_due(DAY).unwrap());
    scrub(&store);
    assert!(!store.is_scrub_due(DAY).unwrap());
    disk.advance(86_400);
    assert!(store.is_scrub_due(DAY).unwrap());
    scrub(&store);
    scrub_for(&store, 100);
    assert!(store.is_scrub_due(DAY).unwrap());
    scrub(&store);
    // A clock that was set back puts nothing off.
    disk.advance(-3 * 86_400);
    assert!(store.is_scrub_due(DAY).unwrap());
}
