use std::sync::Arc;
use std::time::Duration;

use aqueduct_blob::{SEGMENT_LEN, segment_range};

use super::*;
use crate::Preserve;
use crate::source::{Found, Walk};

/// A file of so many segments, all of them a hole.
fn outgoing(dir: &std::path::Path, segment_count: u64, algorithm: Algorithm) -> Outgoing {
    let path = dir.join("file");
    std::fs::File::create(&path).unwrap().set_len((segment_count - 1) * SEGMENT_LEN + 1).unwrap();
    let Some(Found::Entry { entry, file: Some(source) }) =
        Walk::new(&[path], &Preserve::default(), &[]).unwrap().next()
    else {
        unreachable!("there is one file")
    };
    let kept = CheckpointCache::open(None).begin(source.stat(), algorithm);
    Outgoing::new(entry.id, source, Some(algorithm), kept, Vec::new())
}

/// Of somebody whose time is up as soon as there is something to wait for.
fn impatience() -> Patience {
    Patience {
        idle: Duration::from_secs(20),
        stop: Arc::default(),
        over: Arc::default(),
        until: Some(std::time::Instant::now()),
        pulse: Arc::default(),
    }
}

fn feed(file: &Outgoing, mut hasher: SegmentHasher) -> Record {
    let range = segment_range(file.size(), hasher.index());
    crate::show_zeroes(range.end - range.start, &mut |zeroes| hasher.update(zeroes));
    file.land(hasher)
}

fn hash(file: &Outgoing, index: u64) -> Record {
    match file.turn(index, &impatience()).unwrap() {
        Turn::Yours(hasher) => feed(file, hasher),
        Turn::Hashed(record) => panic!("{record:?} is there already"),
    }
}

#[test]
fn a_segment_that_is_asked_for_again_keeps_nobody_waiting_who_hashes_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let file = outgoing(dir.path(), 3, Algorithm::Sha256);
    assert_eq!(file.take_next(), Some(0));
    let first = hash(&file, 0);
    assert_eq!(file.take_next(), Some(1));
    assert_eq!(file.may_send_again(0), Some(false));
    // Whoever has to wait here finds that its time is up.
    hash(&file, 1);
    assert!(file.is_sent_again(0) && file.need(0).send);
    assert_eq!(hash(&file, 0), first);
    assert_eq!(file.take_next(), Some(2));
    hash(&file, 2);
    assert_eq!([file.done(), file.done(), file.done(), file.done()], [false, false, false, true]);
    assert!(file.finish().unwrap().is_some());
}

#[test]
fn a_chain_is_hashed_ahead_one_segment_after_the_other_and_so_many_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let file = outgoing(dir.path(), AHEAD_COUNT_MAX + 2, Algorithm::Sha256);
    let first = file.take_ahead().unwrap();
    assert!(file.take_ahead().is_none(), "what is before the second is not known");
    assert_eq!(file.turn(0, &impatience()).unwrap_err().kind(), ErrorKind::Deadline, "somebody is at it");
    let first = feed(&file, first);
    assert!(matches!(file.turn(0, &impatience()).unwrap(), Turn::Hashed(record) if record == first));
    for index in 1..AHEAD_COUNT_MAX {
        let hasher = file.take_ahead().unwrap();
        assert_eq!(hasher.index(), index);
        feed(&file, hasher);
    }
    assert!(file.take_ahead().is_none(), "it is far enough ahead");
    assert_eq!(file.take_next(), Some(0));
    assert_eq!(file.take_ahead().unwrap().index(), AHEAD_COUNT_MAX);
}

#[test]
fn what_a_stream_hashes_is_not_hashed_ahead_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let file = outgoing(dir.path(), 3, Algorithm::Sha256);
    let Turn::Yours(first) = file.turn(0, &impatience()).unwrap() else { panic!("nobody hashed it") };
    assert!(file.take_ahead().is_none());
    feed(&file, first);
    assert_eq!(file.take_ahead().unwrap().index(), 1);
}

#[test]
fn what_could_not_be_read_ahead_is_hashed_by_whoever_sends_it_and_nothing_more_is_tried_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let file = outgoing(dir.path(), 3, Algorithm::Sha256);
    let hasher = file.take_ahead().unwrap();
    file.leave(hasher.index());
    assert!(file.take_ahead().is_none());
    for index in 0..3 {
        hash(&file, index);
    }
    assert!(file.take_ahead().is_none());
}

#[test]
fn nothing_of_a_file_that_was_given_up_is_hashed_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let file = outgoing(dir.path(), 3, Algorithm::Sha256);
    assert!(file.give_up());
    assert!(file.take_ahead().is_none());
}

#[test]
fn a_file_that_nobody_needs_is_not_kept_open() {
    let is_open = |file: &Outgoing| file.lock().opened.is_some();
    let dir = tempfile::tempdir().unwrap();
    let file = outgoing(dir.path(), 1, Algorithm::Sha256);
    assert_eq!(file.take_next(), Some(0));
    file.open().unwrap();
    assert!(is_open(&file));
    assert!(file.done(), "whoever did the last settles it");
    file.open().unwrap();
    file.close();
    assert!(!is_open(&file));
    // It is asked for again, and that is done as well.
    assert_eq!(file.may_send_again(0), Some(false));
    file.open().unwrap();
    assert!(!file.done());
    assert!(!is_open(&file));

    let ends: [fn(&Outgoing); 2] = [Outgoing::skip, |file| assert!(file.give_up())];
    for end in ends {
        let file = outgoing(dir.path(), 1, Algorithm::Sha256);
        file.open().unwrap();
        end(&file);
        assert!(!is_open(&file));
        // Somebody was about to hash it.
        file.open().unwrap();
        assert!(!is_open(&file));
    }
}
