#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and damages what it likes"
)]

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aqueduct_blob::Algorithm;
use aqueduct_store::{Absent, Options, Store, Whole};

use super::*;
use crate::find::Found;

/// Room is counted for the whole program, so one test at a time takes it.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn frame(blob: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(blob, 3).unwrap()
}

/// Text that shrinks.
fn text(len: usize) -> Vec<u8> {
    (0_u64..).flat_map(|n| format!("{} bottles\n", n * n % 977).into_bytes()).take(len).collect()
}

/// Bytes that do not shrink.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(len).collect()
}

fn decoded(coded: &[u8]) -> Result<Vec<u8>, BadCoding> {
    decode_all(coded, None, 1 << 30)
}

/// Decodes as a body that comes in pieces, with little room for what comes out.
fn decoded_in_pieces(coded: &[u8], piece_len: usize, room_len: usize) -> Result<Vec<u8>, BadCoding> {
    let mut decoder = Decoder::new(None, 1 << 30)?;
    let (mut blob, mut output) = (Vec::new(), vec![0; room_len]);
    for mut piece in coded.chunks(piece_len) {
        loop {
            let Decoded { consumed, len } = decoder.decode(piece, &mut output)?;
            blob.extend_from_slice(&output[..len]);
            piece = &piece[consumed..];
            if piece.is_empty() && len < output.len() {
                break;
            }
        }
    }
    decoder.finish().map(|()| blob)
}

#[test]
fn what_was_coded_comes_out_in_whatever_pieces_it_came() {
    let _alone = alone();
    for blob in [vec![], text(1), text(300_000), noise(300_000), vec![0; 3_000_000]] {
        let coded = frame(&blob);
        assert_eq!(decoded(&coded).as_ref(), Ok(&blob), "{}", blob.len());
        for (piece_len, room_len) in [(1, BLOCK_LEN_MAX), (7, 1000), (1 << 20, 1000), (65_536, BLOCK_LEN_MAX)]
        {
            assert!(decoded_in_pieces(&coded, piece_len, room_len).as_ref() == Ok(&blob), "{piece_len}");
        }
    }
}

#[test]
fn frames_follow_each_other_and_some_are_skipped() {
    let _alone = alone();
    // RFC 8878 section 3.1.2.
    let skipped = b"\x5f\x2a\x4d\x18\x03\0\0\0abc";
    let coded = [skipped, &frame(b"one ")[..], &frame(b"")[..], skipped, &frame(b"two")[..]].concat();
    assert_eq!(decoded(&coded), Ok(b"one two".to_vec()));
    assert_eq!(decoded_in_pieces(&coded, 1, 1), Ok(b"one two".to_vec()));
    assert_eq!(decoded(skipped), Ok(Vec::new()));
}

#[test]
fn a_body_that_ends_too_early_or_goes_on_is_refused() {
    let _alone = alone();
    let coded = frame(&text(100_000));
    assert_eq!(decoded(b""), Err(BadCoding::Truncated));
    for len in [1, 3, 4, 5, 9, coded.len() / 2, coded.len() - 1] {
        assert_eq!(decoded(&coded[..len]), Err(BadCoding::Truncated), "{len}");
    }
    for garbage in [&b"x"[..], b"\0\0\0\0", b"more than a frame begins with"] {
        let result = decoded(&[&coded, garbage].concat());
        assert!(matches!(result, Err(BadCoding::Corrupt { .. } | BadCoding::Truncated)), "{result:?}");
    }
}

#[test]
fn a_body_that_is_something_else_is_refused() {
    let _alone = alone();
    let mut flipped = frame(&text(100_000));
    let at = flipped.len() / 2;
    flipped[at] ^= 0x55;
    // Whatever that decodes to, it is not what was coded.
    assert_ne!(decoded(&flipped), Ok(text(100_000)));
    for body in [&b"plain text"[..], b"\x1f\x8b\x08\0\0\0\0\0\0\0", b"\x27\xb5\x2f\xfd\0\0\0\0"] {
        assert!(matches!(decoded(body), Err(BadCoding::Corrupt { .. })), "{body:?}");
    }
    // Of version 0.7, which libzstd could read.
    assert!(matches!(decoded(b"\x27\xb5\x2f\xfd\x20\x00\x00\x00"), Err(BadCoding::Corrupt { .. })));
    // With the dictionary 5.
    assert!(matches!(decoded(b"\x28\xb5\x2f\xfd\x21\x05\x00\x01\0\0"), Err(BadCoding::Corrupt { .. })));
}

#[test]
fn a_window_of_8_mib_is_the_most() {
    let _alone = alone();
    // A head without a size (section 3.1.1.1), then a last block of three times one byte (section 3.1.1.2).
    let with_window = |descriptor: u8| [b"\x28\xb5\x2f\xfd\x00", &[descriptor][..], b"\x1b\0\0a"].concat();
    assert_eq!(decoded(&with_window(13 << 3)), Ok(b"aaa".to_vec()), "8 MiB");
    for descriptor in [13 << 3 | 1, 14 << 3, 0xff] {
        let result = decoded(&with_window(descriptor));
        assert!(matches!(result, Err(BadCoding::Corrupt { .. })), "{descriptor}: {result:?}");
    }
}

/// `count` blocks of 128 KiB of one byte, in four bytes each, whose frame has the smallest window for them.
fn bomb(count: usize) -> Vec<u8> {
    let block = (BLOCK_LEN_MAX << 3 | 1 << 1).to_le_bytes();
    let mut coded = b"\x28\xb5\x2f\xfd\x00\x38".to_vec();
    for _ in 0..count {
        coded.extend([block[0], block[1], block[2], 0]);
    }
    coded.extend(b"\x01\0\0");
    coded
}

#[test]
fn a_bomb_is_no_more_than_it_may_be() {
    let _alone = alone();
    assert_eq!(decoded(&bomb(8)).map(|blob| blob.len()), Ok(1 << 20));
    assert_eq!(decode_all(&bomb(8), None, (1 << 20) - 1), Err(BadCoding::TooLarge { limit: (1 << 20) - 1 }));
    assert_eq!(decode_all(&bomb(8), Some(1 << 20), 1 << 30).map(|blob| blob.len()), Ok(1 << 20));

    let body = bomb(1000);
    let mut decoder = Decoder::new(None, u64::MAX).unwrap();
    let (mut rest, mut output, mut len) = (&body[..], vec![0; BLOCK_LEN_MAX], 0_u64);
    let stopped = loop {
        match decoder.decode(rest, &mut output) {
            Ok(decoded) => {
                rest = &rest[decoded.consumed..];
                len += decoded.len as u64;
            }
            Err(stopped) => break stopped,
        }
    };
    assert_eq!(stopped, BadCoding::TooDense);
    assert!(len < 80 << 20, "{len}");
}

#[test]
fn what_a_peer_says_of_the_size_has_to_be_so() {
    let _alone = alone();
    let coded = frame(b"12345");
    assert_eq!(decode_all(&coded, Some(5), 5), Ok(b"12345".to_vec()));
    assert_eq!(decode_all(&coded, Some(6), 10), Err(BadCoding::OtherSize { said: 6 }));
    assert_eq!(decode_all(&coded, Some(4), 10), Err(BadCoding::OtherSize { said: 4 }));
    assert_eq!(decode_all(&coded, Some(9), 4), Err(BadCoding::TooLarge { limit: 4 }));
}

#[test]
fn frames_of_nothing_do_not_go_on_for_ever() {
    let _alone = alone();
    let empty = frame(b"");
    let many = empty.repeat((64 << 10) / empty.len() + 1);
    assert_eq!(decode_all(&many, None, 0), Err(BadCoding::TooLarge { limit: 0 }));
    let decoder = Decoder::new(Some(100), 1 << 30).unwrap();
    assert_eq!(decoder.admit(64 << 10), Ok(()));
    assert_eq!(decoder.admit((64 << 10) + 101), Err(BadCoding::TooLarge { limit: 100 }));
}

#[test]
fn so_many_code_at_once_and_no_more() {
    let _alone = alone();
    let text = Found::Bytes(text(100_000).into());
    let decoding: Vec<_> = std::iter::from_fn(Room::to_decode).collect();
    assert_eq!(decoding.len(), COUNT_MAX);
    assert_eq!(decoded(&frame(b"a")), Err(BadCoding::Busy));
    assert!(coded(&text).is_some(), "those who read have room of their own");
    let coding: Vec<_> = std::iter::from_fn(Room::to_code).collect();
    assert_eq!(coding.len(), COUNT_MAX);
    assert!(coded(&text).is_none());
    drop((decoding, coding));
    assert_eq!(decoded(&frame(b"a")), Ok(b"a".to_vec()));
    assert!(coded(&text).is_some());
}

/// All of what `found` is coded to; `None` if it is not.
fn coded(found: &Found) -> Option<Vec<u8>> {
    match Coded::begin(found).unwrap() {
        Coded::Never => None,
        Coded::Whole(coded) => Some(coded),
        Coded::Begun(mut coded, mut coding) => {
            while !coding.is_done() {
                coded.extend(coding.next_piece().unwrap());
            }
            Some(coded)
        }
    }
}

#[test]
fn a_blob_in_memory_is_coded_to_itself() {
    let _alone = alone();
    for len in [4 << 10, 64 << 10, 512 << 10, (512 << 10) + 1, 2_000_000] {
        let coded = coded(&Found::Bytes(text(len).into())).unwrap();
        assert!(coded.len() < len / 2);
        assert_eq!(decode_all(&coded, Some(len as u64), 1 << 30), Ok(text(len)));
    }
}

#[test]
fn a_blob_in_a_file_is_coded_to_itself_unless_its_file_was_cut_short() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Absent::Make, Options::default()).unwrap();
    let bytes = text(3_000_000);
    let whole = Whole { algorithm: Algorithm::Sha256, expected: None, bytes: &bytes };
    let digest = store.put_all(&[whole]).pop().unwrap().unwrap().digest;
    let blob = store.blob(&digest).unwrap().unwrap();
    assert!(decoded(&coded(&Found::Open(blob.clone())).unwrap()).unwrap() == bytes);

    let Coded::Begun(_, mut coding) = Coded::begin(&Found::Open(blob.clone())).unwrap() else {
        panic!("it is worth it, and long")
    };
    let hex = digest.hex();
    let path = directory.path().join("blobs/sha256").join(&hex[..2]).join(&hex[2..]);
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(600_000).unwrap();
    assert_eq!(coding.next_piece().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn what_does_not_shrink_or_is_small_leaves_as_it_is() {
    let _alone = alone();
    assert_eq!(coded(&Found::Bytes(noise(2_000_000).into())), None);
    assert_eq!(coded(&Found::Bytes(noise(10_000).into())), None);
    assert_eq!(coded(&Found::Bytes(text(4095).into())), None);
}
