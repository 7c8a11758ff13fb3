#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aqueduct_blob::Algorithm;

use super::*;

fn digest(number: u8) -> Digest {
    Digest::new(Algorithm::Sha256, [number; 32])
}

#[test]
fn a_blob_is_found_until_it_is_removed() {
    let cache = Cache::new(64 << 10, 8);
    cache.put(cache.ticket(), digest(1), Arc::from(&b"one"[..]));
    assert_eq!(cache.find(&digest(1)).unwrap()[..], b"one"[..]);
    assert!(cache.find(&digest(2)).is_none());
    cache.removed(&digest(1));
    assert!(cache.find(&digest(1)).is_none());
}

#[test]
fn a_blob_that_was_read_before_a_removal_is_not_kept_after_it() {
    let cache = Cache::new(64 << 10, 8);
    let ticket = cache.ticket();
    cache.removed(&digest(1));
    cache.put(ticket, digest(1), Arc::from(&b"one"[..]));
    assert!(cache.find(&digest(1)).is_none());
}

#[test]
fn the_cache_stays_within_its_bound() {
    let cache = Cache::new(64 << 10, 8);
    for number in 0..=u8::MAX {
        for other in 0..8 {
            let mut bytes = [number; 32];
            bytes[0] = other;
            cache.put(cache.ticket(), Digest::new(Algorithm::Blake3, bytes), Arc::from(vec![0; 64 << 10]));
        }
    }
    assert!(cache.blobs.weight() <= CACHE_LEN, "{}", cache.blobs.weight());
}

#[test]
fn the_head_of_a_blob_is_made_once() {
    let cache = Cache::new(64 << 10, 8);
    cache.put(cache.ticket(), digest(1), Arc::from(&b"one"[..]));
    let kept = cache.kept(&digest(1)).unwrap();
    assert_eq!(kept.head(|| b"made".to_vec())[..], b"made"[..]);
    let again = cache.kept(&digest(1)).unwrap();
    assert_eq!(again.head(|| unreachable!("it was made"))[..], b"made"[..]);
    cache.removed(&digest(1));
    cache.put(cache.ticket(), digest(1), Arc::from(&b"one"[..]));
    assert_eq!(cache.kept(&digest(1)).unwrap().head(|| b"anew".to_vec())[..], b"anew"[..]);
}

#[test]
fn a_blob_of_the_largest_size_that_is_admitted_is_kept() {
    for size_max in [64 << 10, BLOB_SIZE_MAX] {
        let cache = Cache::new(size_max, 8);
        let bytes: Arc<[u8]> = vec![0; usize::try_from(size_max).unwrap()].into();
        cache.put(cache.ticket(), digest(1), bytes);
        assert!(cache.find(&digest(1)).is_some(), "{size_max}");
    }
}

#[test]
fn a_use_is_told_once_and_of_what_was_asked_for_alone() {
    let cache = Cache::new(64 << 10, 8);
    for number in 1..=3 {
        cache.put(cache.ticket(), digest(number), Arc::from(&b"bytes"[..]));
    }
    let told = || {
        let told = std::cell::RefCell::new(Vec::new());
        cache.tell_uses(|digest| told.borrow_mut().push(*digest));
        told.into_inner()
    };
    assert_eq!(told(), []);
    cache.find(&digest(2)).unwrap();
    cache.kept(&digest(2)).unwrap();
    assert_eq!(told(), [digest(2)]);
    assert_eq!(told(), []);
}
