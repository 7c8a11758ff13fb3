//! A server's side of the native protocol, told whole frames: whatever they say, no byte of a payload is lost or made up,
//! and every task begins once and ends once. The checks of the frames are made here, so that bytes get past them.

#![no_main]

use std::collections::BTreeMap;

use aqueduct_blob::SEGMENT_LEN;
use aqueduct_wire::native::limits::{HEADER_LEN_MAX, PAYLOAD_LEN_MAX, TASK_COUNT_MAX};
use aqueduct_wire::native::{
    Answer, Ask, Closing, Hello, Put, Request, Say, Session, TaskId, Turn, missing_len, parse_answer,
    parse_greeting, parse_request,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = parse_greeting(bytes);
    let _ = parse_request(bytes);
    let _ = parse_answer(bytes);
    let Some((&first, mut rest)) = bytes.split_first() else { return };
    let mut server = Server::default();
    if first & 1 == 0 {
        server.hear(&header(&Ask::Hello(Hello::default())), 0);
    }
    if first & 3 == 2 {
        server.fill();
    }
    while let Some((record, after)) = Record::split(rest) {
        rest = after;
        if !server.hear(record.header, record.payload_len) {
            break;
        }
        server.answer(record.ended);
    }
});

/// A frame as it is in the input: its lengths, which task the server answers after it, and its header.
struct Record<'b> {
    payload_len: u64,
    /// Twice its place among those that are active, which most have none at; odd if the answer leaves at once.
    ended: usize,
    header: &'b [u8],
}

impl<'b> Record<'b> {
    fn split(bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let (&[header_len, ended, l0, l1, l2], rest) = bytes.split_first_chunk()?;
        let (header, rest) = rest.split_at(rest.len().min(usize::from(header_len)));
        let payload_len = u64::from(u32::from_be_bytes([0, l0, l1, l2])) % (PAYLOAD_LEN_MAX + 1);
        Some((Self { payload_len, ended: usize::from(ended), header }, rest))
    }
}

/// What a server would know of its tasks.
#[derive(Default)]
struct Server {
    session: Session,
    /// No task is begun that is not larger.
    last: TaskId,
    active: BTreeMap<TaskId, State>,
}

#[derive(Debug, PartialEq)]
enum State {
    Asked,
    Plain { received: u64, size: Option<u64> },
    Upload { size: u64 },
    Told,
    Cancelled,
    Answered,
}

impl Server {
    /// Begins nearly as many tasks as there may be.
    fn fill(&mut self) {
        for task in (1..TASK_COUNT_MAX as u64).map(TaskId) {
            let ask = Ask::ListUploads { after: None, limit: 1 };
            let turn = self.session.take(Request { task, ask }, 0).expect("there is room");
            self.obey(turn, 0);
        }
    }

    /// False once the connection has to close.
    fn hear(&mut self, header: &[u8], payload_len: u64) -> bool {
        let bytes = framed(header, payload_len);
        let frame = match parse_request(&bytes) {
            Ok(frame) => frame.expect("the frame is whole"),
            Err(error) => return closed(error.into()),
        };
        assert_eq!((frame.head_len, frame.payload_len), (bytes.len(), payload_len));
        check_arrival(&bytes);
        reread(&frame.message);
        match self.session.take(frame.message, payload_len) {
            Ok(turn) => self.obey(turn, payload_len),
            Err(closing) => return closed(closing),
        }
        assert_eq!(self.session.task_count(), self.active.len());
        assert!(self.active.len() <= TASK_COUNT_MAX);
        if self.active.len() < 10 {
            let open = |state: &State| matches!(state, State::Plain { .. } | State::Upload { .. });
            assert_eq!(self.session.has_open_puts(), self.active.values().any(open));
        }
        true
    }

    fn answer(&mut self, choice: usize) {
        let Some((&task, state)) = self.active.iter_mut().nth(choice / 2) else { return };
        assert_eq!(self.session.answered(task), *state != State::Answered);
        *state = State::Answered;
        if choice % 2 == 1 {
            self.active.remove(&task);
            self.session.end(task);
            assert!(!self.session.answered(task));
        }
        assert_eq!(self.session.task_count(), self.active.len());
    }

    fn obey(&mut self, turn: Turn, payload_len: u64) {
        let mut spoken_for = 0;
        match turn {
            Turn::Hello(_) => assert_eq!(self.last, TaskId::CONNECTION),
            Turn::Begin { task, .. } => self.begin(task, State::Asked),
            Turn::BeginPut { task, put, len, is_whole } => {
                spoken_for = len;
                self.begin_put(task, &put, len, is_whole);
            }
            Turn::Data { task, offset, len, is_last } => {
                assert!(len > 0);
                spoken_for = len;
                self.receive(task, offset, len, is_last);
            }
            Turn::Checkpoints { task, .. } => assert!(matches!(self.active[&task], State::Upload { .. })),
            Turn::End { task, .. } => match self.active[&task] {
                State::Upload { .. } => {}
                State::Plain { size: None, .. } => drop(self.active.insert(task, State::Told)),
                ref state => panic!("{state:?} has no end"),
            },
            Turn::Leave { task } => {
                let before = self.active.insert(task, State::Told);
                assert!(matches!(before, Some(State::Upload { .. })));
            }
            Turn::Cancel { task } => {
                let before = self.active.insert(task, State::Cancelled);
                assert!(!matches!(before, None | Some(State::Cancelled | State::Answered)));
            }
            Turn::Refuse { task, code, message, skip } => {
                spoken_for = skip;
                assert!(code.number() < 40);
                let before = self.active.remove(&task);
                let was_open = matches!(before, Some(State::Plain { .. } | State::Upload { .. }));
                assert!(was_open || task > self.last, "it has been answered, or will be: {before:?}");
                self.last = self.last.max(task);
                written(&Answer { task, say: Say::Refused { code, message, actual: None } });
            }
            Turn::Skip { len } => spoken_for = len,
        }
        assert_eq!(spoken_for, payload_len);
    }

    fn begin(&mut self, task: TaskId, state: State) {
        assert!(task > self.last, "it began before");
        self.last = task;
        self.active.insert(task, state);
    }

    fn begin_put(&mut self, task: TaskId, put: &Put, len: u64, is_whole: bool) {
        assert_eq!(is_whole, put.upload.is_none() && put.size == Some(len));
        let state = match (put.upload, put.size) {
            _ if is_whole => State::Told,
            (Some(_), Some(size)) => {
                assert_eq!(len, 0);
                State::Upload { size }
            }
            (Some(_), None) => panic!("an upload has a size"),
            (None, size) => {
                assert!(size.is_none_or(|size| len < size));
                State::Plain { received: len, size }
            }
        };
        self.begin(task, state);
    }

    fn receive(&mut self, task: TaskId, offset: u64, len: u64, is_last: bool) {
        match self.active.get_mut(&task).expect("it has not ended") {
            State::Plain { received, size } => {
                assert_eq!(offset, *received);
                *received += len;
                assert!(size.is_none_or(|size| *received <= size));
                assert_eq!(is_last, *size == Some(*received));
                if is_last {
                    self.active.insert(task, State::Told);
                }
            }
            State::Upload { size } => {
                assert!(!is_last && offset + len <= *size);
                assert_eq!(offset / SEGMENT_LEN, (offset + len - 1) / SEGMENT_LEN);
            }
            state => panic!("{state:?} takes no bytes"),
        }
    }
}

/// However it arrives, a frame is the same, and asks for no byte that is not its own.
fn check_arrival(bytes: &[u8]) {
    for end in (0..bytes.len()).step_by(bytes.len() / 16 + 1) {
        assert_eq!(parse_request(&bytes[..end]), Ok(None));
        assert!((1..=bytes.len() - end).contains(&missing_len(&bytes[..end])));
    }
    assert_eq!(parse_request(&[bytes, b"more"].concat()), parse_request(bytes));
}

/// What was understood is understood again after it was written.
fn reread(request: &Request) {
    if matches!(request.ask, Ask::Bad { .. }) {
        return;
    }
    let mut bytes = Vec::new();
    request.write(0, &mut bytes);
    let again = parse_request(&bytes).expect("what was written is a frame").expect("and whole");
    assert_eq!(again.message, *request);
}

fn closed(closing: Closing) -> bool {
    assert!(closing.code.number() >= 40);
    written(&Answer::from(closing));
    false
}

fn written(answer: &Answer) {
    let mut bytes = Vec::new();
    answer.write(0, &mut bytes);
    let again = parse_answer(&bytes).expect("what was written is a frame").expect("and whole");
    assert_eq!(again.message, *answer);
}

fn header(ask: &Ask) -> Vec<u8> {
    let mut bytes = Vec::new();
    Request { task: TaskId::CONNECTION, ask: ask.clone() }.write(0, &mut bytes);
    bytes.split_off(20)
}

/// A frame up to its payload, its checks true.
fn framed(header: &[u8], payload_len: u64) -> Vec<u8> {
    assert!(header.len() <= HEADER_LEN_MAX);
    let mut bytes = u32::try_from(header.len()).expect("it is short").to_be_bytes().to_vec();
    bytes.extend(payload_len.to_be_bytes());
    bytes.extend(crc32fast::hash(header).to_be_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes.extend(header);
    bytes
}
