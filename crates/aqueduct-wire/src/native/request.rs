//! What a client says.

use std::fmt;
use std::ops::Range;

use aqueduct_blob::{Algorithm, Digest, UploadId};

use super::fields::{self, Bad};
use super::limits::{CAPABILITY_COUNT_MAX, CAPABILITY_LEN_MAX, LIST_COUNT_MAX, UPLOAD_LIST_COUNT_MAX};
use super::{Code, TaskId, frame, messages};

/// A message from a client to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which task it begins, or belongs to.
    pub task: TaskId,
    /// What is asked.
    pub ask: Ask,
}

/// What a client asks for, or gives. A payload may follow [`Put`](Self::Put) and [`Data`](Self::Data) alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Who asks: the first message, of [`TaskId::CONNECTION`].
    Hello(Hello),
    /// Begins to store a blob.
    Put(Put),
    /// Bytes of the blob that this task stores.
    Data {
        /// Where in the blob the payload belongs.
        offset: u64,
    },
    /// Entries of the checkpoint list of the blob that this task stores, as the sender found them.
    Checkpoints {
        /// Which entry the first one is. The last one's index fits in a `u64`.
        first: u64,
        /// At most [`ENTRY_COUNT_MAX`](super::limits::ENTRY_COUNT_MAX).
        entries: Vec<[u8; 32]>,
    },
    /// Everything was sent.
    End {
        /// What the sender found to be the blob's digest.
        digest: Option<Digest>,
    },
    /// This task sends no more to its upload, which stays.
    Leave,
    /// Nobody waits for this task any more.
    Cancel,
    /// Asks for a blob, or parts of it.
    Get(Get),
    /// Asks which blobs are there.
    Has {
        /// At most [`DIGEST_COUNT_MAX`](super::limits::DIGEST_COUNT_MAX), all of one algorithm.
        digests: Vec<Digest>,
    },
    /// Asks what is known about a blob.
    Stat {
        /// Its name.
        digest: Digest,
    },
    /// Asks which blobs there are, in the order of their digests.
    List {
        /// They come after this one.
        after: Option<Digest>,
        /// At most so many; at least 1, at most [`LIST_COUNT_MAX`].
        limit: usize,
    },
    /// Asks for a blob to be removed.
    Remove {
        /// Its name.
        digest: Digest,
    },
    /// Asks which uploads there are, in the order of their ids.
    ListUploads {
        /// They come after this one.
        after: Option<UploadId>,
        /// At most so many; at least 1, at most [`UPLOAD_LIST_COUNT_MAX`].
        limit: usize,
    },
    /// Asks for an upload, and what came of it, to be dropped.
    DropUpload {
        /// Its id.
        upload: UploadId,
    },
    /// A message that this version does not know, or one with a field out of its bounds. The frame was understood, so
    /// the task is refused and the connection goes on.
    Bad {
        /// What to refuse it with.
        code: Code,
        /// What is wrong with it.
        message: String,
    },
}

/// Who asks.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hello {
    /// The program and its version, for the server's log.
    pub agent: String,
    /// What lets the client read, or write. Never empty.
    pub token: Option<String>,
    /// What the client can do beside this version of the protocol. Those that are not known mean nothing.
    pub capabilities: Vec<String>,
}

/// A blob to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// How it is to be named; that of `digest`, if there is one.
    pub algorithm: Algorithm,
    /// Its name, if the sender knows it already.
    pub digest: Option<Digest>,
    /// Its size, if the sender knows it already. Some, and not 0, if there is an upload.
    pub size: Option<u64>,
    /// Under which id the server keeps what has come so far if it does not come whole.
    pub upload: Option<UploadId>,
}

/// A blob to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Get {
    /// Its name.
    pub digest: Digest,
    /// Which parts of it: ascending, none empty, none overlapping another, at most
    /// [`RANGE_COUNT_MAX`](super::limits::RANGE_COUNT_MAX). None of them asks for the whole blob.
    pub ranges: Vec<Range<u64>>,
    /// Whether the checkpoint list is to come before the bytes.
    pub checkpoints: bool,
    /// Whether nothing but the checkpoint list is to come; then the other two do not matter.
    pub list_only: bool,
}

impl Request {
    /// Appends the preamble and the header; a payload of `payload_len` bytes has to follow.
    ///
    /// # Panics
    ///
    /// If it is longer than the [limits](super::limits), or is [`Ask::Bad`], which there is no message for.
    pub fn write(&self, payload_len: u64, out: &mut Vec<u8>) {
        let message = messages::Request { task: self.task.0, ask: Some(self.ask.message()) };
        frame::write(&message, payload_len, out);
    }

    pub(super) fn understand(message: messages::Request) -> Self {
        let ask = message.ask.map_or(Err(Bad::UNKNOWN), Ask::understand);
        let ask = ask.unwrap_or_else(|Bad { code, why }| Ask::Bad { code, message: why.to_owned() });
        Self { task: TaskId(message.task), ask }
    }
}

impl Ask {
    fn message(&self) -> messages::Ask {
        match self {
            Self::Hello(hello) => messages::Ask::Hello(hello.message()),
            Self::Put(put) => messages::Ask::Put(put.message()),
            Self::Data { offset } => {
                messages::Ask::Data(messages::Data { offset: *offset, ..messages::Data::default() })
            }
            Self::Checkpoints { first, entries } => messages::Ask::Checkpoints(messages::Checkpoints {
                first: *first,
                entries: entries.as_flattened().to_vec(),
            }),
            Self::End { digest } => {
                messages::Ask::End(messages::End { digest: digest.as_ref().map(fields::digest_message) })
            }
            Self::Leave => messages::Ask::Leave(messages::Leave {}),
            Self::Cancel => messages::Ask::Cancel(messages::Cancel {}),
            Self::Get(get) => messages::Ask::Get(get.message()),
            Self::Has { digests } => messages::Ask::Has(has_message(digests)),
            Self::Stat { digest } => {
                messages::Ask::Stat(messages::Stat { digest: Some(fields::digest_message(digest)) })
            }
            Self::List { after, limit } => messages::Ask::List(messages::List {
                after: after.as_ref().map(fields::digest_message),
                limit: limit_number(*limit),
            }),
            Self::Remove { digest } => {
                messages::Ask::Remove(messages::Remove { digest: Some(fields::digest_message(digest)) })
            }
            Self::ListUploads { after, limit } => messages::Ask::ListUploads(messages::ListUploads {
                after: fields::upload_id_bytes(*after),
                limit: limit_number(*limit),
            }),
            Self::DropUpload { upload } => {
                messages::Ask::DropUpload(messages::DropUpload { upload: upload.as_bytes().to_vec() })
            }
            Self::Bad { .. } => unreachable!("what was not understood is not passed on"),
        }
    }

    fn understand(message: messages::Ask) -> Result<Self, Bad> {
        Ok(match message {
            messages::Ask::Hello(hello) => Self::Hello(Hello::understand(hello)?),
            messages::Ask::Put(put) => Self::Put(Put::understand(put)?),
            messages::Ask::Data(data) => Self::Data { offset: data.offset },
            messages::Ask::Checkpoints(checkpoints) => {
                let (first, entries) = fields::checkpoints(&checkpoints)?;
                Self::Checkpoints { first, entries }
            }
            messages::Ask::End(end) => Self::End { digest: fields::digest_if_any(end.digest)? },
            messages::Ask::Leave(messages::Leave {}) => Self::Leave,
            messages::Ask::Cancel(messages::Cancel {}) => Self::Cancel,
            messages::Ask::Get(get) => Self::Get(Get::understand(get)?),
            messages::Ask::Has(has) => Self::Has { digests: fields::digests(&has)? },
            messages::Ask::Stat(stat) => Self::Stat { digest: fields::digest(stat.digest)? },
            messages::Ask::List(list) => Self::List {
                after: fields::digest_if_any(list.after)?,
                limit: fields::list_limit(list.limit, LIST_COUNT_MAX),
            },
            messages::Ask::Remove(remove) => Self::Remove { digest: fields::digest(remove.digest)? },
            messages::Ask::ListUploads(list) => Self::ListUploads {
                after: fields::upload_id_if_any(&list.after)?,
                limit: fields::list_limit(list.limit, UPLOAD_LIST_COUNT_MAX),
            },
            messages::Ask::DropUpload(drop) => Self::DropUpload { upload: fields::upload_id(&drop.upload)? },
        })
    }
}

impl Hello {
    fn message(&self) -> messages::Hello {
        messages::Hello {
            agent: self.agent.clone(),
            token: self.token.clone().unwrap_or_default(),
            capabilities: self.capabilities.clone(),
        }
    }

    fn understand(message: messages::Hello) -> Result<Self, Bad> {
        let capabilities = message.capabilities;
        if capabilities.len() > CAPABILITY_COUNT_MAX {
            return Err(Bad::message("there are too many capabilities"));
        }
        if capabilities.iter().any(|capability| capability.len() > CAPABILITY_LEN_MAX) {
            return Err(Bad::message("the name of a capability is too long"));
        }
        let token = fields::text(message.token)?;
        let token = (!token.is_empty()).then_some(token);
        Ok(Self { agent: fields::text(message.agent)?, token, capabilities })
    }
}

impl fmt::Debug for Hello {
    /// Leaves the token out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello")
            .field("agent", &self.agent)
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

impl Put {
    fn message(&self) -> messages::Put {
        messages::Put {
            algorithm: fields::algorithm_number(self.algorithm),
            digest: self.digest.as_ref().map(fields::digest_message),
            size: self.size,
            upload: fields::upload_id_bytes(self.upload),
        }
    }

    fn understand(message: messages::Put) -> Result<Self, Bad> {
        let algorithm = fields::algorithm(message.algorithm)?;
        let digest = fields::digest_if_any(message.digest)?;
        if digest.is_some_and(|digest| digest.algorithm() != algorithm) {
            return Err(Bad { code: Code::BadAlgorithm, why: "the digest is of another algorithm" });
        }
        let upload = fields::upload_id_if_any(&message.upload)?;
        if upload.is_some() && matches!(message.size, None | Some(0)) {
            return Err(Bad::message("an upload needs the blob's size, and is of no use for an empty one"));
        }
        Ok(Self { algorithm, digest, size: message.size, upload })
    }
}

impl Get {
    fn message(&self) -> messages::Get {
        messages::Get {
            digest: Some(fields::digest_message(&self.digest)),
            ranges: fields::range_messages(&self.ranges),
            checkpoints: self.checkpoints,
            list_only: self.list_only,
        }
    }

    fn understand(message: messages::Get) -> Result<Self, Bad> {
        Ok(Self {
            digest: fields::digest(message.digest)?,
            ranges: fields::asked_ranges(&message.ranges)?,
            checkpoints: message.checkpoints,
            list_only: message.list_only,
        })
    }
}

/// No digests at all are of any algorithm.
fn has_message(digests: &[Digest]) -> messages::Has {
    let algorithm = digests.first().map_or(Algorithm::Sha256, Digest::algorithm);
    assert!(digests.iter().all(|digest| digest.algorithm() == algorithm), "one question, one algorithm");
    messages::Has {
        algorithm: fields::algorithm_number(algorithm),
        digests: digests.iter().flat_map(Digest::as_bytes).copied().collect(),
    }
}

/// What is more than a server gives is as good as the most.
fn limit_number(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
