//! A body in chunks is the same body in whatever pieces it comes. The first byte chooses the pieces.

#![no_main]

use aqueduct_fuzz::pieces;
use aqueduct_wire::http1::{CHUNK_END, ChunkError, ChunkStep, ChunkedDecoder, LAST_CHUNK, chunk_head};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&seed, bytes)) = bytes.split_first() else { return };
    let whole = read([bytes]);
    let in_pieces = read(pieces(seed, bytes));
    assert_eq!(in_pieces, whole);
    if let Ok(Some(end)) = whole.end {
        assert_eq!(read([&bytes[..end]]), whole, "what follows the end is not looked at");
        assert_eq!(read([&bytes[..end - 1]]).end, Ok(None), "no byte of the framing is without need");
        assert_eq!(read([&frame(seed, &whole.body)[..]]).body, whole.body);
    }
});

#[derive(Debug, PartialEq, Eq)]
struct Reading {
    body: Vec<u8>,
    /// Where the body's framing ended, if it did.
    end: Result<Option<usize>, ChunkError>,
}

fn read<'b>(pieces: impl IntoIterator<Item = &'b [u8]>) -> Reading {
    let mut decoder = ChunkedDecoder::new();
    let mut body = Vec::new();
    let mut offset = 0;
    for mut rest in pieces {
        while !rest.is_empty() {
            let used = match decoder.step(rest) {
                Ok(ChunkStep::More { consumed }) => {
                    assert_eq!(consumed, rest.len());
                    consumed
                }
                Ok(ChunkStep::Data { consumed, len }) => {
                    assert!(len > 0);
                    let given = &rest[consumed..];
                    let moved = &given[..given.len().min(usize::try_from(len).unwrap_or(usize::MAX))];
                    body.extend_from_slice(moved);
                    decoder.take(moved.len() as u64);
                    consumed + moved.len()
                }
                Ok(ChunkStep::End { consumed }) => {
                    assert!(decoder.is_done());
                    return Reading { body, end: Ok(Some(offset + consumed)) };
                }
                Err(error) => return Reading { body, end: Err(error) },
            };
            assert!(used > 0, "each turn goes on");
            offset += used;
            rest = &rest[used..];
        }
    }
    // The end may have been read without having been told.
    let is_done = decoder.is_done();
    Reading { body, end: Ok(is_done.then_some(offset)) }
}

fn frame(seed: u8, body: &[u8]) -> Vec<u8> {
    let chunks = pieces(seed, body)
        .flat_map(|piece| [chunk_head(piece.len() as u64).as_bytes(), piece, CHUNK_END].concat());
    chunks.chain(LAST_CHUNK.iter().copied()).collect()
}
