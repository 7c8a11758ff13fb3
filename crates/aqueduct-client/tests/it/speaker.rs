//! The other side of the native protocol: frames heard and said by a peer, as it is told to.

use std::ops::Range;

use aqueduct_blob::{Algorithm, Digest, Hasher, SEGMENT_LEN, segment_range};
use aqueduct_client::{Client, Options};
use aqueduct_wire::native::{
    Answer, Ask, GREETING_LEN, Request, Say, TaskId, Welcome, greeting, parse_greeting, parse_request,
};

use crate::peer::{Conversation, Peer, Talk, quick, talk};

/// A conversation that begins as every right one does.
pub(crate) fn speak(conversation: impl FnOnce(&mut Talk) + Send + 'static) -> Conversation {
    talk(move |talk| {
        talk.greet();
        conversation(talk);
    })
}

impl Peer {
    pub(crate) fn native_client(&self) -> Client {
        self.native_client_with(quick())
    }

    pub(crate) fn native_client_with(&self, options: Options) -> Client {
        let address = self.address().replace("http://", "aqueduct://");
        Client::new(address.parse().unwrap(), options)
    }
}

impl Talk {
    /// Hears the greeting and the Hello, and answers both.
    pub(crate) fn greet(&mut self) -> Option<String> {
        let greeted = self.hear_body(GREETING_LEN);
        assert_eq!(parse_greeting(&greeted), Ok(Some(1)));
        let (hello, _) = self.hear_frame();
        assert_eq!(hello.task, TaskId::CONNECTION);
        let Ask::Hello(hello) = hello.ask else { panic!("{hello:?} is no Hello") };
        self.say(greeting());
        self.tell(TaskId::CONNECTION, welcome());
        hello.token
    }

    /// Hears a frame with its payload.
    pub(crate) fn hear_frame(&mut self) -> (Request, Vec<u8>) {
        self.hear_frame_if_any().expect("the client closed where a frame was due")
    }

    /// The same; `None` at the end of the stream.
    pub(crate) fn hear_frame_if_any(&mut self) -> Option<(Request, Vec<u8>)> {
        loop {
            if let Some(frame) = parse_request(self.rest()).unwrap() {
                self.hear_body(frame.head_len);
                let payload = self.hear_body(usize::try_from(frame.payload_len).unwrap());
                return Some((frame.message, payload));
            }
            if !self.hear_some() {
                return None;
            }
        }
    }

    /// Hears a frame that is of this kind, and gives its task.
    #[track_caller]
    pub(crate) fn hear_ask(&mut self, expected: &Ask) -> TaskId {
        let (Request { task, ask }, payload) = self.hear_frame();
        assert_eq!(ask, *expected);
        assert!(payload.is_empty());
        task
    }

    /// Hears the question for a checkpoint list, and answers it.
    pub(crate) fn tell_list(&mut self, blob: &Blob) {
        let (request, _) = self.hear_frame();
        let Ask::Get(get) = &request.ask else { panic!("{request:?} is no Get") };
        assert!(get.list_only && get.digest == blob.digest, "{get:?}");
        self.tell_entries(request.task, blob, &blob.entries);
    }

    /// Answers with a checkpoint list.
    pub(crate) fn tell_entries(&mut self, task: TaskId, blob: &Blob, entries: &[[u8; 32]]) {
        let size = blob.bytes.len() as u64;
        self.tell(task, Say::Found { size, checkpoint_count: entries.len() as u64 });
        if !entries.is_empty() {
            self.tell(task, Say::Checkpoints { first: 0, entries: entries.to_vec() });
        }
        self.tell(task, Say::Done);
    }

    /// Hears a Get of one range, and gives its task and the range.
    pub(crate) fn hear_get(&mut self) -> (TaskId, Range<u64>) {
        let (request, _) = self.hear_frame();
        let Ask::Get(get) = &request.ask else { panic!("{request:?} is no Get") };
        assert!(!get.list_only && get.ranges.len() == 1, "{get:?}");
        (request.task, get.ranges[0].clone())
    }

    /// Answers with bytes of a blob that has `size`.
    pub(crate) fn tell_bytes(&mut self, task: TaskId, offset: u64, size: u64, bytes: &[u8], end: bool) {
        let answer = Answer { task, say: Say::Data { offset, size, end } };
        let mut frame = Vec::new();
        answer.write(bytes.len() as u64, &mut frame);
        frame.extend_from_slice(bytes);
        self.say(frame);
    }

    /// Answers with a range of a blob, in frames of a MiB.
    pub(crate) fn tell_range(&mut self, task: TaskId, blob: &Blob, range: Range<u64>) {
        let mut offset = range.start;
        loop {
            let end = range.end.min(offset + (1 << 20));
            let bytes = blob.part(offset..end);
            self.tell_bytes(task, offset, blob.bytes.len() as u64, bytes, end == range.end);
            offset = end;
            if offset == range.end {
                return;
            }
        }
    }

    /// Answers without a payload.
    pub(crate) fn tell(&mut self, task: TaskId, say: Say) {
        let mut frame = Vec::new();
        Answer { task, say }.write(0, &mut frame);
        self.say(frame);
    }

    /// Takes an upload up to its End, and says what was in its frames: segments in the order in which they came whole.
    pub(crate) fn hear_upload(&mut self, blob: &Blob) -> (TaskId, Vec<u64>) {
        let mut segments = Vec::new();
        let mut claimed = 0;
        loop {
            let (Request { task, ask }, payload) = self.hear_frame();
            match ask {
                Ask::Checkpoints { first, entries } => {
                    assert_eq!(first, claimed, "claims come in order");
                    claimed += entries.len() as u64;
                    let range = usize::try_from(first).unwrap()..usize::try_from(claimed).unwrap();
                    assert_eq!(entries, blob.entries[range]);
                }
                Ask::Data { offset } => {
                    assert!(payload == blob.part(offset..offset + payload.len() as u64));
                    let index = offset / SEGMENT_LEN;
                    assert!(
                        index <= claimed,
                        "segment {index} came before the checkpoint that it begins from"
                    );
                    let segment = segment_range(blob.bytes.len() as u64, index);
                    if offset + payload.len() as u64 == segment.end {
                        segments.push(index);
                    }
                }
                Ask::End { digest } => {
                    assert_eq!(digest, Some(blob.digest));
                    return (task, segments);
                }
                Ask::Has { digests } => {
                    assert_eq!(digests, [blob.digest]);
                    self.tell(task, Say::Presence { present: vec![false] });
                }
                other => panic!("{other:?} is no part of an upload"),
            }
        }
    }
}

/// A blob with its digest and checkpoints.
#[derive(Clone)]
pub(crate) struct Blob {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) entries: Vec<[u8; 32]>,
}

impl Blob {
    pub(crate) fn new(algorithm: Algorithm, bytes: Vec<u8>) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&bytes);
        let hashed = hasher.finish();
        Self { digest: hashed.digest, entries: hashed.checkpoints.entries().to_vec(), bytes }
    }

    pub(crate) fn part(&self, range: Range<u64>) -> &[u8] {
        &self.bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
    }
}

pub(crate) fn welcome() -> Say {
    Say::Welcome(Welcome {
        agent: "peer".to_owned(),
        capabilities: Vec::new(),
        task_count_max: 1024,
        blob_size_max: u64::MAX,
    })
}
