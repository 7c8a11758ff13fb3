use proptest::prelude::*;

use super::*;
use crate::transfer::{Kind, Meta, Time};

fn entry(id: u64, parent: u64, name: &[u8], kind: Kind) -> Entry {
    let meta = Meta {
        mode: 0o4755,
        mtime: Time { seconds: -1, nanoseconds: 999_999_999 },
        owner: Some((0, 1000)),
        xattrs: vec![(b"user.a".to_vec(), vec![0, 255])],
    };
    Entry { id: EntryId(id), parent: EntryId(parent), name: name.to_vec(), meta, kind }
}

fn file(size: u64) -> Kind {
    Kind::Regular { size, identity: Identity([7; 16]) }
}

fn sample() -> Vec<Word> {
    vec![
        Word::Open { nonce: [1; 16], role: Role::Receive, stream: 3, attempt: [2; 16] },
        Word::Challenge { nonce: [3; 16], proof: [4; 32] },
        Word::Proof { proof: [5; 32] },
        Word::Offer(Offer {
            transfer: [6; 16],
            algorithm: Algorithm::Blake3,
            verify: Verify::Wire,
            names: vec![b"na\xffme".to_vec()],
            size: Some(0),
            file_count: None,
            stream_count: 4,
            room: Some(0),
        }),
        Word::Accept(Accept { attempt: [8; 16], resumes: true, in_order: true, stream_count: 1 }),
        Word::Entries(vec![
            entry(1, 0, b"directory", Kind::Directory),
            entry(2, 1, b"-", Kind::Stream),
            entry(3, 1, b"link", Kind::Symlink { target: b"../..".to_vec() }),
            entry(4, 1, b"other", Kind::HardLink { to: EntryId(2) }),
        ]),
        Word::Pack { files: vec![entry(5, 1, b"\n", file(3))], check: Some([9; 32]) },
        Word::Pack { files: vec![entry(5, 1, b"\n", file(3))], check: None },
        Word::Bytes { entry: EntryId(5), offset: 1 << 40 },
        Word::Sum { entry: EntryId(5), index: 9, before: [0; 32], after: [1; 32] },
        Word::Whole { entry: EntryId(5), size: 12, digest: Some([3; 32]) },
        Word::Changed { entry: EntryId(5) },
        Word::End { file_count: 7, left_count: 2 },
        Word::Ask { identities: vec![Identity([1; 16]), Identity([2; 16])] },
        Word::Held(vec![HeldFile { place: 1, whole: false, segments: vec![0..1, 3..9] }]),
        Word::Verified { len: 4 },
        Word::Again { entry: EntryId(5), segments: vec![0, 7] },
        Word::Skip { entry: EntryId(5) },
        Word::Done { file_count: 1, failed_count: 2, is_synced: true, digest: None },
        Word::Failed { failure: Failure::NoSpace, why: "full".to_owned() },
    ]
}

#[test]
fn every_word_is_read_as_it_was_written() {
    for word in sample() {
        let mut bytes = Vec::new();
        word.write(3, &mut bytes);
        for len in 0..bytes.len() {
            assert_eq!(parse_word(&bytes[..len]), Ok(None));
        }
        let frame = parse_word(&bytes).unwrap().unwrap();
        assert_eq!((frame.message, frame.payload_len, frame.head_len), (word, 3, bytes.len()));
    }
}

#[test]
fn a_name_that_leads_out_of_its_directory_is_no_name() {
    let long = [b'a'; 256];
    for name in [&b""[..], b".", b"..", b"a/b", b"/etc", b"a\0b", &long] {
        assert_eq!(
            heard(&Word::Entries(vec![entry(1, 0, name, Kind::Directory)])),
            Err(FrameError::BadAnswer)
        );
    }
    for name in [&b"..."[..], b"\xff\xfe", b"a b", b"-rf", &long[..255]] {
        assert!(heard(&Word::Entries(vec![entry(1, 0, name, Kind::Directory)])).is_ok());
    }
}

#[test]
fn an_entry_comes_after_what_it_refers_to() {
    for (id, parent, kind) in [
        (1, 1, Kind::Directory),
        (1, 2, Kind::Directory),
        (0, 0, Kind::Directory),
        (3, 0, Kind::HardLink { to: EntryId(3) }),
        (3, 0, Kind::HardLink { to: EntryId(0) }),
        (3, 0, Kind::Symlink { target: Vec::new() }),
        (3, 0, file(u64::MAX)),
    ] {
        assert_eq!(heard(&Word::Entries(vec![entry(id, parent, b"a", kind)])), Err(FrameError::BadAnswer));
    }
}

#[test]
fn only_files_are_packed() {
    let two = |kind| vec![entry(1, 0, b"a", file(1)), entry(2, 0, b"b", kind)];
    assert!(heard(&Word::Pack { files: two(file(1)), check: Some([0; 32]) }).is_ok());
    assert!(heard(&Word::Pack { files: two(Kind::Directory), check: Some([0; 32]) }).is_err());
}

#[test]
fn ranges_that_are_held_ascend_and_do_not_touch() {
    for segments in [vec![0..1, 1..2], vec![3..4, 0..1], vec![0..1, 2..2]] {
        assert!(heard(&Word::Held(vec![HeldFile { place: 0, whole: false, segments }])).is_err());
    }
}

#[test]
fn the_longest_lists_fit_a_header() {
    let mut bytes = Vec::new();
    let identities = vec![Identity([255; 16]); super::super::limits::ASK_COUNT_MAX];
    Word::Ask { identities }.write(0, &mut bytes);
    let segments = (0..super::super::limits::HELD_RANGE_COUNT_MAX as u64)
        .map(|i| (1 << 41) + 4 * i..(1 << 41) + 4 * i + 2);
    let file = HeldFile { place: 0, whole: false, segments: segments.collect() };
    Word::Held(vec![file]).write(0, &mut bytes);
    let segments = vec![u64::from(u32::MAX); super::super::limits::AGAIN_COUNT_MAX];
    Word::Again { entry: EntryId(u64::MAX), segments }.write(0, &mut bytes);
}

proptest! {
    #[test]
    fn whatever_comes_is_a_word_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(said) = <messages::Word as prost::Message>::decode(&bytes[..])
            && let Some(word) = said.said.and_then(understand::word)
        {
            prop_assert_eq!(understand::word(understand::message(&word)), Some(word));
        }
    }
}

fn heard(word: &Word) -> Result<Option<Frame<Word>>, FrameError> {
    let mut bytes = Vec::new();
    word.write(0, &mut bytes);
    parse_word(&bytes)
}
