//! One file, whole or in parts.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aqueduct_flow::{Extent, SendQueue, SendRoute};
use aqueduct_sys::Timestamp;
use aqueduct_wire::http1::{
    ContentRange, HeadWriter, Multipart, Ranges, attachment, matches_if_range, matches_strong, matches_weak,
    resolve_ranges,
};
use aqueduct_wire::transfer::Identity;
use http::{Method, StatusCode};

use super::super::peer::Peer;
use super::Shelf;
use super::answer::{Answer, end_head, head};
use super::asked::Asked;
use super::delivered::Turn;
use crate::source::Opened;
use crate::{Error, ErrorKind};

/// A file that was asked for.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) names: &'a [Vec<u8>],
    pub(super) opened: Opened,
    pub(super) identity: Identity,
    pub(super) mtime: Timestamp,
}

/// What follows a head.
#[derive(Debug)]
enum Piece {
    Memory(Vec<u8>),
    Part(Range<u64>),
}

impl Shelf {
    /// Sends what was asked for of a file. Notes what of it was acknowledged, even where the connection is lost on the way.
    pub(super) fn send_file(
        &self,
        peer: &mut Peer<'_>,
        asked: &Asked,
        file: &Shown<'_>,
    ) -> Result<(), Error> {
        let etag = format!("\"{:?}\"", file.identity);
        if asked.if_match.as_ref().is_some_and(|list| !matches_strong(list, &etag)) {
            return Answer::refusal(StatusCode::PRECONDITION_FAILED, "it is another file by now")
                .send(peer, Some(asked));
        }
        if asked.if_none_match.as_ref().is_some_and(|list| matches_weak(list, &etag)) {
            let head = head(StatusCode::NOT_MODIFIED).field("ETag", &etag);
            return send_memory(peer, end_head(head, Some(asked)));
        }
        let is_same = asked.if_range.as_ref().is_none_or(|tag| matches_if_range(tag, &etag));
        // RFC 9110 section 14.2: no other method than GET knows a range.
        let range = asked.range.as_deref().filter(|_| is_same && asked.method == Method::GET);
        let size = file.opened.size();
        let described = |status| file.describe(status, &etag);
        let (head, pieces) = match resolve_ranges(range, size) {
            Ranges::Whole => {
                let head = file.name(described(StatusCode::OK)).field("Content-Length", size);
                (head, vec![Piece::Part(0..size)])
            }
            Ranges::One(range) => {
                let content_range = ContentRange { range: range.clone(), size: Some(size) };
                let head = file
                    .name(described(StatusCode::PARTIAL_CONTENT))
                    .field("Content-Range", content_range)
                    .field("Content-Length", range.end - range.start);
                (head, vec![Piece::Part(range)])
            }
            Ranges::Many(ranges) => {
                let (pieces, len) = multipart(file.identity, size, &ranges);
                let content_type = format!("multipart/byteranges; boundary={}", boundary(file.identity));
                let head = described(StatusCode::PARTIAL_CONTENT)
                    .field("Content-Type", content_type)
                    .field("Content-Length", len);
                (head, pieces)
            }
            Ranges::Unsatisfiable => {
                return Answer::refusal(StatusCode::RANGE_NOT_SATISFIABLE, "it has no such bytes")
                    .field("Content-Range", ContentRange::unsatisfied(size))
                    .send(peer, Some(asked));
            }
        };
        let head = end_head(head, Some(asked));
        if asked.method == Method::HEAD {
            return send_memory(peer, head);
        }
        let mut credit = Credit { shelf: self, file, turn: self.begin(), waiting: VecDeque::new() };
        let sent = credit.send(peer, head, pieces);
        credit.note(peer, sent.is_ok())?;
        sent
    }
}

impl Shown<'_> {
    fn describe(&self, status: StatusCode, etag: &str) -> HeadWriter {
        let head = head(status)
            .field("ETag", etag)
            .field("Accept-Ranges", "bytes")
            // Whatever it holds, a browser shall not run it.
            .field("Content-Security-Policy", "sandbox; default-src 'none'");
        // There is no word for a time before 1970.
        match u64::try_from(self.mtime.seconds) {
            Ok(seconds) if seconds < DATE_MAX => {
                let date = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
                head.field("Last-Modified", httpdate::fmt_http_date(date))
            }
            _ => head,
        }
    }

    fn name(&self, head: HeadWriter) -> HeadWriter {
        let name = self.names.last().map_or(&b""[..], |name| name);
        head.field("Content-Type", FILE_TYPE).field("Content-Disposition", attachment(name))
    }

    fn path(&self) -> Vec<u8> {
        self.names.join(&b'/')
    }

    fn check(&self) -> Result<(), Error> {
        let shown = || self.path().escape_ascii().to_string();
        let is_unchanged = self.opened.is_unchanged();
        match is_unchanged.map_err(|error| Error::source_file(format!("cannot read {}", shown()), error))? {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Changed, format!("{} changed while it was sent", shown()))),
        }
    }
}

/// Parts of a file on their way, which count once they are acknowledged.
struct Credit<'a> {
    shelf: &'a Shelf,
    file: &'a Shown<'a>,
    /// Whose it is.
    turn: Turn,
    /// Ranges, each with how many bytes the connection had been given before it.
    waiting: VecDeque<(u64, Range<u64>)>,
}

impl Credit<'_> {
    fn send(&mut self, peer: &mut Peer<'_>, head: Vec<u8>, pieces: Vec<Piece>) -> Result<(), Error> {
        let mut queue = SendQueue::to_socket(SendRoute::Sendfile);
        queue.push_memory(head);
        for piece in pieces {
            let range = match piece {
                Piece::Memory(bytes) => {
                    queue.push_memory(bytes);
                    continue;
                }
                Piece::Part(range) => range,
            };
            let mut offset = range.start;
            while offset < range.end {
                // The last step is a short one, so that little is sent after the last look at whether it is still the same.
                let left = range.end - offset;
                let len = if left > LAST_LEN { STEP_LEN.min(left - LAST_LEN) } else { left };
                self.file.check()?;
                self.waiting.push_back((peer.sent() + queue.remaining(), offset..offset + len));
                queue.push_extent(Extent::new(Arc::clone(self.file.opened.file()), offset..offset + len));
                peer.send(&mut queue, false)?;
                self.note(peer, false)?;
                offset += len;
            }
        }
        peer.send(&mut queue, false)?;
        self.file.check()?;
        peer.settle()
    }

    /// Notes what was acknowledged, which was given, whatever comes after: a receiver that breaks off goes on from there. It may
    /// have read less, and asks for that again; so the last byte counts only where `is_settled`, when nothing broke.
    fn note(&mut self, peer: &mut Peer<'_>, is_settled: bool) -> Result<(), Error> {
        let size = self.file.opened.size();
        let end = if is_settled { size } else { size.saturating_sub(1) };
        let acked = peer.acked()?;
        while let Some((before, range)) = self.waiting.pop_front() {
            let given = acked.saturating_sub(before);
            let middle = range.start.saturating_add(given).min(range.end).min(end);
            self.add(peer, range.start..middle);
            if middle < range.end {
                self.waiting.push_front((before + (middle - range.start), middle..range.end));
                return Ok(());
            }
        }
        if size == 0 && is_settled {
            self.add(peer, 0..0);
        }
        Ok(())
    }

    fn add(&self, peer: &mut Peer<'_>, range: Range<u64>) {
        let Shown { opened, identity, .. } = self.file;
        let Some(mut delivered) = self.shelf.deliver(peer, self.turn) else { return };
        let new = delivered.add(&self.file.path(), *identity, opened.size(), range);
        peer.manner.gauge.add_verified(new);
    }
}

fn send_memory(peer: &mut Peer<'_>, bytes: Vec<u8>) -> Result<(), Error> {
    let mut queue = SendQueue::to_socket(SendRoute::Copy);
    queue.push_memory(bytes);
    peer.send(&mut queue, false)
}

/// Returns the pieces and their total length.
fn multipart(identity: Identity, size: u64, ranges: &[Range<u64>]) -> (Vec<Piece>, u64) {
    let Multipart { parts, end, len } = Multipart::new(ranges, size, FILE_TYPE, &boundary(identity));
    let pieces = parts.into_iter().flat_map(|(head, range)| [Piece::Memory(head), Piece::Part(range)]);
    (pieces.chain([Piece::Memory(end)]).collect(), len)
}

/// A file that contained this would contain a hash of its own times.
fn boundary(identity: Identity) -> String {
    format!("aqueduct-{identity:?}")
}

/// Whatever it is: its receiver knows.
const FILE_TYPE: &str = "application/octet-stream";

/// After so many bytes it is looked at again, and what was acknowledged is noted.
const STEP_LEN: u64 = 4 << 20;

/// What is sent after the last look.
const LAST_LEN: u64 = 64 << 10;

/// The year 9999, the last that a date has room for.
const DATE_MAX: u64 = 253_402_300_800;

#[cfg(test)]
mod tests;
