//! Downloads: what breaks goes on where it stopped, and what is whole is verified.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;

use aqueduct_blob::{Digest, Hasher};
use aqueduct_flow::{Carried, Intake};
use http::{Method, StatusCode};

use crate::client::Client;
use crate::connection::closed_early;
use crate::error::{Error, ErrorKind};
use crate::patience::Patience;
use crate::questions::target;
use crate::response::Response;

/// A blob, or a part of one, on its way. Take its bytes with [`read`](Self::read) or all with
/// [`receive`](Self::receive).
///
/// A whole blob is hashed as it comes, and held against its digest at its end. A part cannot be verified: its bytes are
/// those that the server sent.
pub struct Download<'c> {
    client: &'c Client,
    digest: Digest,
    /// `None` after it broke.
    response: Option<Response<'c>>,
    /// Where the next byte belongs in the blob.
    offset: u64,
    /// The end of what was asked for, as far as it is known.
    end: Option<u64>,
    /// `None` for a part.
    hasher: Option<Hasher>,
    patience: Patience,
    /// The server has answered once.
    has_begun: bool,
}

impl fmt::Debug for Download<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { digest, offset, end, .. } = self;
        f.debug_struct("Download")
            .field("digest", digest)
            .field("offset", offset)
            .field("end", end)
            .finish_non_exhaustive()
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

impl Client {
    /// Asks for a blob, or the part of it that is `part`; `None` if the server does not have it.
    ///
    /// `part` lies within the blob: see [`size`](Self::size).
    ///
    /// # Errors
    ///
    /// [`Error`]; see its kinds.
    ///
    /// # Panics
    ///
    /// If `part` is empty.
    pub fn get(&self, digest: &Digest, part: Option<&Range<u64>>) -> Result<Option<Download<'_>>, Error> {
        let (offset, end, hasher) = match part {
            None => (0, None, Some(Hasher::new(digest.algorithm()))),
            Some(&Range { start, end }) => {
                assert!(start < end, "HTTP has no word for an empty range");
                (start, Some(end), None)
            }
        };
        let patience = Patience::new(self.options());
        let mut download = Download {
            client: self,
            digest: *digest,
            response: None,
            offset,
            end,
            hasher,
            patience,
            has_begun: false,
        };
        match self.persist(|| download.request()) {
            Ok(response) => {
                download.response = Some(response);
                download.has_begun = true;
            }
            Err(error) if error.kind() == ErrorKind::Absent => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok(Some(download))
    }
}

impl<'c> Download<'c> {
    /// How many bytes are still to come; `None` where the server did not say.
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        self.end.map(|end| end.saturating_sub(self.offset))
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
        let len = self.step(|response, hasher, _| {
            let len = response.read(buffer)?;
            if let Some(hasher) = hasher {
                hasher.update(&buffer[..len]);
            }
            Ok(len)
        })?;
        if len == 0 {
            self.verify()?;
        }
        Ok(len)
    }

    /// Receives everything into `file`, from its start on, and says after each step how many bytes that brought.
    ///
    /// `file` is open for reading and writing. After an error it is worthless.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and `Local` where the file cannot be written.
    pub fn receive(mut self, file: &File, observe: &mut dyn FnMut(u64)) -> Result<Received, Error> {
        let start = self.offset;
        let mut intake = Intake::new(self.client.options().receive_route);
        loop {
            let len = self.step(|response, mut hasher, offset| {
                response.receive(&mut intake, file, offset - start, &mut |bytes| {
                    if let Some(hasher) = &mut hasher {
                        hasher.update(bytes);
                    }
                })
            })?;
            if len == 0 {
                break;
            }
            observe(len as u64);
        }
        self.verify()?;
        let (len, is_verified) = (self.offset - start, self.hasher.is_some());
        let carried = intake.finish(file, len).map_err(|error| Error::local("end the file", error))?;
        Ok(Received { len, is_verified, carried })
    }

    /// Lets `take` move some bytes, given where they belong; over a new connection if the last one broke.
    fn step(
        &mut self,
        mut take: impl FnMut(&mut Response<'_>, Option<&mut Hasher>, u64) -> io::Result<usize>,
    ) -> Result<usize, Error> {
        loop {
            let error = match self.try_step(&mut take) {
                Ok(len) => {
                    if len > 0 {
                        self.patience.refresh();
                    }
                    return Ok(len);
                }
                Err(error) => error,
            };
            self.response = None;
            if !error.is_retryable() || !self.patience.wait() {
                return Err(error);
            }
        }
    }

    fn try_step(
        &mut self,
        take: &mut impl FnMut(&mut Response<'_>, Option<&mut Hasher>, u64) -> io::Result<usize>,
    ) -> Result<usize, Error> {
        let response = match self.response.take() {
            Some(response) => response,
            None => self.request()?,
        };
        let taken = take(self.response.insert(response), self.hasher.as_mut(), self.offset);
        // Where a step fails halfway, what was hashed is what arrived.
        self.offset = match (&self.hasher, &taken) {
            (Some(hasher), _) => hasher.size(),
            (None, Ok(len)) => self.offset + *len as u64,
            (None, Err(_)) => self.offset,
        };
        let len = taken.map_err(|error| Error::moving(self.client.endpoint(), error))?;
        match self.end {
            Some(end) if self.offset > end => Err(self.nonsense("it sends more than was asked for")),
            Some(end) if len == 0 && self.offset < end => {
                Err(Error::moving(self.client.endpoint(), closed_early()))
            }
            _ => Ok(len),
        }
    }

    /// Asks for what is still to come.
    fn request(&mut self) -> Result<Response<'c>, Error> {
        let client = self.client;
        let head = client.head(&Method::GET, &target(&self.digest));
        let is_whole = self.hasher.is_some() && self.offset == 0;
        let head = match (is_whole, self.end) {
            (true, _) => head,
            (false, Some(end)) => head.field("Range", format_args!("bytes={}-{}", self.offset, end - 1)),
            (false, None) => head.field("Range", format_args!("bytes={}-", self.offset)),
        };
        // What goes on was vouched for when it began.
        let options = client.options();
        let wait = if self.has_begun { options.timeout } else { options.answer_timeout };
        let response = client.ask_within(&Method::GET, &head.finish(), wait)?;
        match response.status() {
            StatusCode::OK if is_whole => self.end = response.body().len(),
            StatusCode::OK => return Err(self.nonsense("it sends the whole blob for a part of it")),
            StatusCode::PARTIAL_CONTENT if !is_whole => {
                let range = response.head.content_range.as_ref().map(|it| it.range.clone());
                let range = range.ok_or_else(|| self.nonsense("its answer has no Content-Range"))?;
                let is_right = range.start == self.offset && self.end.is_none_or(|end| range.end == end);
                let len = range.end - range.start;
                if !is_right || response.body().len().is_some_and(|told| told != len) {
                    return Err(self.nonsense("it sends another range than was asked for"));
                }
                self.end = Some(range.end);
            }
            _ => return Err(response.failure()),
        }
        Ok(response)
    }

    fn nonsense(&self, what: &str) -> Error {
        Error::protocol(self.client.endpoint(), what)
    }

    fn verify(&self) -> Result<(), Error> {
        let Some(hasher) = &self.hasher else { return Ok(()) };
        let actual = hasher.clone().finish().digest;
        if actual == self.digest {
            return Ok(());
        }
        Err(Error::received_other(self.client.endpoint(), &self.digest, &actual))
    }
}
