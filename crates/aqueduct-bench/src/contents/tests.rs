#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Mutex;

use super::{fill, shard, share_out};
use crate::{Load, Sync};

#[test]
fn every_number_is_shared_out_once() {
    for (count, writers) in [(0, 1), (1, 16), (7, 3), (100, 16)] {
        let load = Load { count, size: 1, writers: NonZeroUsize::new(writers).unwrap(), sync: Sync::None };
        let seen = Mutex::new(Vec::new());
        share_out(load, |share| {
            seen.lock().unwrap().extend(share);
            Ok(())
        })
        .unwrap();
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert_eq!(seen, (0..count).collect::<Vec<_>>());
    }
}

#[test]
fn a_writer_that_fails_is_heard() {
    let load = Load { count: 4, size: 1, writers: NonZeroUsize::new(2).unwrap(), sync: Sync::None };
    let outcome = share_out(load, |share| if share.start == 0 { Ok(()) } else { Err(anyhow::anyhow!("no")) });
    assert!(outcome.is_err());
}

#[test]
fn no_two_blobs_are_alike() {
    let mut seen = HashSet::new();
    for number in 0..10_000 {
        let mut bytes = [0; 20];
        fill(&mut bytes, number);
        assert!(seen.insert(bytes), "{number}");
    }
}

#[test]
fn every_shard_is_used() {
    let shards: HashSet<u8> = (0..10_000).map(shard).collect();
    assert_eq!(shards.len(), 256);
}
