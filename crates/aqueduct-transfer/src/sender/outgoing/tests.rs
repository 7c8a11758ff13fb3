use std::sync::Arc;
use std::time::Duration;

use aqueduct_blob::{SEGMENT_LEN, segment_range};

use super::*;
use crate::Preserve;
use crate::source::{Found, Walk};

#[test]
fn a_segment_that_is_asked_for_again_keeps_nobody_waiting_who_hashes_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let size = 2 * SEGMENT_LEN + 1;
    std::fs::File::create(&path).unwrap().set_len(size).unwrap();
    let Some(Found::Entry { entry, file: Some(source) }) =
        Walk::new(&[path], &Preserve::default(), &[]).unwrap().next()
    else {
        unreachable!("there is one file")
    };
    let kept = CheckpointCache::open(None).begin(source.stat(), Algorithm::Sha256);
    let file = Outgoing::new(entry.id, source, Some(Algorithm::Sha256), kept, Vec::new());
    let patience = Patience {
        idle: Duration::from_secs(20),
        stop: Arc::default(),
        over: Arc::default(),
        until: Some(std::time::Instant::now()),
        pulse: Arc::default(),
    };
    let hash = |index| {
        let mut hasher = file.begin(index, &patience).unwrap();
        let range = segment_range(size, index);
        crate::show_zeroes(range.end - range.start, &mut |zeroes| hasher.update(zeroes));
        file.land(hasher)
    };
    assert_eq!(file.take_next(), Some(0));
    let first = hash(0);
    assert_eq!(file.take_next(), Some(1));
    assert_eq!(file.may_send_again(0), Some(false));
    // Whoever has to wait here finds that its time is up.
    hash(1);
    assert!(file.is_sent_again(0) && file.need(0).send);
    assert_eq!(hash(0), first);
    assert_eq!(file.take_next(), Some(2));
    hash(2);
    assert_eq!([file.done(), file.done(), file.done(), file.done()], [false, false, false, true]);
    assert!(file.finish().unwrap().is_some());
}
