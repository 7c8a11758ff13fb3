//! Downloads: what breaks goes on where it stopped, and what is whole is verified.

use std::fs::File;
use std::io;
use std::ops::Range;

use aqueduct_blob::{Digest, Hasher};
use aqueduct_flow::Intake;
use http::{Method, StatusCode};

use crate::download::Received;
use crate::error::{Error, ErrorKind};
use crate::http::HttpClient;
use crate::http::connection::closed_early;
use crate::http::questions::target;
use crate::http::response::Response;
use crate::patience::Patience;

/// A blob, or a part of one, on its way.
pub(crate) struct HttpDownload<'c> {
    client: &'c HttpClient,
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

impl HttpClient {
    /// Asks for a blob, or a part of it that is not empty; `None` if the server does not have it.
    pub(crate) fn get(
        &self,
        digest: &Digest,
        part: Option<&Range<u64>>,
    ) -> Result<Option<HttpDownload<'_>>, Error> {
        let (offset, end, hasher) = match part {
            None => (0, None, Some(Hasher::new(digest.algorithm()))),
            Some(&Range { start, end }) => (start, Some(end), None),
        };
        let patience = Patience::new(&self.site.options);
        let mut download = HttpDownload {
            client: self,
            digest: *digest,
            response: None,
            offset,
            end,
            hasher,
            patience,
            has_begun: false,
        };
        match self.site.persist(|_| download.request()) {
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

impl<'c> HttpDownload<'c> {
    /// How many bytes are still to come; `None` where the server did not say.
    pub(crate) fn len(&self) -> Option<u64> {
        self.end.map(|end| end.saturating_sub(self.offset))
    }

    /// Reads the next bytes; 0 is the end, and of a whole blob says that it was verified.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
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
    pub(crate) fn receive(mut self, file: &File, observe: &mut dyn FnMut(u64)) -> Result<Received, Error> {
        let start = self.offset;
        let mut intake = Intake::new(self.client.site.options.receive_route);
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
            match self.try_step(&mut take) {
                Ok(len) => {
                    if len > 0 {
                        self.patience.refresh();
                    }
                    return Ok(len);
                }
                Err(error) => {
                    self.response = None;
                    self.client.site.wait_after(error, &mut self.patience)?;
                }
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
        let len = taken.map_err(|error| Error::moving(&self.client.site.endpoint, error))?;
        match self.end {
            Some(end) if self.offset > end => Err(self.nonsense("it sends more than was asked for")),
            Some(end) if len == 0 && self.offset < end => {
                Err(Error::moving(&self.client.site.endpoint, closed_early()))
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
        let options = &client.site.options;
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
        Error::protocol(&self.client.site.endpoint, what)
    }

    fn verify(&self) -> Result<(), Error> {
        let Some(hasher) = &self.hasher else { return Ok(()) };
        let actual = hasher.clone().finish().digest;
        if actual == self.digest {
            return Ok(());
        }
        Err(Error::received_other(&self.client.site.endpoint, &self.digest, &actual))
    }
}
