use proptest::prelude::*;

use super::*;
use crate::segment::SEGMENT_LEN;

fn sample() -> CheckpointList {
    CheckpointList::new(Algorithm::Blake3, SEGMENT_LEN + 5, vec![[0xaa; 32], [0xbb; 32]]).unwrap()
}

/// Puts the checksum right after `change`, so that what is inside is looked at.
fn altered(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = sample().encode();
    bytes.truncate(bytes.len() - CHECKSUM_LEN);
    change(&mut bytes);
    let checksum = blake3::hash(&bytes);
    bytes.extend_from_slice(checksum.as_bytes());
    bytes
}

#[test]
fn the_bytes_lie_where_the_drawing_says() {
    let bytes = sample().encode();
    assert_eq!(bytes.len(), 56 + 2 * 32);
    assert_eq!(&bytes[..6], b"AQCKPT");
    assert_eq!(bytes[6..8], [1, 2]);
    assert_eq!(bytes[8..16], [5, 0, 0x40, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[16..24], [2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[24..56], [0xaa; 32]);
    assert_eq!(bytes[56..88], [0xbb; 32]);
    assert_eq!(bytes[88..], *blake3::hash(&bytes[..88]).as_bytes());
    assert_eq!(altered(|bytes| bytes[7] = 1)[7], number(Algorithm::Sha256));
}

#[test]
fn every_defect_has_its_own_error() {
    use CheckpointListError::{
        TooShort, UnknownAlgorithm, UnknownVersion, WrongChecksum, WrongCount, WrongLength, WrongMagic,
    };
    let good = sample().encode();
    let mut rotten = good.clone();
    rotten[30] ^= 1;
    let cases = [
        (Vec::new(), TooShort { len: 0 }),
        (good[..55].to_vec(), TooShort { len: 55 }),
        (altered(|bytes| bytes[0] = b'a'), WrongMagic),
        (altered(|bytes| bytes[6] = 2), UnknownVersion { version: 2 }),
        (altered(|bytes| bytes[7] = 9), UnknownAlgorithm { number: 9 }),
        (altered(|bytes| bytes[7] = 1), WrongCount { expected: 1, actual: 2 }),
        (altered(|bytes| bytes[10] = 0xff), WrongCount { expected: 4, actual: 2 }),
        (altered(|bytes| bytes[16] = 3), WrongLength { count: 3, len: good.len() }),
        (altered(|bytes| bytes[16..24].fill(0xff)), WrongLength { count: u64::MAX, len: good.len() }),
        (altered(|bytes| bytes.push(0)), WrongLength { count: 2, len: good.len() + 1 }),
        (altered(|bytes| bytes.extend([0; 32])), WrongLength { count: 2, len: good.len() + 32 }),
        (rotten, WrongChecksum),
    ];
    for (bytes, error) in cases {
        assert_eq!(CheckpointList::decode(&bytes), Err(error));
    }
}

#[test]
fn a_count_that_wraps_around_to_the_right_len_is_refused() {
    // 2^59 + 2 entries of 32 bytes are 64 bytes in 64-bit arithmetic that forgets to check.
    let count = (1 << 59) + 2_u64;
    let bytes = altered(|bytes| bytes[16..24].copy_from_slice(&count.to_le_bytes()));
    assert_eq!(
        CheckpointList::decode(&bytes),
        Err(CheckpointListError::WrongLength { count, len: bytes.len() })
    );
}

#[test]
fn a_list_cut_off_anywhere_is_refused() {
    let bytes = sample().encode();
    for len in 0..bytes.len() {
        CheckpointList::decode(&bytes[..len]).unwrap_err();
    }
}

#[test]
fn a_list_with_any_bit_flipped_is_refused() {
    let mut bytes = sample().encode();
    for place in 0..bytes.len() * 8 {
        bytes[place / 8] ^= 1 << (place % 8);
        CheckpointList::decode(&bytes).unwrap_err();
        bytes[place / 8] ^= 1 << (place % 8);
    }
}

proptest! {
    #[test]
    fn every_list_survives_its_own_bytes(
        entries in proptest::collection::vec(any::<[u8; 32]>(), 2..50),
        last_len in 1..=SEGMENT_LEN,
    ) {
        let count = entries.len() as u64;
        for (algorithm, full) in [(Algorithm::Sha256, count), (Algorithm::Blake3, count - 1)] {
            let size = full * SEGMENT_LEN + last_len;
            let list = CheckpointList::new(algorithm, size, entries.clone()).unwrap();
            prop_assert_eq!(CheckpointList::decode(&list.encode()), Ok(list));
        }
        for algorithm in Algorithm::ALL {
            let list = CheckpointList::new(algorithm, last_len, Vec::new()).unwrap();
            prop_assert_eq!(CheckpointList::decode(&list.encode()), Ok(list));
        }
    }

    #[test]
    fn no_bytes_make_decoding_panic(
        noise in proptest::collection::vec(any::<u8>(), 0..300),
        magic: bool,
        checksum: bool,
    ) {
        let mut bytes = if magic { b"AQCKPT\x01\x01".to_vec() } else { Vec::new() };
        bytes.extend(noise);
        if checksum {
            let checksum = blake3::hash(&bytes);
            bytes.extend_from_slice(checksum.as_bytes());
        }
        // Whatever is accepted is a list and has one spelling.
        if let Ok(list) = CheckpointList::decode(&bytes) {
            prop_assert_eq!(list.encode(), bytes);
        }
    }
}
