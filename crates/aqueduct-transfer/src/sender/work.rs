//! What one stream does: it takes what comes next, sends it, and sees to it that it is hashed.

use std::ops::Range;
use std::sync::Arc;

use aqueduct_blob::{Digest, Record, SEGMENT_LEN, SegmentHasher, segment_range};
use aqueduct_wire::transfer::{Entry, Verify, Word};

use super::Attempt;
use super::outgoing::{Outgoing, Turn};
use super::queue::{Next, Pack};
use crate::line::{Given, Line};
use crate::source::{Opened, SourceFile};
use crate::{Error, ErrorKind, Event};

impl Attempt<'_> {
    /// Works for one stream until the attempt is over.
    pub(super) fn work(&self, line: &Line, is_first: bool) -> Result<(), Error> {
        let mut payload = Vec::new();
        loop {
            self.patience.check_stop()?;
            match self.queue.next(is_first) {
                Next::Announce(words) => {
                    for word in &words {
                        line.say(word)?;
                    }
                }
                Next::Pack(pack) => {
                    self.send_pack(line, pack, &mut payload)?;
                    self.queue.done();
                }
                Next::Segment(file, index) => {
                    self.send_segment(line, &file, index)?;
                    self.queue.done();
                }
                Next::End(file_count, left_count) => line.say(&Word::End { file_count, left_count })?,
                Next::Over => return Ok(()),
            }
        }
    }

    /// Hashes what is a chain before it is sent, until the attempt is over.
    pub(super) fn hash_ahead(&self) -> Result<(), Error> {
        while let Some((file, hasher)) = self.queue.next_ahead() {
            let index = hasher.index();
            match file.open() {
                // Whoever sends it comes to the same error.
                Ok(opened) => _ = hash(&file, &opened, hasher),
                Err(_) => file.leave(index),
            }
        }
        Ok(())
    }

    /// Sends small files, whole, in one frame. Those that cannot be read are left out.
    fn send_pack(&self, line: &Line, pack: Pack, payload: &mut Vec<u8>) -> Result<(), Error> {
        payload.clear();
        let mut files: Vec<Entry> = Vec::with_capacity(pack.files.len());
        for (entry, file) in pack.files {
            match file.read_small(payload) {
                Ok(()) => files.push(entry),
                Err(error) => {
                    self.leave(&path_bytes(&file), &error);
                    self.queue.uncount();
                }
            }
        }
        if files.is_empty() {
            return Ok(());
        }
        self.pace(payload.len() as u64)?;
        let (file_count, size) = (files.len() as u64, payload.len() as u64);
        let check = crate::pack_check(self.verify, self.sender.send.algorithm, payload);
        line.say_with(&Word::Pack { files, check }, payload)?;
        let digest = check.filter(|_| file_count == 1).zip(self.algorithm());
        self.queue.count(|tally| {
            tally.file_count += file_count;
            tally.size += size;
            tally.digest = digest.map(|(check, algorithm)| Digest::new(algorithm, check));
        });
        Ok(())
    }

    /// Sends what is to be sent of a segment, and hashes what is to be hashed.
    fn send_segment(&self, line: &Line, file: &Arc<Outgoing>, index: u64) -> Result<(), Error> {
        let sent = self.try_segment(line, file, index);
        match sent {
            Ok(()) => {}
            // The file is of no use any more; the others are.
            Err(error) if matches!(error.kind(), ErrorKind::Changed | ErrorKind::Source) => {
                self.give_up(line, file, &error)?;
            }
            Err(error) => return Err(error),
        }
        // Of one that was given up there is nothing to settle.
        if file.done() { self.settle(line, file) } else { Ok(()) }
    }

    fn try_segment(&self, line: &Line, file: &Outgoing, index: u64) -> Result<(), Error> {
        let range = segment_range(file.size(), index);
        let need = file.need(index);
        if !need.send && !need.hash {
            return Ok(());
        }
        let opened = file.open()?;
        if file.is_sent_again(index) && !opened.is_unchanged().unwrap_or(false) {
            return Err(changed(file.source()));
        }
        let data = opened.data_ranges(range.clone()).map_err(|error| cannot_read(file.source(), error))?;
        let mut crc = crc32fast::Hasher::new();
        if need.send {
            let frame_len = if self.sender.throttle.is_some() { PACED_FRAME_LEN } else { SEGMENT_LEN };
            for part in data.iter().flat_map(|data| parts(data.clone(), frame_len)) {
                self.pace(part.end - part.start)?;
                let word = Word::Bytes { entry: file.id(), offset: part.start };
                match line.say_extent(&word, opened.file(), part)? {
                    Given::Sent => {}
                    Given::Failed(error) => return Err(cannot_read(file.source(), error)),
                }
            }
        }
        let record = match self.verify {
            Verify::Full => Some(match file.turn(index, &self.patience)? {
                Turn::Hashed(record) => record,
                Turn::Yours(hasher) => hash(file, &opened, hasher)?,
            }),
            Verify::Wire => {
                crate::show_parts(opened.file(), &range, &data, &mut |bytes| crc.update(bytes))
                    .map_err(|error| cannot_read(file.source(), error))?;
                let after = crate::wire_check(crc.finalize());
                Some(Record { index, before: [0; 32], after })
            }
            Verify::None => None,
        };
        if need.send {
            let Record { before, after, .. } =
                record.unwrap_or(Record { index, before: [0; 32], after: [0; 32] });
            line.say(&Word::Sum { entry: file.id(), index, before, after })?;
        }
        Ok(())
    }

    /// All segments of a file were sent: it has not changed meanwhile, and this is its digest.
    fn settle(&self, line: &Line, file: &Outgoing) -> Result<(), Error> {
        let unchanged = file
            .open()
            .and_then(|opened| opened.is_unchanged().map_err(|error| cannot_read(file.source(), error)));
        match unchanged {
            Ok(true) => {}
            Ok(false) => return self.give_up(line, file, &changed(file.source())),
            Err(error) => return self.give_up(line, file, &error),
        }
        file.close();
        let hashed = match file.finish() {
            Ok(hashed) => hashed,
            Err(error) => return self.give_up(line, file, &error),
        };
        let digest = hashed.map(|hashed| hashed.digest);
        let is_new = !file.count();
        self.queue.count(|tally| {
            tally.file_count += u64::from(is_new);
            tally.size += if is_new { file.size() } else { 0 };
            tally.digest = digest;
        });
        let path = path_bytes(file.source());
        self.sender.watch.hear(&Event::File { path: &path, size: file.size(), digest });
        let digest = digest.map(|digest| *digest.as_bytes());
        line.say(&Word::Whole { entry: file.id(), size: file.size(), digest })
    }

    /// A file cannot be sent: the receiver drops what it has of it.
    fn give_up(&self, line: &Line, file: &Outgoing, why: &Error) -> Result<(), Error> {
        if file.give_up() {
            self.tell_left(&path_bytes(file.source()), why);
            self.queue.count(|tally| {
                tally.dropped_count += 1;
                tally.fail(why);
            });
            line.say(&Word::Changed { entry: file.id() })?;
        }
        Ok(())
    }

    /// Waits until so many bytes may be sent, if there is a limit.
    pub(super) fn pace(&self, len: u64) -> Result<(), Error> {
        self.patience.pace(self.sender.throttle.as_ref(), len)
    }
}

/// Hashes a segment of which `data` are the parts that are no holes.
fn hash(file: &Outgoing, opened: &Opened, mut hasher: SegmentHasher) -> Result<Record, Error> {
    let index = hasher.index();
    let range = segment_range(file.size(), index);
    let shown = opened
        .data_ranges(range.clone())
        .and_then(|data| crate::show_parts(opened.file(), &range, &data, &mut |bytes| hasher.update(bytes)));
    match shown {
        Ok(()) => Ok(file.land(hasher)),
        Err(error) => {
            file.leave(index);
            Err(cannot_read(file.source(), error))
        }
    }
}

/// What goes in one frame each.
fn parts(range: Range<u64>, len: u64) -> impl Iterator<Item = Range<u64>> {
    let Range { start, end } = range;
    (0..(end - start).div_ceil(len)).map(move |index| {
        let at = start + index * len;
        at..end.min(at + len)
    })
}

fn cannot_read(source: &SourceFile, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return changed(source).because(error);
    }
    Error::source_file(format!("cannot read {}", source.path().display()), error)
}

fn changed(source: &SourceFile) -> Error {
    Error::new(ErrorKind::Changed, format!("{} changed while it was sent", source.path().display()))
}

fn path_bytes(source: &SourceFile) -> Vec<u8> {
    crate::path_bytes(source.path())
}

/// What leaves at once where there is a limit to how many bytes do in a second. Otherwise it is all of a segment that is no hole:
/// each frame is one more head, and one more reservation at the receiver.
const PACED_FRAME_LEN: u64 = 1 << 20;
