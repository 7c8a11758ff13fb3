use proptest::prelude::*;
use sha2::Digest as _;
use sha2::digest::common::hazmat::SerializableState;

use super::*;
use crate::sample;

fn hashed(algorithm: Algorithm, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Hashed {
    let mut hasher = Hasher::new(algorithm);
    for piece in pieces {
        hasher.update(piece.as_ref());
    }
    hasher.finish()
}

/// The digest by the libraries' own one-shot functions.
fn digest_of(algorithm: Algorithm, blob: &[u8]) -> Digest {
    let bytes = match algorithm {
        Algorithm::Sha256 => sha2::Sha256::digest(blob).into(),
        Algorithm::Blake3 => blake3::hash(blob).into(),
    };
    Digest::new(algorithm, bytes)
}

/// Each entry by the libraries' own ways: the serialized state of the whole prefix, or the segment as a
/// subtree.
fn entries_of(algorithm: Algorithm, blob: &[u8]) -> Vec<[u8; 32]> {
    let segments: Vec<&[u8]> = blob.chunks(4 << 20).collect();
    match algorithm {
        _ if segments.len() < 2 => Vec::new(),
        Algorithm::Sha256 => {
            let mut prefix = sha2::Sha256::new();
            segments[..segments.len() - 1]
                .iter()
                .map(|segment| {
                    prefix.update(segment);
                    let mut state: [u8; 32] = *prefix.serialize().first_chunk().unwrap();
                    // The library stores the state's words little-endian, a digest has them big-endian.
                    state.as_chunks_mut::<4>().0.iter_mut().for_each(|word| word.reverse());
                    state
                })
                .collect()
        }
        Algorithm::Blake3 => (0..)
            .zip(segments)
            .map(|(index, segment)| {
                blake3::Hasher::new().set_input_offset(index * (4 << 20)).update(segment).finalize_non_root()
            })
            .collect(),
    }
}

#[test]
fn every_size_hashes_as_the_libraries_do() {
    for size in sample::SIZES {
        let blob = sample::bytes(size);
        for algorithm in Algorithm::ALL {
            let hashed = hashed(algorithm, [&blob]);
            assert_eq!(hashed.digest, digest_of(algorithm, &blob), "{algorithm} of {size} bytes");
            assert_eq!(hashed.size, size);
            assert_eq!(hashed.checkpoints.algorithm(), algorithm);
            assert_eq!(hashed.checkpoints.size(), size);
            assert_eq!(
                hashed.checkpoints.entries(),
                entries_of(algorithm, &blob),
                "{algorithm} of {size} bytes"
            );
        }
    }
}

/// From test_vectors.json of the BLAKE3 repository: the first 32 bytes of "hash" for some "input_len".
#[test]
fn the_official_vectors_of_blake3_hash_as_published() {
    let vectors = [
        (0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
        (1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"),
        (1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"),
        (31_744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"),
        (102_400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"),
    ];
    for (len, hex) in vectors {
        assert_eq!(hashed(Algorithm::Blake3, [sample::bytes(len)]).digest.hex(), hex, "{len} bytes");
    }
}

#[test]
fn a_boundary_is_a_checkpoint_only_when_a_byte_follows_it() {
    let segment = sample::bytes(SEGMENT_LEN);
    for (algorithm, count) in [(Algorithm::Sha256, 1), (Algorithm::Blake3, 2)] {
        let nothing: &[u8] = &[];
        assert_eq!(hashed(algorithm, [&segment, nothing, nothing]).checkpoints.entries(), [[0; 32]; 0]);
        assert_eq!(hashed(algorithm, [&segment, nothing, b"x"]).checkpoints.entries().len(), count);
    }
}

#[test]
fn the_size_counts_what_was_taken_so_far() {
    let mut hasher = Hasher::new(Algorithm::Blake3);
    assert_eq!(hasher.size(), 0);
    hasher.update(&sample::bytes(SEGMENT_LEN + 7));
    hasher.update(b"abc");
    assert_eq!(hasher.size(), SEGMENT_LEN + 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_split_of_the_bytes_gives_the_same_digest_and_list(
        size in SEGMENT_LEN - 100..3 * SEGMENT_LEN + 100,
        lens in proptest::collection::vec(
            prop_oneof![0_usize..200, 0..1_usize << 20, (4_usize << 20) - 70..(4 << 20) + 70],
            1..20,
        ),
        blake3: bool,
    ) {
        let algorithm = if blake3 { Algorithm::Blake3 } else { Algorithm::Sha256 };
        let blob = sample::bytes(size);
        let mut rest = blob.as_slice();
        let mut hasher = Hasher::new(algorithm);
        for len in lens {
            let piece = rest.split_off(..len.min(rest.len())).unwrap();
            hasher.update(piece);
        }
        hasher.update(rest);
        prop_assert_eq!(hasher.finish(), hashed(algorithm, [&blob]));
    }
}
