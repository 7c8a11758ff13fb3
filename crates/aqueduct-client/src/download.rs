//! A blob, or a part of one, on its way here.

use std::fmt;
use std::fs::File;

use aqueduct_blob::Digest;
use aqueduct_flow::Carried;

use crate::error::Error;
use crate::http::HttpDownload;
use crate::native::NativeDownload;

/// A blob, or a part of one, on its way. Take its bytes with [`read`](Self::read) or all with
/// [`receive`](Self::receive).
///
/// A whole blob is hashed as it comes, and held against its digest at its end. Over the native protocol each of its
/// segments is held against the blob's checkpoints besides, and fetched again where it was damaged on its way. A part
/// cannot be verified: its bytes are those that the server sent.
pub struct Download<'c> {
    pub(crate) digest: Digest,
    pub(crate) spoken: Spoken<'c>,
}

/// How it comes.
pub(crate) enum Spoken<'c> {
    Http(Box<HttpDownload<'c>>),
    Native(Box<NativeDownload<'c>>),
}

impl Download<'_> {
    /// How many bytes are still to come; `None` where the server did not say.
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        match &self.spoken {
            Spoken::Http(http) => http.len(),
            Spoken::Native(native) => Some(native.len()),
        }
    }

    /// Whether nothing is to come any more.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Reads the next bytes; 0 is the end, and of a whole blob says that it was verified. Until then what was read may
    /// be wrong.
    ///
    /// # Errors
    ///
    /// `Mismatch` at the end of a blob whose bytes were wrong. See the other kinds.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        match &mut self.spoken {
            Spoken::Http(http) => http.read(buffer),
            Spoken::Native(native) => native.read(buffer),
        }
    }

    /// Receives everything into `file`, from its start on, and says after each step how many bytes that brought.
    ///
    /// `file` is open for reading and writing. After an error it is worthless.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and `Local` where the file cannot be written.
    pub fn receive(self, file: &File, observe: &mut dyn FnMut(u64)) -> Result<Received, Error> {
        match self.spoken {
            Spoken::Http(http) => http.receive(file, observe),
            Spoken::Native(native) => native.receive(file, observe),
        }
    }
}

impl fmt::Debug for Download<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.len();
        f.debug_struct("Download").field("digest", &self.digest).field("left", &left).finish_non_exhaustive()
    }
}

/// A download that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// How many bytes came.
    pub len: u64,
    /// Whether they are a whole blob, whose digest was right.
    pub is_verified: bool,
    /// The routes that carried them. What came in one packet with a head is not among them.
    pub carried: Carried,
}
