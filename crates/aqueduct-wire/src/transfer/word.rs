//! What is said, a word a frame.

use std::ops::Range;

use aqueduct_blob::Algorithm;

use super::{Entry, EntryId, Identity, messages, understand};
use crate::native::{Frame, FrameError, frame};

/// The header of one frame. A payload may follow [`Pack`](Self::Pack) and [`Bytes`](Self::Bytes) alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// Whoever connected says first what it is here for.
    Open {
        /// Fresh at every connection.
        nonce: [u8; 16],
        /// What it wants to do.
        role: Role,
        /// 0 begins an attempt; others join one.
        stream: u32,
        /// The attempt that is joined; zeroes for stream 0.
        attempt: [u8; 16],
    },
    /// Whoever listens proves that it knows the secret.
    Challenge {
        /// Fresh at every connection.
        nonce: [u8; 16],
        /// The proof of whoever listens.
        proof: [u8; 32],
    },
    /// Whoever connected proves it, too. Nothing else is said before.
    Proof {
        /// The proof of whoever connected.
        proof: [u8; 32],
    },
    /// The sender says what is to come.
    Offer(Offer),
    /// The receiver wants it.
    Accept(Accept),
    /// Directories, links, and files too large to be packed, parents first. On stream 0 alone.
    Entries(Vec<Entry>),
    /// Small files, whole: the payload is their bytes, one behind the other.
    Pack {
        /// All of [`Kind::Regular`](super::Kind::Regular), their sizes adding up to the payload.
        files: Vec<Entry>,
        /// What the payload must be found to be, which of a single file is its digest; `None` if nothing is verified.
        check: Option<[u8; 32]>,
    },
    /// Bytes of a file, all within one segment. What lies between two of these of the same segment is a hole.
    Bytes {
        /// Whose.
        entry: EntryId,
        /// Where in the file.
        offset: u64,
    },
    /// All bytes of a segment were sent; what was not is a hole. Comes on the connection that its bytes came on.
    Sum {
        /// Whose.
        entry: EntryId,
        /// Which segment.
        index: u64,
        /// For SHA-256 the state before it; zeroes otherwise.
        before: [u8; 32],
        /// What it ends in, as [`SegmentHasher`](aqueduct_blob::SegmentHasher) finds it; a CRC-32 in the first four bytes for
        /// [`Verify::Wire`]; zeroes for [`Verify::None`].
        after: [u8; 32],
    },
    /// All segments of a file, or a stream to its end, were sent at least once.
    Whole {
        /// Whose.
        entry: EntryId,
        /// Its size.
        size: u64,
        /// Its digest under the algorithm of the offer, unless nothing was hashed.
        digest: Option<[u8; 32]>,
    },
    /// A file has changed while it was sent: what came of it is of no use.
    Changed {
        /// Whose.
        entry: EntryId,
    },
    /// Everything was sent, at least once. On stream 0.
    End {
        /// How many files this attempt has sent: what the receiver waits for on all connections.
        file_count: u64,
        /// How many more there are that were left out, and of which nothing else was said.
        left_count: u64,
    },
    /// The sender of an attempt that goes on with an earlier one asks what is there of these files.
    Ask {
        /// At most [`ASK_COUNT_MAX`](super::limits::ASK_COUNT_MAX).
        identities: Vec<Identity>,
    },
    /// The answer to an `Ask`: files of which nothing is there are left out.
    Held(Vec<HeldFile>),
    /// So many more bytes are verified, for the sender to show. With none at all either side says that it is still there.
    Verified {
        /// Bytes.
        len: u64,
    },
    /// These segments have to be sent again.
    Again {
        /// Of which file.
        entry: EntryId,
        /// At least one.
        segments: Vec<u64>,
    },
    /// The receiver has no use for this file; what comes of it is dropped.
    Skip {
        /// Which.
        entry: EntryId,
    },
    /// The receiver has everything, verified and synced as it was asked to: the last word.
    Done {
        /// Files that are there now.
        file_count: u64,
        /// Files that are not, beside those that changed.
        failed_count: u64,
        /// Whether they are on the medium.
        is_synced: bool,
        /// The digest of a single file.
        digest: Option<[u8; 32]>,
    },
    /// Either side cannot go on: its last word.
    Failed {
        /// What kind of failure it is.
        failure: Failure,
        /// In words.
        why: String,
    },
}

/// What whoever connects wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It has files.
    Send,
    /// It wants them.
    Receive,
}

/// How the receiver finds out that it has the right bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// By the digest of each file.
    Full,
    /// By a CRC-32 of each segment.
    Wire,
    /// By TCP alone.
    None,
}

/// What is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The same for the same paths of the same host: an attempt that broke is found again by it.
    pub transfer: [u8; 16],
    /// Of all digests.
    pub algorithm: Algorithm,
    /// How far it can be verified.
    pub verify: Verify,
    /// The names that will appear at the receiver's, as [`Entry::name`]: at least one, at most
    /// [`ENTRY_COUNT_MAX`](super::limits::ENTRY_COUNT_MAX).
    pub names: Vec<Vec<u8>>,
    /// Bytes of all files, if known.
    pub size: Option<u64>,
    /// How many files there are, if known.
    pub file_count: Option<u64>,
    /// Over how many connections the sender would like to send; at least 1.
    pub stream_count: u32,
    /// Bytes that all of it takes on the sender's medium, if known: less than `size` where there are holes.
    pub room: Option<u64>,
}

impl Offer {
    /// Whether it is a stream: one file of a size that nobody knows, which is sent once.
    pub fn is_stream(&self) -> bool {
        self.size.is_none() && self.file_count == Some(1)
    }
}

/// How it may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    /// For more connections to join this attempt.
    pub attempt: [u8; 16],
    /// Whether anything is there from an earlier attempt: ask before you send.
    pub resumes: bool,
    /// Whether every file has to come from its start to its end, on one connection.
    pub in_order: bool,
    /// Over how many connections it may come; at least 1.
    pub stream_count: u32,
}

/// What is there of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldFile {
    /// Which of those that were asked about, counted from 0.
    pub place: u32,
    /// All of it.
    pub whole: bool,
    /// Segments that are there: ascending, none empty, none touching another.
    pub segments: Vec<Range<u64>>,
}

/// Why a side cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Failure {
    /// Anything else.
    Other = 1,
    /// A source cannot be read.
    Source = 3,
    /// What is to appear is there already.
    Exists = 4,
    /// Bytes are wrong, whatever is sent again.
    Mismatch = 6,
    /// No room is left. What came is kept.
    NoSpace = 7,
    /// A disk failed.
    Local = 8,
    /// The receiver does not want it, or the secret is wrong.
    Refused = 9,
    /// The other side said what it must not.
    Protocol = 10,
    /// A source has changed.
    Changed = 11,
    /// The other side was told to stop. What came is kept.
    Stopped = 130,
}

impl Failure {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Other,
        Self::Source,
        Self::Exists,
        Self::Mismatch,
        Self::NoSpace,
        Self::Local,
        Self::Refused,
        Self::Protocol,
        Self::Changed,
        Self::Stopped,
    ];
}

impl Word {
    /// Appends the preamble and the header; a payload of `payload_len` bytes has to follow.
    ///
    /// # Panics
    ///
    /// If it is longer than the [limits](super::limits).
    pub fn write(&self, payload_len: u64, out: &mut Vec<u8>) {
        frame::write(&messages::Word { said: Some(understand::message(self)) }, payload_len, out);
    }

    /// Bytes that a header of these entries would have, for whoever fills one.
    pub fn header_len_of(entry: &Entry) -> usize {
        understand::entry_len(entry)
    }
}

/// Reads the frame that `bytes` begin with, up to its payload.
///
/// `Ok(None)` asks for more bytes and to be called again with all of them. `bytes` may hold more than the frame.
///
/// # Errors
///
/// [`FrameError`], as soon as it is certain; [`FrameError::BadAnswer`] for a word that is none, or breaks a rule of its own.
pub fn parse_word(bytes: &[u8]) -> Result<Option<Frame<Word>>, FrameError> {
    frame::parse(bytes, |message: messages::Word| {
        message.said.and_then(understand::word).ok_or(FrameError::BadAnswer)
    })
}

#[cfg(test)]
mod tests;
