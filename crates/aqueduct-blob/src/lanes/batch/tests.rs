use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::hasher::Hasher;
use crate::lanes::tests::every_width;
use crate::sample;
use crate::segment::SEGMENT_LEN;

/// Whether each width gives the digests that `sha2` gives, one blob after the other.
fn agrees(blobs: &[&[u8]]) {
    let expected: Vec<Digest> =
        blobs.iter().map(|blob| Digest::new(Algorithm::Sha256, Sha256::digest(blob).into())).collect();
    for lanes in every_width() {
        assert_eq!(in_lanes(lanes, blobs), expected, "{} blobs, {lanes:?}", blobs.len());
    }
    assert_eq!(hash_together(Algorithm::Sha256, blobs), expected);
}

#[test]
fn blobs_of_every_len_are_hashed_beside_each_other() {
    let bytes = sample::bytes(600);
    let rising: Vec<&[u8]> = (0..300).map(|len| &bytes[len..2 * len]).collect();
    let falling: Vec<&[u8]> = rising.iter().copied().rev().collect();
    let shuffled: Vec<&[u8]> = (0..300).map(|place| rising[place * 7 % 300]).collect();
    for blobs in [&rising, &falling, &shuffled] {
        agrees(blobs);
    }
    for blobs in rising.chunks(16) {
        agrees(blobs);
    }
}

#[test]
fn any_count_of_blobs_can_be_hashed_together() {
    let bytes = sample::bytes(4096 + 40);
    for count in 0..=40 {
        let blobs: Vec<&[u8]> = (0..count).map(|place| &bytes[place..][..4096]).collect();
        agrees(&blobs);
    }
}

#[test]
fn empty_blobs_have_the_digest_of_nothing() {
    agrees(&[b"".as_slice(); 50]);
}

#[test]
fn the_examples_of_the_standard_hash_as_printed_there_in_every_lane() {
    let million = vec![b'a'; 1_000_000];
    let examples: [(&[u8], &str); 4] = [
        (b"", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (&million, "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ];
    // Each in turn comes first, and all come often enough to fill the lanes.
    for first in 0..examples.len() {
        let batch: Vec<_> = examples.iter().cycle().skip(first).take(LANES_MAX + 1).collect();
        let blobs: Vec<&[u8]> = batch.iter().map(|(blob, _)| *blob).collect();
        for lanes in every_width() {
            for (digest, (_, expected)) in in_lanes(lanes, &blobs).iter().zip(&batch) {
                assert_eq!(digest.to_string(), *expected, "{lanes:?}");
            }
        }
    }
}

#[test]
fn blake3_digests_are_those_of_a_hasher() {
    let long = sample::bytes(SEGMENT_LEN + 1);
    let blobs: [&[u8]; 5] = [b"", b"abc", &long, &long[..1024], &long[..1025]];
    let expected = blobs.map(|blob| {
        let mut hasher = Hasher::new(Algorithm::Blake3);
        hasher.update(blob);
        hasher.finish().digest
    });
    assert_eq!(hash_together(Algorithm::Blake3, &blobs), expected);
}

#[test]
fn each_blob_is_hashed_by_its_own_algorithm() {
    let [sha256, blake3] = [Algorithm::Sha256, Algorithm::Blake3];
    let blobs: [(_, &[u8]); 4] = [(blake3, b"abc"), (sha256, b"abc"), (sha256, b""), (blake3, b"")];
    let expected = blobs.map(|(algorithm, blob)| {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(blob);
        hasher.finish().digest
    });
    assert_eq!(hash_each(&blobs), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn blobs_of_any_lens_are_hashed_as_one_by_one(
        ranges in prop::collection::vec((0..5000_usize, prop_oneof![0..200_usize, 0..9000_usize]), 0..90),
    ) {
        let bytes = sample::bytes(14_000);
        let blobs: Vec<&[u8]> = ranges.iter().map(|&(start, len)| &bytes[start..][..len]).collect();
        agrees(&blobs);
    }
}
