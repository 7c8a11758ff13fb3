use std::thread;

use aqueduct_blob::Hasher;

use super::*;
use crate::options::Options;
use crate::site::Site;

fn client() -> NativeClient {
    NativeClient::new(Site::new("aqueduct://127.0.0.1:1".parse().unwrap(), Options::default()))
}

fn list(bytes: &[u8]) -> List {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(bytes);
    let hashed = hasher.finish();
    List::of(&hashed.checkpoints, hashed.digest)
}

fn land(arrivals: &Arrivals<'_>, index: u64, segment: &[u8]) {
    let mut hasher = arrivals.begin(index).unwrap();
    hasher.update(segment);
    arrivals.land(hasher).unwrap();
}

#[test]
fn what_has_failed_has_failed_for_everybody_who_asks() {
    let (client, bytes) = (client(), vec![7; 9 << 20]);
    let list = list(&bytes);
    let arrivals = Arrivals::new(&client, &list);
    arrivals.fail(arrivals.doubt());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(arrivals.is_over().is_err()));
        }
    });
    assert!(arrivals.is_over().is_err());
}

#[test]
fn a_segment_that_is_written_again_is_not_held() {
    let (client, bytes) = (client(), vec![7; 9 << 20]);
    let list = list(&bytes);
    let arrivals = Arrivals::new(&client, &list);
    for (index, segment) in (0..).zip(bytes.chunks(4 << 20)) {
        land(&arrivals, index, segment);
    }
    assert!(arrivals.is_whole().unwrap());
    let _writing = arrivals.begin(1).unwrap();
    assert!(!arrivals.is_whole().unwrap());
}

#[test]
fn what_came_whole_is_not_asked_for_again() {
    let (client, bytes) = (client(), vec![7; 9 << 20]);
    let list = list(&bytes);
    let arrivals = Arrivals::new(&client, &list);
    while arrivals.take().is_some() {}
    let end = bytes.len() as u64;
    arrivals.put_back(&(end..end), None);
    assert!(arrivals.take().is_none());
}
