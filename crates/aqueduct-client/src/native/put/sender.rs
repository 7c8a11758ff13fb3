//! One line that segments go out over.
//!
//! Before a segment is begun, the checkpoint that it begins from has gone over the same line. So the receiver can verify
//! segments in any order, from any of the lines, and of damage it has to ask for one segment again: the next one begins
//! where the sender says that this one should have ended.

mod assisting;
mod leading;

use std::time::{Duration, Instant};

use aqueduct_blob::{Algorithm, Digest, UploadId, segment_range};
use aqueduct_wire::native::{Ask, Code, Put, Say, TaskId};

use super::ledger::{Ledger, Next};
use crate::error::{Error, Mend};
use crate::native::NativeClient;
use crate::native::line::{Heard, Line};
use crate::patience::Patience;
use crate::source::Source;
use crate::uploaded::Observe;

/// What all lines of an upload share.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    pub(super) client: &'a NativeClient,
    pub(super) source: &'a Source,
    pub(super) algorithm: Algorithm,
    pub(super) digest: Option<Digest>,
    pub(super) id: UploadId,
    pub(super) ledger: &'a Ledger,
}

/// What came of an upload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) digest: Digest,
    pub(super) is_new: bool,
}

/// One of the lines of an upload: the one that leads, or one beside it.
pub(super) struct Sender<'a> {
    shared: Shared<'a>,
    patience: Patience,
    /// Segments that were sent over a line that is open, or was until it broke: the server has said nothing of them yet.
    in_flight: Vec<u64>,
    /// The most that the server had verified when a line was opened.
    verified_len: u64,
    /// It ends the upload, and asks whether there is any need for it.
    is_leading: bool,
}

/// A line on which the upload is open.
struct Open {
    line: Line,
    task: TaskId,
    /// How many entries of the list went over it.
    claimed: usize,
    /// The task that asks whether the blob is there, and whether there was one.
    question: Option<TaskId>,
    /// It has no answer yet.
    is_asking: bool,
    /// The end was said once: that the blob is there now says nothing of who stored it.
    has_ended: bool,
    /// When something was last said only to show life.
    shown: Instant,
}

impl<'a> Sender<'a> {
    pub(super) fn new(shared: Shared<'a>) -> Self {
        let patience = Patience::new(&shared.client.site.options);
        Self { shared, patience, in_flight: Vec::new(), verified_len: 0, is_leading: false }
    }

    /// Opens the upload over a new line, and accounts for what went over the last one.
    fn open(&mut self) -> Result<Opened, Error> {
        let Shared { client, source, algorithm, digest, id, ledger } = self.shared;
        let mut line = client.open()?;
        let mut has_dropped = false;
        loop {
            let task = line.task();
            line.say(task, Ask::Put(Put { algorithm, digest, size: Some(source.size()), upload: Some(id) }));
            let heard = line.hear(client.site.options.answer_timeout)?;
            match heard.say {
                _ if heard.task != task => return Err(line.nonsense("it answers what was not asked")),
                Say::Opened { verified, .. } => {
                    ledger.open(&verified);
                    let lost = self.in_flight.drain(..).filter(|&index| !ledger.lies_in(index, &verified));
                    ledger.put_back(lost);
                    let verified_len = verified.iter().map(|range| range.end - range.start).sum();
                    if verified_len > self.verified_len {
                        self.patience.refresh();
                        self.verified_len = verified_len;
                    }
                    return Ok(Opened::Open(Box::new(Open {
                        line,
                        task,
                        claimed: 0,
                        question: None,
                        is_asking: false,
                        has_ended: false,
                        shown: Instant::now(),
                    })));
                }
                // Finished before, or the blob is there.
                Say::Stored { digest: stored, is_new, .. } => {
                    return Ok(Opened::Stored(self.stored(&stored, is_new)?));
                }
                // Whatever it is an upload of, it is none of this file.
                Say::Refused { code: Code::Conflict, .. } if !has_dropped => {
                    client.drop_upload(id)?;
                    has_dropped = true;
                }
                other => return Err(client.failure(&other)),
            }
        }
    }

    /// Sends segments until there are none left to take. `Some` if the blob proves to be there.
    fn send_all(&mut self, open: &mut Open, told: &mut Told<'_>) -> Result<Option<Sent>, Error> {
        let ledger = self.shared.ledger;
        while !ledger.is_over() {
            while let Some(heard) = open.line.hear_if_any()? {
                if let Some(sent) = self.heard(open, &heard)? {
                    return Ok(Some(sent));
                }
            }
            self.claim(open);
            self.inquire(open)?;
            let sent = match ledger.next(open.claimed) {
                Next::Segment(index) => {
                    self.in_flight.push(index);
                    self.send_segment(open, index, told)?
                }
                Next::Wait => self.wait_for_entries(open)?,
                Next::Nothing => break,
            };
            if sent.is_some() {
                return Ok(sent);
            }
        }
        Ok(None)
    }

    /// Asks once whether the blob is there, if its digest becomes known before everything is sent.
    fn inquire(&self, open: &mut Open) -> Result<(), Error> {
        if self.is_leading
            && self.shared.digest.is_none()
            && open.question.is_none()
            && !open.has_ended
            && let Some(digest) = self.shared.ledger.digest()?
        {
            let task = open.line.task();
            open.line.say(task, Ask::Has { digests: vec![digest] });
            open.question = Some(task);
            open.is_asking = true;
        }
        Ok(())
    }

    fn send_segment(
        &mut self,
        open: &mut Open,
        index: u64,
        told: &mut Told<'_>,
    ) -> Result<Option<Sent>, Error> {
        let segment = segment_range(self.shared.source.size(), index);
        let mut offset = segment.start;
        while offset < segment.end {
            let end = segment.end.min(offset + FRAME_LEN);
            let extent = self.shared.source.extent(offset..end);
            open.line.say_extent(open.task, Ask::Data { offset }, extent);
            // The next frame is queued before this one is gone.
            while let Some(heard) = open.line.send_down_to(FRAME_LEN)? {
                if let Some(sent) = self.heard(open, &heard)? {
                    return Ok(Some(sent));
                }
            }
            self.shared.ledger.add_sent(end - offset);
            told.tell();
            offset = end;
        }
        Ok(None)
    }

    /// Says which checkpoints were found meanwhile.
    fn claim(&self, open: &mut Open) {
        loop {
            let entries = self.shared.ledger.entries_from(open.claimed);
            if entries.is_empty() {
                return;
            }
            let first = open.claimed as u64;
            open.claimed += entries.len();
            open.line.say(open.task, Ask::Checkpoints { first, entries });
        }
    }

    /// Waits for whoever hashes, and lets the server hear of it now and then.
    fn wait_for_entries(&mut self, open: &mut Open) -> Result<Option<Sent>, Error> {
        self.shared.ledger.digest()?;
        while let Some(heard) = open.line.send_down_to(0)? {
            if let Some(sent) = self.heard(open, &heard)? {
                return Ok(Some(sent));
            }
        }
        self.shared.ledger.wait_for_entries(open.claimed, WATCH_EVERY);
        self.claim(open);
        Ok(None)
    }

    /// Takes an answer. `Some` if the blob is there.
    fn heard(&mut self, open: &mut Open, heard: &Heard) -> Result<Option<Sent>, Error> {
        if heard.payload_len > 0 || heard.task != open.task && Some(heard.task) != open.question {
            return Err(open.line.nonsense("it answers what was not asked"));
        }
        match &heard.say {
            Say::Again { segments, checkpoints: false, .. } if segments.is_empty() => {
                Err(open.line.nonsense("it asks for something again, and not what"))
            }
            Say::Again { segments, checkpoints, .. } => {
                if !self.shared.ledger.again(segments) {
                    return Err(open.line.nonsense("it asks for the same segment again and again"));
                }
                if *checkpoints {
                    if !self.shared.ledger.list_again() {
                        return Err(open.line.nonsense("it asks for the checkpoints again and again"));
                    }
                    open.claimed = 0;
                }
                Ok(None)
            }
            Say::Stored { digest, is_new, .. } => self.stored(digest, *is_new).map(Some),
            Say::Presence { present } if open.is_asking && present.len() == 1 => {
                open.is_asking = false;
                if !present[0] || open.has_ended {
                    return Ok(None);
                }
                self.abandon(&mut open.line);
                Ok(Some(Sent { digest: self.found_digest()?, is_new: false }))
            }
            // Somebody dropped it: it has to begin anew.
            // And what other lines said of the list is forgotten when it is asked for again.
            Say::Refused { code: Code::NoSuchUpload | Code::StateUnknown, .. } => {
                Err(self.shared.client.failure(&heard.say).mended_by(Mend::Connection))
            }
            other => Err(self.shared.client.failure(other)),
        }
    }

    /// Drops what was sent, which is of no use. If that cannot be said, it expires.
    fn abandon(&self, line: &mut Line) {
        // The task of the upload, too, may have something to say still.
        line.spoil();
        let _ = self.drop_over(line);
    }

    fn drop_over(&self, line: &mut Line) -> Result<(), Error> {
        let task = line.task();
        line.say(task, Ask::DropUpload { upload: self.shared.id });
        // As long as there is something to hear nothing is sent by itself, and there may be for ever.
        line.push()?;
        let until = Instant::now() + self.shared.client.site.options.timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let heard = line.hear(left)?;
            if heard.task == task || heard.payload_len > 0 || left.is_zero() {
                return Ok(());
            }
        }
    }

    /// Holds what the server has stored against what this side found.
    fn stored(&self, stored: &Digest, is_new: bool) -> Result<Sent, Error> {
        let digest = self.found_digest()?;
        if digest != *stored {
            return Err(Error::stored_other(&self.shared.client.site.endpoint, &digest, stored));
        }
        Ok(Sent { digest, is_new })
    }

    /// Waits until the file is hashed.
    fn found_digest(&self) -> Result<Digest, Error> {
        loop {
            if let Some(digest) = self.shared.ledger.digest()? {
                return Ok(digest);
            }
            self.shared.ledger.wait_for_entries(usize::MAX, WATCH_EVERY);
        }
    }
}

/// What an upload is found to be when it is opened.
enum Opened {
    Open(Box<Open>),
    Stored(Sent),
}

/// How much the caller was told of: what was there, and what was sent. What is sent again is not told again.
struct Told<'a> {
    observe: &'a mut Observe<'a>,
    ledger: &'a Ledger,
    /// What the server had at first.
    base: Option<u64>,
    len: u64,
}

impl Told<'_> {
    fn tell(&mut self) {
        let len = self.ledger.size().min(self.base.unwrap_or(0).saturating_add(self.ledger.sent_len()));
        if len > self.len {
            (self.observe)(len - self.len);
            self.len = len;
        }
    }
}

/// A segment is four of them: as long as a frame is, nothing else can be said.
const FRAME_LEN: u64 = 1 << 20;

/// How long nobody looks up who waits for something on this side.
const WATCH_EVERY: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
