use proptest::prelude::*;

use super::*;

/// How far a reader came, what it took for the body, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reading {
    body: Vec<u8>,
    /// Bytes of framing and of the body.
    len: usize,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Unfinished,
    Ended,
    Failed(ChunkError),
}

/// Reads what comes in these pieces.
fn read(pieces: &[&[u8]]) -> Reading {
    let mut decoder = ChunkedDecoder::new();
    let mut reading = Reading { body: Vec::new(), len: 0, outcome: Outcome::Unfinished };
    for &piece in pieces {
        let mut rest = piece;
        while reading.outcome == Outcome::Unfinished {
            let consumed = match decoder.step(rest) {
                Ok(ChunkStep::More { consumed }) => {
                    assert_eq!(consumed, rest.len(), "more is asked for when nothing is left");
                    reading.len += consumed;
                    break;
                }
                Ok(ChunkStep::Data { consumed, len }) => {
                    assert_eq!(decoder.step(&rest[consumed..]), Ok(ChunkStep::Data { consumed: 0, len }));
                    let moved = rest[consumed..].len().min(usize::try_from(len).unwrap_or(usize::MAX));
                    reading.body.extend_from_slice(&rest[consumed..][..moved]);
                    decoder.take(u64::try_from(moved).unwrap());
                    if moved == 0 {
                        reading.len += consumed;
                        break;
                    }
                    consumed + moved
                }
                Ok(ChunkStep::End { consumed }) => {
                    assert_eq!(decoder.step(b"GET"), Ok(ChunkStep::End { consumed: 0 }));
                    reading.outcome = Outcome::Ended;
                    consumed
                }
                Err(error) => {
                    reading.outcome = Outcome::Failed(error);
                    0
                }
            };
            reading.len += consumed;
            rest = &rest[consumed..];
        }
    }
    assert_eq!(decoder.is_done(), reading.outcome == Outcome::Ended);
    reading
}

/// Reads all at once, byte by byte, and in two pieces with every border: the body and the outcome are the same.
#[track_caller]
fn read_in_all_ways(bytes: &[u8]) -> Reading {
    let whole = read(&[bytes]);
    let same = |other: Reading| {
        // Where an error is met the framing before it may have been counted or not.
        assert_eq!((&other.body, other.outcome), (&whole.body, whole.outcome), "{}", bytes.escape_ascii());
        assert!(matches!(whole.outcome, Outcome::Failed(_)) || other.len == whole.len);
    };
    same(read(&bytes.chunks(1).collect::<Vec<_>>()));
    for border in 0..=bytes.len() {
        let (left, right) = bytes.split_at(border);
        same(read(&[left, right]));
    }
    whole
}

#[track_caller]
fn body_of(bytes: &[u8]) -> Vec<u8> {
    let reading = read_in_all_ways(bytes);
    assert_eq!((reading.len, reading.outcome), (bytes.len(), Outcome::Ended), "{}", bytes.escape_ascii());
    reading.body
}

#[test]
fn a_body_is_its_chunks() {
    assert_eq!(body_of(b"0\r\n\r\n"), b"");
    assert_eq!(body_of(b"3\r\nabc\r\n0\r\n\r\n"), b"abc");
    assert_eq!(body_of(b"a\r\n0123456789\r\n003\r\nabc\r\n000\r\n\r\n"), b"0123456789abc");
    assert_eq!(body_of(b"A\r\n\r\n0\r\n\r\n0\r\n\r\n0\r\n\r\n"), b"\r\n0\r\n\r\n0\r\n");
}

#[test]
fn extensions_and_trailers_are_passed_over() {
    assert_eq!(body_of(b"3;a\r\nabc\r\n0;b=c;d=\"; e\xff\"\r\n\r\n"), b"abc");
    assert_eq!(body_of(b"3 \t; a = b\r\nabc\r\n0;\r\n\r\n"), b"abc");
    assert_eq!(body_of(b"0\r\nA: b\r\nC:\r\nD:\t\xff\r\n\r\n"), b"");
}

#[test]
fn what_follows_the_end_is_left() {
    let reading = read_in_all_ways(b"1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n");
    assert_eq!(reading, Reading { body: b"a".to_vec(), len: 11, outcome: Outcome::Ended });
}

#[test]
fn every_prefix_asks_for_more() {
    let bytes = b"3;a=b\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n";
    for len in 0..bytes.len() {
        let reading = read(&[&bytes[..len]]);
        assert_eq!((reading.len, reading.outcome), (len, Outcome::Unfinished));
    }
}

#[test]
fn framing_has_one_way_to_be_written() {
    use ChunkError::{BadExtension, BadSize, BadTrailer, MissingLineEnd, SizeTooLarge};
    let cases = [
        (&b"\r\n"[..], BadSize),
        (b" 3\r\n", BadSize),
        (b"+3\r\n", BadSize),
        (b"-3\r\n", BadSize),
        (b"0x3\r\n", BadSize),
        (b"g\r\n", BadSize),
        (b";a\r\n", BadSize),
        (b"3 \r\n", BadSize),
        (b"3 3\r\n", BadSize),
        (b"3_\r\n", BadSize),
        (b"3\0\r\n", BadSize),
        (b"3\n", MissingLineEnd),
        (b"3\rabc", MissingLineEnd),
        (b"3\r\r\n", MissingLineEnd),
        (b"3;a\n", MissingLineEnd),
        (b"3;a\rb", MissingLineEnd),
        (b"3;\0\r\n", BadExtension),
        (b"3;\x7f\r\n", BadExtension),
        (b"3\r\nabcd\r\n", MissingLineEnd),
        (b"3\r\nabc\n", MissingLineEnd),
        (b"3\r\nabc\r0", MissingLineEnd),
        (b"3\r\nabc0\r\n", MissingLineEnd),
        (b"ffffffffffffffff0\r\n", SizeTooLarge),
        (b"10000000000000000\r\n", SizeTooLarge),
        (b"0\n", MissingLineEnd),
        (b"0\r\n\n", MissingLineEnd),
        (b"0\r\n\rx", MissingLineEnd),
        (b"0\r\nA\r\n", BadTrailer),
        (b"0\r\n: a\r\n", BadTrailer),
        (b"0\r\n A: b\r\n", BadTrailer),
        (b"0\r\nA : b\r\n", BadTrailer),
        (b"0\r\nA: b\0\r\n", BadTrailer),
        (b"0\r\nA: b\n", MissingLineEnd),
        (b"0\r\nA\n", MissingLineEnd),
        (b"0\r\nA: b\rC", MissingLineEnd),
        (b"0\r\nA: b\r\n c\r\n", BadTrailer),
        // A request that somebody before us did not see.
        (b"0\r\nGET / HTTP/1.1\r\n", BadTrailer),
    ];
    for (bytes, error) in cases {
        let reading = read_in_all_ways(bytes);
        assert_eq!(reading.outcome, Outcome::Failed(error), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_chunk_may_have_the_largest_size_there_is() {
    let mut decoder = ChunkedDecoder::new();
    assert_eq!(decoder.step(b"ffffffffffffffff\r\n"), Ok(ChunkStep::Data { consumed: 18, len: u64::MAX }));
    decoder.take(u64::MAX);
    assert_eq!(decoder.step(b"\r\n0\r\n\r\n"), Ok(ChunkStep::End { consumed: 7 }));
}

#[test]
fn the_line_of_a_chunk_has_a_longest_len() {
    let line = |len: usize| [b"0;", &vec![b'x'; len - 3][..], b"\r\n\r\n"].concat();
    body_of(&line(CHUNK_LINE_LEN_MAX));
    let reading = read_in_all_ways(&line(CHUNK_LINE_LEN_MAX + 1));
    assert_eq!(reading.outcome, Outcome::Failed(ChunkError::ExtensionsTooLong));
    let zeros = read_in_all_ways(&[b'0'; CHUNK_LINE_LEN_MAX + 1]);
    assert_eq!(zeros.outcome, Outcome::Failed(ChunkError::ExtensionsTooLong));
}

#[test]
fn the_extensions_of_a_body_have_a_greatest_len() {
    // The CR after it counts as read within the extension.
    let chunk = b"1;34567\r\na\r\n";
    let last_good = CHUNK_EXTENSIONS_LEN_MAX / b";34567\r".len();
    let end = b"0\r\n\r\n";
    assert_eq!(read(&[&chunk.repeat(last_good)[..], end]).outcome, Outcome::Ended);
    let outcome = read(&[&chunk.repeat(last_good + 1)[..], end]).outcome;
    assert_eq!(outcome, Outcome::Failed(ChunkError::ExtensionsTooLong));
    // Without extensions there is no such end.
    assert_eq!(read(&[&b"1\r\na\r\n".repeat(CHUNK_EXTENSIONS_LEN_MAX)[..], end]).outcome, Outcome::Ended);
}

#[test]
fn trailers_have_a_greatest_len() {
    let trailers = |count: usize| [b"0\r\n", &b"A: 4567\r\n\r\n"[..9].repeat(count)[..], b"\r\n"].concat();
    let last_good = (TRAILER_LEN_MAX - 1) / 9;
    assert_eq!(read(&[&trailers(last_good)[..]]).outcome, Outcome::Ended);
    assert_eq!(read(&[&trailers(last_good + 1)[..]]).outcome, Outcome::Failed(ChunkError::TrailerTooLong));
}

#[test]
#[should_panic(expected = "4 bytes are taken of a chunk that has 3 left")]
fn no_more_is_taken_than_there_is() {
    let mut decoder = ChunkedDecoder::new();
    decoder.step(b"3\r\n").unwrap();
    decoder.take(4);
}

#[test]
#[should_panic(expected = "an empty chunk is the last one")]
fn no_body_is_ended_by_mistake() {
    let _ = chunk_head(0);
}

proptest! {
    #[test]
    fn what_we_write_is_read_back(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6)) {
        let mut bytes = Vec::new();
        for chunk in &chunks {
            let head = chunk_head(u64::try_from(chunk.len()).unwrap());
            bytes.extend([head.as_bytes(), chunk, CHUNK_END].concat());
        }
        bytes.extend(LAST_CHUNK);
        prop_assert_eq!(body_of(&bytes), chunks.concat());
    }

    #[test]
    fn pieces_make_no_difference(bytes in "([0-3a]{1,2}(;x)?\r?\n?[ab\r\n]{0,4}){0,6}(0\r\n([A:]{1,3}\r\n)?\r\n)?") {
        read_in_all_ways(bytes.as_bytes());
    }
}
