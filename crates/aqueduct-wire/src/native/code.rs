//! Why a task or a connection fails, as a number that programs understand.

use std::fmt;

/// The reason that a `Refused` or a `Closing` gives. `docs/protocol.md` says what causes each and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The blob is not here.
    Absent,
    /// The bytes have another digest than was said.
    Mismatch,
    /// There are more or fewer bytes than was said.
    SizeMismatch,
    /// The blob is larger than this server takes.
    TooLarge,
    /// There is no room for the blob.
    NoSpace,
    /// The store takes no changes now.
    ReadOnly,
    /// The server failed.
    Fault,
    /// A token is needed.
    NeedsToken,
    /// A token that lets write is needed.
    NeedsWriteToken,
    /// Ranges are empty, overlap, are not in order, or are not within the blob.
    BadRange,
    /// A payload does not belong where it is said to begin.
    BadOffset,
    /// The algorithm is none, is not known, or is another than that of the digest beside it.
    BadAlgorithm,
    /// A digest is missing or does not have its 32 bytes.
    BadDigest,
    /// There are too many tasks or uploads at once.
    Busy,
    /// The client asked for the end of the task.
    Cancelled,
    /// The upload's id is taken by an upload of another blob.
    Conflict,
    /// There is no such upload.
    NoSuchUpload,
    /// Others change the same blob at this moment.
    Contended,
    /// The message is none that this server knows.
    UnknownMessage,
    /// A field of the message is out of its bounds.
    BadMessage,
    /// A segment came before the checkpoint that it begins from.
    StateUnknown,
    /// The server is about to stop, and begins nothing any more.
    Stopping,
    /// The connection does not begin with the magic of this protocol.
    WrongMagic,
    /// The version is none that there is.
    UnknownVersion,
    /// A preamble does not agree with its check.
    BadPreamble,
    /// A header is longer than headers may be.
    HeaderTooLong,
    /// A payload is longer than payloads may be.
    PayloadTooLong,
    /// A header does not agree with its check, or is no message.
    BadHeader,
    /// The first message is not a `Hello` as it should be.
    NoHello,
    /// A second `Hello` came.
    HelloTwice,
    /// A task begins with an id that is not larger than all before it.
    DuplicateTask,
    /// The message does not fit what its task has come to.
    WrongState,
    /// A message that has no payload came with one.
    UnexpectedPayload,
    /// The peer was waited for too long.
    TooSlow,
    /// The server has stopped.
    Stopped,
    /// A number that this version does not know.
    Unknown(i32),
}

impl Code {
    /// Every code that there is, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.into_iter().map(|(code, _, _)| code)
    }

    /// The number that goes over the wire.
    pub fn number(self) -> i32 {
        match self {
            Self::Unknown(number) => number,
            known => known.entry().map_or(0, |(_, number, _)| number),
        }
    }

    /// The code that has this number, or [`Unknown`](Self::Unknown).
    pub fn from_number(number: i32) -> Self {
        let entry = TABLE.into_iter().find(|entry| entry.1 == number);
        entry.map_or(Self::Unknown(number), |(code, _, _)| code)
    }

    fn entry(self) -> Option<Entry> {
        TABLE.into_iter().find(|entry| entry.0 == self)
    }
}

impl fmt::Display for Code {
    /// Writes the name that `docs/protocol.md` has for it, `NO_SPACE`, or the number of one that is not known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry() {
            Some((_, _, name)) => f.pad(name),
            None => write!(f, "code {}", self.number()),
        }
    }
}

type Entry = (Code, i32, &'static str);

/// Those of tasks are below 40.
const TABLE: [Entry; 35] = [
    (Code::Absent, 1, "ABSENT"),
    (Code::Mismatch, 2, "MISMATCH"),
    (Code::SizeMismatch, 3, "SIZE_MISMATCH"),
    (Code::TooLarge, 4, "TOO_LARGE"),
    (Code::NoSpace, 5, "NO_SPACE"),
    (Code::ReadOnly, 6, "READ_ONLY"),
    (Code::Fault, 7, "FAULT"),
    (Code::NeedsToken, 8, "NEEDS_TOKEN"),
    (Code::NeedsWriteToken, 9, "NEEDS_WRITE_TOKEN"),
    (Code::BadRange, 10, "BAD_RANGE"),
    (Code::BadOffset, 11, "BAD_OFFSET"),
    (Code::BadAlgorithm, 12, "BAD_ALGORITHM"),
    (Code::BadDigest, 13, "BAD_DIGEST"),
    (Code::Busy, 14, "BUSY"),
    (Code::Cancelled, 15, "CANCELLED"),
    (Code::Conflict, 16, "CONFLICT"),
    (Code::NoSuchUpload, 17, "NO_SUCH_UPLOAD"),
    (Code::Contended, 18, "CONTENDED"),
    (Code::UnknownMessage, 19, "UNKNOWN_MESSAGE"),
    (Code::BadMessage, 20, "BAD_MESSAGE"),
    (Code::StateUnknown, 21, "STATE_UNKNOWN"),
    (Code::Stopping, 22, "STOPPING"),
    (Code::WrongMagic, 40, "WRONG_MAGIC"),
    (Code::UnknownVersion, 41, "UNKNOWN_VERSION"),
    (Code::BadPreamble, 42, "BAD_PREAMBLE"),
    (Code::HeaderTooLong, 43, "HEADER_TOO_LONG"),
    (Code::PayloadTooLong, 44, "PAYLOAD_TOO_LONG"),
    (Code::BadHeader, 45, "BAD_HEADER"),
    (Code::NoHello, 46, "NO_HELLO"),
    (Code::HelloTwice, 47, "HELLO_TWICE"),
    (Code::DuplicateTask, 48, "DUPLICATE_TASK"),
    (Code::WrongState, 49, "WRONG_STATE"),
    (Code::UnexpectedPayload, 50, "UNEXPECTED_PAYLOAD"),
    (Code::TooSlow, 51, "TOO_SLOW"),
    (Code::Stopped, 52, "STOPPED"),
];

#[cfg(test)]
mod tests;
