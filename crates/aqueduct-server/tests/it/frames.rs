//! A client of the native protocol that says what it likes.

use std::net::SocketAddr;

use aqueduct_blob::{Algorithm, Digest, UploadId};
use aqueduct_wire::native::{
    Answer, Ask, Code, Frame, GREETING_LEN, Get, Hello, Put, Request, Say, TaskId, greeting, parse_answer,
};

use crate::fixture::Peer;

pub(crate) struct Native {
    pub(crate) peer: Peer,
    /// The largest id of a task that has begun.
    pub(crate) last: u64,
}

/// An answer and its payload.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) task: TaskId,
    pub(crate) say: Say,
    pub(crate) payload: Vec<u8>,
}

impl Native {
    /// A client that was welcomed.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, None)
    }

    pub(crate) fn connect_with(address: SocketAddr, token: Option<&str>) -> Self {
        let mut native = Self::greeted(address);
        let token = token.map(str::to_owned);
        let hello = Hello { agent: "a test".to_owned(), token, capabilities: Vec::new() };
        native.say(TaskId::CONNECTION, Ask::Hello(hello), &[]);
        assert!(matches!(native.hear().say, Say::Welcome(_)));
        native
    }

    /// A client that has greeted, and said nothing else.
    pub(crate) fn greeted(address: SocketAddr) -> Self {
        let mut peer = Peer::connect(address);
        peer.say_bytes(&greeting());
        assert_eq!(peer.take(GREETING_LEN), greeting());
        Self { peer, last: 0 }
    }

    /// The id of a task that has not begun.
    pub(crate) fn task(&mut self) -> TaskId {
        self.last += 1;
        TaskId(self.last)
    }

    pub(crate) fn say(&mut self, task: TaskId, ask: Ask, payload: &[u8]) {
        let mut bytes = Vec::new();
        Request { task, ask }.write(payload.len() as u64, &mut bytes);
        bytes.extend_from_slice(payload);
        self.peer.say_bytes(&bytes);
    }

    /// Begins a task.
    pub(crate) fn ask(&mut self, ask: Ask, payload: &[u8]) -> TaskId {
        let task = self.task();
        self.say(task, ask, payload);
        task
    }

    /// Begins a task, and waits for its only answer.
    pub(crate) fn ask_and_hear(&mut self, ask: Ask, payload: &[u8]) -> Told {
        let task = self.ask(ask, payload);
        let told = self.hear();
        assert_eq!(told.task, task);
        told
    }

    /// The next answer.
    pub(crate) fn hear(&mut self) -> Told {
        let mut bytes = Vec::new();
        loop {
            if let Some(Frame { message, payload_len, .. }) = parse_answer(&bytes).unwrap() {
                let Answer { task, say } = message;
                let payload = self.peer.take(usize::try_from(payload_len).unwrap());
                return Told { task, say, payload };
            }
            let missing = aqueduct_wire::native::missing_len(&bytes);
            bytes.extend(self.peer.take(missing));
        }
    }

    /// What comes of a get: its bytes, put together.
    pub(crate) fn bytes(&mut self, task: TaskId) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let told = self.hear();
            assert_eq!(told.task, task);
            match told.say {
                Say::Found { .. } | Say::Checkpoints { .. } => {}
                Say::Data { end, .. } => {
                    bytes.extend(told.payload);
                    if end {
                        return bytes;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// The server says why, and closes.
    pub(crate) fn assert_closing(mut self, expected: Code) {
        let told = self.hear();
        assert_eq!(told.task, TaskId::CONNECTION);
        let Say::Closing { code, message } = told.say else { panic!("{:?}", told.say) };
        assert_eq!(code, expected, "{message}");
        self.peer.assert_closed();
    }
}

/// A put of all bytes at once.
pub(crate) fn put(digest: Option<Digest>, size: usize) -> Ask {
    Ask::Put(Put { algorithm: Algorithm::Sha256, digest, size: Some(size as u64), upload: None })
}

/// A put that can be taken up again.
pub(crate) fn upload(id: [u8; 16], digest: Option<Digest>, size: usize) -> Ask {
    let upload = Some(UploadId::new(id));
    Ask::Put(Put { algorithm: Algorithm::Sha256, digest, size: Some(size as u64), upload })
}

pub(crate) fn get(digest: Digest) -> Ask {
    Ask::Get(Get { digest, ranges: Vec::new(), checkpoints: false, list_only: false })
}

/// The code of a refusal.
pub(crate) fn refused(told: &Told) -> Code {
    match told.say {
        Say::Refused { code, .. } => code,
        ref other => panic!("{other:?}"),
    }
}
