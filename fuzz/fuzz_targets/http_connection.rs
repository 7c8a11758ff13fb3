//! A connection of requests with their bodies: however its bytes are parted, the same requests lie in it; what is a head
//! is never part of a body, and each message means by itself what it meant among the others.

#![no_main]

use std::ops::Range;

use aqueduct_fuzz::pieces;
use aqueduct_wire::http1::{ChunkStep, ChunkedDecoder, Framing, parse_request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&seed, bytes)) = bytes.split_first() else { return };
    let whole = hear([bytes]);
    assert_eq!(hear(pieces(seed, bytes)), whole);
    let mut end = 0;
    for message in &whole.messages {
        assert_eq!(message.head.start, end, "nothing lies between two messages");
        assert!(message.head.end <= message.end && message.end <= bytes.len());
        end = message.end;
        let alone = hear([&bytes[message.head.start..message.end]]);
        assert_eq!(alone.messages.len(), 1, "no message is two to somebody else");
        assert_eq!(alone.messages[0].body, message.body);
        assert!(matches!(alone.end, End::Between | End::Closed));
    }
});

/// What a connection carried.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    messages: Vec<Message>,
    end: End,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Message {
    head: Range<usize>,
    body: Vec<u8>,
    end: usize,
}

/// Where the bytes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Between,
    InHead,
    InBody,
    /// After this nothing is read.
    Refused,
    Closed,
}

enum State {
    Head,
    Length(u64),
    Chunked(ChunkedDecoder),
}

/// Reads messages as a server does.
fn hear<'b>(pieces: impl IntoIterator<Item = &'b [u8]>) -> Heard {
    let mut connection =
        Connection { buffer: Vec::new(), taken: 0, messages: Vec::new(), state: State::Head };
    let mut open = Message::default();
    let mut keep_alive = true;
    for piece in pieces {
        connection.buffer.extend_from_slice(piece);
        loop {
            let rest = &connection.buffer[connection.taken..];
            match &mut connection.state {
                State::Head if !keep_alive => return connection.ended(End::Closed),
                State::Head => match parse_request(rest) {
                    Err(_) => return connection.ended(End::Refused),
                    Ok(None) => break,
                    Ok(Some((head, len))) => {
                        keep_alive = head.keep_alive;
                        let state = match head.framing {
                            Framing::None => State::Length(0),
                            Framing::Length(len) => State::Length(len),
                            Framing::Chunked => State::Chunked(ChunkedDecoder::new()),
                        };
                        open.head = connection.taken..connection.taken + len;
                        connection.taken += len;
                        connection.state = state;
                    }
                },
                State::Length(0) => connection.end_message(&mut open),
                State::Length(left) => {
                    let len = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    if len == 0 {
                        break;
                    }
                    open.body.extend_from_slice(&rest[..len]);
                    *left -= len as u64;
                    connection.taken += len;
                }
                State::Chunked(decoder) => match decoder.step(rest) {
                    Err(_) => return connection.ended(End::Refused),
                    Ok(ChunkStep::More { consumed }) => {
                        connection.taken += consumed;
                        if !decoder.is_done() {
                            break;
                        }
                    }
                    Ok(ChunkStep::Data { consumed, len }) => {
                        let given = &rest[consumed..];
                        let moved = &given[..given.len().min(usize::try_from(len).unwrap_or(usize::MAX))];
                        open.body.extend_from_slice(moved);
                        decoder.take(moved.len() as u64);
                        connection.taken += consumed + moved.len();
                        if moved.is_empty() {
                            break;
                        }
                    }
                    Ok(ChunkStep::End { consumed }) => {
                        connection.taken += consumed;
                        connection.end_message(&mut open);
                    }
                },
            }
        }
    }
    let end = match connection.state {
        State::Head if !keep_alive => End::Closed,
        State::Head if connection.taken == connection.buffer.len() => End::Between,
        State::Head => End::InHead,
        _ => End::InBody,
    };
    connection.ended(end)
}

struct Connection {
    buffer: Vec<u8>,
    taken: usize,
    messages: Vec<Message>,
    state: State,
}

impl Connection {
    fn end_message(&mut self, open: &mut Message) {
        let message = std::mem::take(open);
        self.messages.push(Message { end: self.taken, ..message });
        self.state = State::Head;
    }

    fn ended(self, end: End) -> Heard {
        Heard { messages: self.messages, end }
    }
}
