//! What comes on one stream.

use aqueduct_blob::Digest;
use aqueduct_wire::transfer::limits::AGAIN_COUNT_MAX;
use aqueduct_wire::transfer::{Entry, EntryId, HeldFile, Identity, Kind, Verify, Word};

use super::Attempt;
use super::arrival::{Arrival, Place, Standing};
use super::judges::Judges;
use super::segment::Said;
use crate::landing::{Landing, Took};
use crate::line::{Heard, Line};
use crate::{Error, ErrorKind, Event};

impl Attempt<'_> {
    /// Hears one stream until the attempt is over. Entries are said on the first alone.
    pub(super) fn hear(&self, line: &Line, is_first: bool, judges: &Judges) -> Result<(), Error> {
        let mut current = None;
        let mut buffer = Vec::new();
        loop {
            // Also where words come without a pause.
            self.patience.check_end()?;
            let Heard { word, payload_len } = match line.hear() {
                Err(_) if self.ledger.is_over() => return Ok(()),
                heard => heard?,
            };
            match word {
                Word::Verified { .. } => {}
                Word::Entries(entries) if is_first => {
                    entries.iter().try_for_each(|entry| self.take_entry(line, entry))?;
                }
                Word::Ask { identities } if is_first => {
                    line.say(&Word::Held(self.held(&identities)))?;
                }
                Word::Pack { files, check } => {
                    self.take_pack(line, &files, check, payload_len, &mut buffer)?;
                }
                Word::Bytes { entry, offset } => {
                    self.take_bytes(line, entry, offset, payload_len, &mut current)?;
                }
                Word::Sum { entry, index, before, after } => {
                    let said = Said { before, after };
                    self.take_sum(line, entry, index, said, current.take(), judges)?;
                }
                Word::Whole { entry, size, digest } => self.take_whole(line, entry, size, digest)?,
                Word::Changed { entry } => self.take_changed(line, entry)?,
                Word::End { file_count, left_count } if is_first => {
                    self.ledger.expect(file_count, left_count);
                }
                Word::Failed { failure, why } => return Err(Error::of_peer(failure, &why)),
                _ => return Err(line.nonsense("a sender does not say that here")),
            }
        }
    }

    /// What is there of these files.
    fn held(&self, identities: &[Identity]) -> Vec<HeldFile> {
        let Some(landing) = &self.landing else { return Vec::new() };
        let held = landing.held(identities);
        let told = held.iter().filter_map(|file| {
            let identity = *identities.get(usize::try_from(file.place).ok()?)?;
            let all = || std::iter::once(0..u64::MAX).collect();
            Some((identity, if file.whole { all() } else { file.segments.clone() }))
        });
        self.ledger.hold(told);
        held
    }

    fn take_entry(&self, line: &Line, entry: &Entry) -> Result<(), Error> {
        let file = match &entry.kind {
            Kind::Directory | Kind::Symlink { .. } => {
                let Some(landing) = &self.landing else { return Err(only_files()) };
                landing.entry(entry)?;
                None
            }
            Kind::HardLink { .. } => {
                self.ledger.keep_link(entry.clone());
                None
            }
            Kind::Regular { .. } | Kind::Stream => Some(std::sync::Arc::new(self.begin_file(line, entry)?)),
        };
        self.ledger.say(entry.id, file).ok_or_else(|| line.nonsense("entries are not in order"))
    }

    fn begin_file(&self, line: &Line, entry: &Entry) -> Result<Arrival, Error> {
        let algorithm = self.algorithm();
        let Some(landing) = &self.landing else {
            return Ok(Arrival::new(entry, Place::Stdout, algorithm, &[]));
        };
        match landing.file(entry)? {
            Some(arriving) if arriving.is_whole() => {
                let size = arriving.size().unwrap_or(0);
                self.receiver.gauge.add_resumed(size);
                let path = landing.names_to(entry);
                // The journal does not keep what a small one was verified to be.
                let digest = Arrival::digest_of(entry, algorithm, arriving.restored())
                    .or_else(|| self.receiver.told.digest(&path))
                    .or_else(|| arriving.hash(algorithm.filter(|_| self.receiver.watch.hears_files())?));
                self.patience.check_stop()?;
                self.receiver.tell_file(&path, size, digest);
                self.ledger.settle(1, |tally| {
                    tally.file_count += 1;
                    tally.size += size;
                    tally.digest = digest;
                });
                Ok(Arrival::new(entry, Place::Nowhere, None, &[]))
            }
            Some(arriving) => {
                let restored = arriving.restored().to_vec();
                let arrival = Arrival::new(entry, Place::File(arriving), algorithm, &restored);
                let arrival = arrival.called(landing.names_to(entry));
                let held: u64 = arrival.held_len();
                self.receiver.gauge.add_resumed(held);
                let Kind::Regular { identity, .. } = entry.kind else { return Ok(arrival) };
                // It may have been there at another place, and the sender has been told so.
                self.ask_again(&arrival, &arrival.missing(&self.ledger.held(&identity)))?;
                Ok(arrival)
            }
            None => {
                line.say(&Word::Skip { entry: entry.id })?;
                self.ledger.settle(1, |_| {});
                Ok(Arrival::new(entry, Place::Nowhere, None, &[]))
            }
        }
    }

    /// Lands small files. Bytes that are wrong condemn the connection: all of them were in one frame, of which nothing can be
    /// asked for again alone.
    fn take_pack(
        &self,
        line: &Line,
        files: &[Entry],
        check: Option<[u8; 32]>,
        payload_len: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let sizes = files.iter().map(|file| match file.kind {
            Kind::Regular { size, .. } => size,
            _ => 0,
        });
        let total = sizes.clone().try_fold(0_u64, u64::checked_add);
        let verify = self.offer.verify;
        if total != Some(payload_len) || check.is_some() != (verify != Verify::None) {
            return Err(line.nonsense("a pack has other bytes than it says, or nothing to verify them by"));
        }
        self.patience.pace(self.receiver.throttle.as_ref(), payload_len)?;
        buffer.resize(usize::try_from(payload_len).unwrap_or(usize::MAX), 0);
        line.read_exact(buffer)?;
        if check != crate::pack_check(verify, self.offer.algorithm, buffer) {
            return Err(line.lost(std::io::Error::other("bytes were damaged on their way")));
        }
        if let Some(parent) = files.iter().map(|file| file.parent).max() {
            self.wait_for(line, parent)?;
        }
        let mut rest = &buffer[..];
        for (file, size) in files.iter().zip(sizes) {
            let (bytes, after) = rest.split_at(usize::try_from(size).unwrap_or(usize::MAX));
            rest = after;
            self.take_small(file, bytes)?;
        }
        if let Some(landing) = &self.landing {
            landing.remember()?;
        }
        self.receiver.gauge.add_verified(payload_len);
        self.ledger.add_verified(payload_len);
        let digest = check.filter(|_| files.len() == 1).zip(self.algorithm());
        self.ledger.settle(files.len() as u64, |tally| {
            tally.file_count += files.len() as u64;
            tally.size += payload_len;
            tally.digest = digest.map(|(check, algorithm)| Digest::new(algorithm, check));
        });
        Ok(())
    }

    /// Lands one small file.
    fn take_small(&self, file: &Entry, bytes: &[u8]) -> Result<(), Error> {
        let is_there = match &self.landing {
            Some(landing) => landing.small(file, bytes)? != Took::Skipped,
            None => {
                self.pass(bytes)?;
                true
            }
        };
        if is_there && self.receiver.watch.hears_files() {
            let path =
                self.landing.as_ref().map_or_else(|| file.name.clone(), |landing| landing.names_to(file));
            let digest = self.algorithm().map(|algorithm| crate::digest_of(algorithm, bytes));
            self.receiver.tell_file(&path, bytes.len() as u64, digest);
        }
        Ok(())
    }

    fn take_whole(
        &self,
        line: &Line,
        entry: EntryId,
        size: u64,
        digest: Option<[u8; 32]>,
    ) -> Result<(), Error> {
        self.wait_for(line, entry)?;
        let Some(arrival) = self.ledger.file(entry).filter(|arrival| arrival.is_wanted()) else {
            return Ok(());
        };
        if digest.is_some() != self.algorithm().is_some() {
            return Err(line.nonsense("a digest is missing, or was not to be there"));
        }
        if arrival.size.is_none() {
            return self.end_stream(line, &arrival, size, digest);
        }
        if arrival.size != Some(size) {
            return Err(line.nonsense("a file has another size than it was said to have"));
        }
        arrival.tell_whole(digest);
        self.settle(&arrival)
    }

    /// The source has changed: what came of it is dropped.
    fn take_changed(&self, line: &Line, entry: EntryId) -> Result<(), Error> {
        self.wait_for(line, entry)?;
        let arrival =
            self.ledger.file(entry).ok_or_else(|| line.nonsense("a file that is none has changed"))?;
        if arrival.give_up() {
            if let Some(landing) = &self.landing {
                landing.discard(entry)?;
            }
            self.receiver.watch.hear(&Event::Left {
                path: &arrival.name,
                why: "it changed while it was sent, or cannot be read",
            });
            self.ledger.forget(entry);
            self.ledger.settle(1, |tally| tally.failed_count += 1);
        }
        Ok(())
    }

    /// Ends a file of which everything is there, or asks for what is wrong.
    pub(super) fn settle(&self, arrival: &Arrival) -> Result<(), Error> {
        let hashed = match arrival.standing() {
            Standing::Waiting => return Ok(()),
            Standing::Wrong(segments) => return self.ask_again(arrival, &segments),
            Standing::Mismatch(actual) => return Err(mismatch(arrival, &actual)),
            Standing::Whole(hashed) => hashed,
        };
        let size = arrival.size.unwrap_or(0);
        if let Place::File(arriving) = &arrival.place {
            arriving.finish(size)?;
        }
        let digest = hashed.map(|hashed| hashed.digest);
        self.end_file(arrival, size, digest);
        Ok(())
    }

    pub(super) fn end_file(&self, arrival: &Arrival, size: u64, digest: Option<Digest>) {
        self.receiver.tell_file(&arrival.name, size, digest);
        self.ledger.forget(arrival.id);
        self.ledger.settle(1, |tally| {
            tally.file_count += 1;
            tally.size += size;
            tally.digest = digest;
        });
    }

    /// Asks for segments again, up to three times each.
    pub(super) fn ask_again(&self, arrival: &Arrival, segments: &[u64]) -> Result<(), Error> {
        if segments.is_empty() {
            return Ok(());
        }
        for &index in segments {
            if !arrival.may_ask_again(index) {
                let name = String::from_utf8_lossy(&arrival.name);
                let what = format!(
                    "segment {index} of {} comes wrong again and again; check the memory of both hosts and what is \
                     between them",
                    name.escape_debug()
                );
                return Err(Error::new(ErrorKind::Mismatch, what));
            }
            if let Place::File(arriving) = &arrival.place {
                arriving.forget(index)?;
            }
        }
        for some in segments.chunks(AGAIN_COUNT_MAX) {
            self.first.say(&Word::Again { entry: arrival.id, segments: some.to_vec() })?;
        }
        Ok(())
    }

    /// Waits until `id` was said on stream 0. What comes on that stream itself was said before.
    pub(super) fn wait_for(&self, line: &Line, id: EntryId) -> Result<(), Error> {
        if std::ptr::eq(line, &*self.first) && !self.ledger.knows(id) {
            return Err(line.nonsense("it sends what it has not announced"));
        }
        self.ledger.wait_for(id, &self.patience)
    }

    pub(super) fn landing(&self) -> Option<&Landing> {
        self.landing.as_ref()
    }
}

pub(super) fn mismatch(arrival: &Arrival, actual: &Digest) -> Error {
    let name = String::from_utf8_lossy(&arrival.name);
    let what = format!("what came of {} is {actual}, and not what was sent", name.escape_debug());
    Error::new(ErrorKind::Mismatch, what)
}

fn only_files() -> Error {
    Error::new(ErrorKind::Usage, "standard output takes one file, and this is a tree; -o DIR takes it")
}
