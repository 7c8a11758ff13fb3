//! What a server says.

use std::ops::Range;

use aqueduct_blob::{Algorithm, Digest, UploadId};

use super::fields::{self, Bad};
use super::{Code, TaskId, frame, messages};

/// A message from a server to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whose answer it is.
    pub task: TaskId,
    /// What is answered.
    pub say: Say,
}

/// What a server answers. A payload may follow [`Data`](Self::Data) alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// Who answers: the first message, of [`TaskId::CONNECTION`].
    Welcome(Welcome),
    /// Nothing follows, and the connection closes; of [`TaskId::CONNECTION`].
    Closing {
        /// Why.
        code: Code,
        /// Why, for a person.
        message: String,
    },
    /// The upload is there: what is missing may be sent.
    Opened {
        /// Its id.
        upload: UploadId,
        /// What need not be sent again: ascending, joined, at most
        /// [`VERIFIED_COUNT_MAX`](super::limits::VERIFIED_COUNT_MAX).
        verified: Vec<Range<u64>>,
    },
    /// Something has to be sent again, or for the first time, and then the end be said again.
    Again {
        /// Indexes of segments, at most [`AGAIN_COUNT_MAX`](super::limits::AGAIN_COUNT_MAX).
        segments: Vec<u64>,
        /// Whether the checkpoint list has to be sent again from its start, too.
        checkpoints: bool,
        /// Whether this answers an [`End`](super::Ask::End), and names all that is missing.
        after_end: bool,
    },
    /// The last answer of a put: the blob is there.
    Stored {
        /// Its name.
        digest: Digest,
        /// Its size.
        size: u64,
        /// Whether it was not there before.
        is_new: bool,
        /// Bytes of it that were taken in for this task.
        received: u64,
    },
    /// The blob that was asked for is there, and its bytes, or its checkpoint list, follow.
    Found {
        /// Its size.
        size: u64,
        /// How many entries its checkpoint list has.
        checkpoint_count: u64,
    },
    /// Entries of the checkpoint list of the blob that was asked for.
    Checkpoints {
        /// Which entry the first one is. The last one's index fits in a `u64`.
        first: u64,
        /// At most [`ENTRY_COUNT_MAX`](super::limits::ENTRY_COUNT_MAX).
        entries: Vec<[u8; 32]>,
    },
    /// Bytes of the blob that was asked for.
    Data {
        /// Where in the blob the payload belongs.
        offset: u64,
        /// The blob's size.
        size: u64,
        /// Whether this is the last answer.
        end: bool,
    },
    /// The last answer of a task that has nothing else to say.
    Done,
    /// The last answer of a `Has`.
    Presence {
        /// For each digest, in the order of the question, whether its blob is there.
        present: Vec<bool>,
    },
    /// The last answer of a `Stat`.
    Described {
        /// The blob's size.
        size: u64,
        /// When it got its name, in seconds of Unix time.
        published: i64,
        /// How many entries its checkpoint list has.
        checkpoint_count: u64,
    },
    /// The last answer of a `List`.
    Listed {
        /// In the order of their digests, at most [`LIST_COUNT_MAX`](super::limits::LIST_COUNT_MAX).
        blobs: Vec<ListedBlob>,
        /// Where to go on, unless these were the last.
        next: Option<Digest>,
    },
    /// The last answer of a `Remove`: the blob was there, and is not any more.
    Removed,
    /// The last answer of a `ListUploads`.
    Uploads {
        /// In the order of their ids, at most [`UPLOAD_LIST_COUNT_MAX`](super::limits::UPLOAD_LIST_COUNT_MAX).
        uploads: Vec<ListedUpload>,
        /// Where to go on, unless these were the last.
        next: Option<UploadId>,
    },
    /// The last answer of a `DropUpload`: the upload was there, and is not any more.
    Dropped,
    /// The last answer of a task that failed. The connection goes on.
    Refused {
        /// Why.
        code: Code,
        /// Why, for a person. What is longer than texts may be is cut off as it is written.
        message: String,
        /// What the digest of the bytes is, where it is another than was said.
        actual: Option<Digest>,
    },
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The program and its version.
    pub agent: String,
    /// What the server can do beside this version of the protocol. Those that are not known mean nothing.
    pub capabilities: Vec<String>,
    /// How many tasks there may be at once on this connection.
    pub task_count_max: u32,
    /// The largest size of a blob that the server takes.
    pub blob_size_max: u64,
}

/// A blob as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedBlob {
    /// Its name.
    pub digest: Digest,
    /// Its size.
    pub size: u64,
    /// When it got its name, in seconds of Unix time.
    pub published: i64,
}

/// An upload as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedUpload {
    /// Its id.
    pub id: UploadId,
    /// How its blob is to be named.
    pub algorithm: Algorithm,
    /// The name of its blob, if the sender has said it.
    pub digest: Option<Digest>,
    /// The size of its blob.
    pub size: u64,
    /// Bytes of it that need not be sent again.
    pub verified: u64,
    /// When it last changed, in seconds of Unix time.
    pub used: i64,
    /// The blob that came of it, once it is finished.
    pub stored: Option<Digest>,
}

impl Answer {
    /// Appends the preamble and the header; a payload of `payload_len` bytes has to follow.
    ///
    /// # Panics
    ///
    /// If it is longer than the [limits](super::limits).
    pub fn write(&self, payload_len: u64, out: &mut Vec<u8>) {
        let message = messages::Answer { task: self.task.0, say: Some(self.say.message()) };
        frame::write(&message, payload_len, out);
    }

    pub(super) fn understand(message: messages::Answer) -> Result<Self, Bad> {
        let say = message.say.map_or(Err(Bad::UNKNOWN), Say::understand)?;
        Ok(Self { task: TaskId(message.task), say })
    }
}

impl Say {
    fn message(&self) -> messages::Say {
        match self {
            Self::Welcome(welcome) => messages::Say::Welcome(welcome.message()),
            Self::Closing { code, message } => messages::Say::Closing(messages::Closing {
                code: code.number(),
                message: fields::clipped(message),
            }),
            Self::Opened { upload, verified } => messages::Say::Opened(messages::Opened {
                upload: upload.as_bytes().to_vec(),
                verified: fields::range_messages(verified),
            }),
            Self::Again { segments, checkpoints, after_end } => messages::Say::Again(messages::Again {
                after_end: *after_end,
                segments: segments.clone(),
                checkpoints: *checkpoints,
            }),
            Self::Stored { digest, size, is_new, received } => messages::Say::Stored(messages::Stored {
                digest: Some(fields::digest_message(digest)),
                size: *size,
                is_new: *is_new,
                received: *received,
            }),
            Self::Found { size, checkpoint_count } => {
                messages::Say::Found(messages::Found { size: *size, checkpoint_count: *checkpoint_count })
            }
            Self::Checkpoints { first, entries } => messages::Say::Checkpoints(messages::Checkpoints {
                first: *first,
                entries: entries.as_flattened().to_vec(),
            }),
            Self::Data { offset, size, end } => {
                messages::Say::Data(messages::Data { offset: *offset, size: *size, end: *end })
            }
            Self::Done => messages::Say::Done(messages::Done {}),
            Self::Presence { present } => {
                messages::Say::Presence(messages::Presence { present: present.clone() })
            }
            Self::Described { size, published, checkpoint_count } => {
                messages::Say::Described(messages::Described {
                    size: *size,
                    published: *published,
                    checkpoint_count: *checkpoint_count,
                })
            }
            Self::Listed { blobs, next } => messages::Say::Listed(messages::Listed {
                blobs: blobs.iter().map(ListedBlob::message).collect(),
                next: next.as_ref().map(fields::digest_message),
            }),
            Self::Removed => messages::Say::Removed(messages::Removed {}),
            Self::Uploads { uploads, next } => messages::Say::Uploads(messages::Uploads {
                uploads: uploads.iter().map(ListedUpload::message).collect(),
                next: fields::upload_id_bytes(*next),
            }),
            Self::Dropped => messages::Say::Dropped(messages::Dropped {}),
            Self::Refused { code, message, actual } => messages::Say::Refused(messages::Refused {
                code: code.number(),
                message: fields::clipped(message),
                actual: actual.as_ref().map(fields::digest_message),
            }),
        }
    }

    fn understand(message: messages::Say) -> Result<Self, Bad> {
        Ok(match message {
            messages::Say::Welcome(welcome) => Self::Welcome(Welcome::understand(welcome)),
            messages::Say::Closing(closing) => {
                Self::Closing { code: Code::from_number(closing.code), message: closing.message }
            }
            messages::Say::Opened(opened) => Self::Opened {
                upload: fields::upload_id(&opened.upload)?,
                verified: fields::ranges(&opened.verified)?,
            },
            messages::Say::Again(again) => {
                let messages::Again { segments, checkpoints, after_end } = again;
                Self::Again { segments, checkpoints, after_end }
            }
            messages::Say::Stored(stored) => Self::Stored {
                digest: fields::digest(stored.digest)?,
                size: stored.size,
                is_new: stored.is_new,
                received: stored.received,
            },
            messages::Say::Found(found) => {
                Self::Found { size: found.size, checkpoint_count: found.checkpoint_count }
            }
            messages::Say::Checkpoints(checkpoints) => {
                let (first, entries) = fields::checkpoints(&checkpoints)?;
                Self::Checkpoints { first, entries }
            }
            messages::Say::Data(data) => Self::Data { offset: data.offset, size: data.size, end: data.end },
            messages::Say::Done(messages::Done {}) => Self::Done,
            messages::Say::Presence(presence) => Self::Presence { present: presence.present },
            messages::Say::Described(described) => Self::Described {
                size: described.size,
                published: described.published,
                checkpoint_count: described.checkpoint_count,
            },
            messages::Say::Listed(listed) => Self::Listed {
                blobs: listed.blobs.into_iter().map(ListedBlob::understand).collect::<Result<_, _>>()?,
                next: fields::digest_if_any(listed.next)?,
            },
            messages::Say::Removed(messages::Removed {}) => Self::Removed,
            messages::Say::Uploads(uploads) => Self::Uploads {
                uploads: uploads
                    .uploads
                    .into_iter()
                    .map(ListedUpload::understand)
                    .collect::<Result<_, _>>()?,
                next: fields::upload_id_if_any(&uploads.next)?,
            },
            messages::Say::Dropped(messages::Dropped {}) => Self::Dropped,
            messages::Say::Refused(refused) => Self::Refused {
                code: Code::from_number(refused.code),
                message: refused.message,
                actual: fields::digest_if_any(refused.actual)?,
            },
        })
    }
}

impl Welcome {
    fn message(&self) -> messages::Welcome {
        messages::Welcome {
            agent: self.agent.clone(),
            capabilities: self.capabilities.clone(),
            task_count_max: self.task_count_max,
            blob_size_max: self.blob_size_max,
        }
    }

    fn understand(message: messages::Welcome) -> Self {
        Self {
            agent: message.agent,
            capabilities: message.capabilities,
            task_count_max: message.task_count_max,
            blob_size_max: message.blob_size_max,
        }
    }
}

impl ListedBlob {
    fn message(&self) -> messages::Blob {
        messages::Blob {
            digest: Some(fields::digest_message(&self.digest)),
            size: self.size,
            published: self.published,
        }
    }

    fn understand(message: messages::Blob) -> Result<Self, Bad> {
        let digest = fields::digest(message.digest)?;
        Ok(Self { digest, size: message.size, published: message.published })
    }
}

impl ListedUpload {
    fn message(&self) -> messages::Upload {
        messages::Upload {
            id: self.id.as_bytes().to_vec(),
            algorithm: fields::algorithm_number(self.algorithm),
            digest: self.digest.as_ref().map(fields::digest_message),
            size: self.size,
            verified: self.verified,
            used: self.used,
            stored: self.stored.as_ref().map(fields::digest_message),
        }
    }

    fn understand(message: messages::Upload) -> Result<Self, Bad> {
        Ok(Self {
            id: fields::upload_id(&message.id)?,
            algorithm: fields::algorithm(message.algorithm)?,
            digest: fields::digest_if_any(message.digest)?,
            size: message.size,
            verified: message.verified,
            used: message.used,
            stored: fields::digest_if_any(message.stored)?,
        })
    }
}

#[cfg(test)]
mod tests;
