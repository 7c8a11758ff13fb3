//! A digest has one spelling, as a name, as a tag and as a field.

#![no_main]

use aqueduct_blob::{Algorithm, Digest};
use aqueduct_wire::http1::{
    etag, matches_if_range, matches_strong, matches_weak, parse_repr_digest, repr_digest,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(digest) = text.parse::<Digest>() {
            assert_eq!(digest.to_string(), text);
            check(&digest);
        }
        if let Ok(algorithm) = text.parse::<Algorithm>() {
            assert_eq!(algorithm.name(), text);
        }
    }
    if let Some(value) = bytes.first_chunk::<32>() {
        Algorithm::ALL.iter().for_each(|&algorithm| check(&Digest::new(algorithm, *value)));
    }
    if let Some(digest) = parse_repr_digest(bytes) {
        check(&digest);
    }
});

fn check(digest: &Digest) {
    assert_eq!(digest.to_string().parse(), Ok(*digest));
    assert_eq!(Digest::new(digest.algorithm(), *digest.as_bytes()), *digest);
    let tag = etag(digest);
    for matches in [matches_strong, matches_weak, matches_if_range] {
        assert!(matches(tag.as_bytes(), &tag));
    }
    match repr_digest(digest) {
        Some(value) => assert_eq!(parse_repr_digest(value.as_bytes()), Some(*digest)),
        None => assert_eq!(digest.algorithm(), Algorithm::Blake3),
    }
}
