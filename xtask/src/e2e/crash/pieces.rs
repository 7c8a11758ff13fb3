//! A client whose blobs come in pieces, by tus, and which goes on where it was when the server is back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, anyhow};

use super::breach::Breach;
use super::history::Known;
use super::http::{Body, Http, Reply};
use super::load::{Load, PIECES_SHARE, Trouble, ensure_status};
use crate::filler::Filler;

/// Every upload that was begun, the one under way last.
#[derive(Default)]
pub(super) struct Pieces(Mutex<Vec<Sent>>);

/// An upload, as its sender was told.
#[derive(Clone)]
pub(super) struct Sent {
    /// As `/uploads/ID`.
    pub(super) target: String,
    pub(super) index: usize,
    /// When the answer to its beginning came.
    pub(super) begun: u64,
    /// How far it was, and when that was heard.
    pub(super) told: Vec<(u64, u64)>,
    /// When the last piece was about to be sent: from then on it may be a blob.
    pub(super) ending: Option<u64>,
    /// When it was heard that it is a blob.
    pub(super) over: Option<u64>,
}

impl Sent {
    fn offset(&self) -> u64 {
        self.told.last().map_or(0, |(_, offset)| *offset)
    }
}

impl Pieces {
    pub(super) fn run(&self, load: &Load<'_>, host: &str, seed: u64) -> Result<()> {
        let mut http = Http::new(host);
        let mut random = Filler::new(seed ^ 0x7a5);
        let outcome = self.go_on(load, &mut http).and_then(|()| {
            while load.goes_on() {
                load.count();
                self.act(load, &mut http, &mut random)?;
            }
            Ok(())
        });
        outcome.or_else(|trouble| load.end(trouble)).context("an upload in pieces")
    }

    /// What was begun, for those who look later.
    pub(super) fn sent(&self) -> Vec<Sent> {
        self.all().clone()
    }

    /// Asks a new server where to go on: what it told before, but for a part of a segment, is promised.
    fn go_on(&self, load: &Load<'_>, http: &mut Http) -> Result<(), Trouble> {
        let Some(sent) = self.all().last().filter(|sent| sent.over.is_none()).cloned() else { return Ok(()) };
        let history = &load.histories[sent.index];
        if sent.ending.is_some() {
            // What was about to become a blob does so when it is asked for.
            history.begin(Known::Present, load.now());
        }
        let reply = http.ask("HEAD", &sent.target, &[TUS], Body::Nothing)?;
        ensure_status(reply.status, &[200], "an upload that a kill cut off")?;
        let offset = offset(&reply)?;
        if offset < sent.offset() / SEGMENT_LEN * SEGMENT_LEN {
            let told = format!("a segment was lost: it was at {}, and is at {offset}", sent.offset());
            return Err(Breach(told).into());
        }
        self.tell(offset, load.now());
        if reply.field("location").is_some() {
            history.found(Known::Present, load.now());
            self.end(load.now());
        } else {
            history.found(Known::Absent, load.now());
        }
        Ok(())
    }

    fn act(&self, load: &Load<'_>, http: &mut Http, random: &mut Filler) -> Result<(), Trouble> {
        let last = self.all().last().cloned();
        match last.filter(|sent| sent.over.is_none()) {
            None => self.begin(load, http),
            Some(sent) => {
                // Mostly more than a segment; not often the end of one.
                let len = usize::try_from(random.number() >> 41).expect("23 bits") + 1;
                self.send(load, http, &sent, len)
            }
        }
    }

    fn begin(&self, load: &Load<'_>, http: &mut Http) -> Result<(), Trouble> {
        let index = PIECES_SHARE.start + self.all().len() % PIECES_SHARE.len();
        if load.histories[index].known(load.now()) != Known::Absent {
            load.remove(http, index)?;
        }
        let size = load.contents[index].bytes.len().to_string();
        let reply = http.ask("POST", "/uploads", &[TUS, ("Upload-Length", &size)], Body::Whole(b""))?;
        ensure_status(reply.status, &[201], "an upload is begun")?;
        let target = reply.field("location").context("no Location")?.to_owned();
        let begun = load.now();
        self.all().push(Sent { target, index, begun, told: Vec::new(), ending: None, over: None });
        Ok(())
    }

    fn send(&self, load: &Load<'_>, http: &mut Http, sent: &Sent, len: usize) -> Result<(), Trouble> {
        let bytes = &load.contents[sent.index].bytes;
        let start = usize::try_from(sent.offset()).expect("of bytes in memory");
        let end = bytes.len().min(start + len);
        if end == bytes.len() {
            load.histories[sent.index].begin(Known::Present, load.now());
            if let Some(sent) = self.all().last_mut() {
                sent.ending = Some(load.now());
            }
        }
        let reply = patch(http, &sent.target, start as u64, &bytes[start..end])?;
        if offset(&reply)? != end as u64 {
            return Err(anyhow!("{start} to {end} was sent, and it is at {}", offset(&reply)?).into());
        }
        self.tell(end as u64, load.now());
        if end == bytes.len() {
            let location = reply.field("location").context("the last piece: no Location")?;
            if location != format!("/blobs/{}", load.contents[sent.index].digest) {
                return Err(Breach(format!("the blob became {location}")).into());
            }
            load.histories[sent.index].end(load.now());
            self.end(load.now());
        }
        Ok(())
    }

    fn tell(&self, offset: u64, now: u64) {
        if let Some(sent) = self.all().last_mut() {
            sent.told.push((now, offset));
        }
    }

    fn end(&self, now: u64) {
        if let Some(sent) = self.all().last_mut() {
            sent.over = Some(now);
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Sent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends a piece.
pub(super) fn patch(http: &mut Http, target: &str, offset: u64, bytes: &[u8]) -> Result<Reply, Trouble> {
    let offset = offset.to_string();
    let fields = [TUS, ("Upload-Offset", &offset), ("Content-Type", "application/offset+octet-stream")];
    let reply = http.ask("PATCH", target, &fields, Body::Whole(bytes))?;
    ensure_status(reply.status, &[204], "a piece")?;
    Ok(reply)
}

pub(super) fn offset(reply: &Reply) -> Result<u64> {
    Ok(reply.field("upload-offset").context("no Upload-Offset")?.parse()?)
}

pub(super) const TUS: (&str, &str) = ("Tus-Resumable", "1.0.0");

/// What is kept of an upload are whole ones.
pub(super) const SEGMENT_LEN: u64 = 4 << 20;
