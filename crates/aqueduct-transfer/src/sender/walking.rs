//! What is found on the way through the sources, queued in order.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use aqueduct_blob::{SEGMENT_LEN, segment_count, segment_range};
use aqueduct_wire::transfer::limits::{ASK_COUNT_MAX, ENTRY_COUNT_MAX};
use aqueduct_wire::transfer::{Entry, HeldFile, Kind, Word};

use super::Attempt;
use super::outgoing::Outgoing;
use super::queue::{HEADER_LEN, Pack};
use crate::error::with_causes;
use crate::source::{Found, SourceFile, Walk};
use crate::{Error, Event};

impl Attempt<'_> {
    /// Walks through everything. Files that the receiver may have are asked about first, many at a time.
    pub(super) fn walk(&self, paths: &[PathBuf]) -> Result<(), Error> {
        let send = self.sender.send;
        let mut walk = Walk::new(paths, &send.preserve, &send.exclude)?;
        let mut packing = Packing { is_first: send.is_single(), ..Packing::default() };
        let mut asked = Vec::new();
        while let Some(found) = walk.next() {
            for note in walk.take_notes() {
                self.sender.watch.hear(&Event::Note(&note));
            }
            if self.queue.is_over() {
                return Ok(());
            }
            match found {
                Found::Entry { entry, file: None } => self.queue.announce(entry),
                Found::Entry { entry, file: Some(file) } => {
                    self.sender.gauge.add_total(file.size());
                    if self.accept.resumes {
                        asked.push((entry, file));
                        if asked.len() == ASK_COUNT_MAX {
                            self.ask(std::mem::take(&mut asked), &mut packing)?;
                        }
                    } else {
                        self.queue_file(entry, file, None, &mut packing);
                    }
                }
                Found::Left { path, why } => self.leave(path.as_os_str().as_bytes(), &why),
            }
        }
        self.ask(asked, &mut packing)?;
        packing.flush(self);
        self.sender.gauge.know_total();
        self.queue.end_walk();
        Ok(())
    }

    /// Leaves something out, and goes on with the rest.
    pub(super) fn leave(&self, path: &[u8], why: &Error) {
        self.tell_left(path, why);
        self.queue.count(|tally| {
            tally.left_count += 1;
            tally.fail(why);
        });
    }

    pub(super) fn tell_left(&self, path: &[u8], why: &Error) {
        self.sender.watch.hear(&Event::Left { path, why: &with_causes(why) });
    }

    /// Asks what the receiver has of these files, and queues the rest of them.
    fn ask(&self, files: Vec<(Entry, SourceFile)>, packing: &mut Packing) -> Result<(), Error> {
        if files.is_empty() {
            return Ok(());
        }
        let identities = files.iter().map(|(_, file)| file.identity()).collect();
        let mut held = self.queue.ask(Word::Ask { identities })?.into_iter().peekable();
        for ((entry, file), place) in files.into_iter().zip(0..) {
            let found = held.next_if(|held| held.place == place);
            self.queue_file(entry, file, found, packing);
        }
        Ok(())
    }

    fn queue_file(&self, entry: Entry, file: SourceFile, held: Option<HeldFile>, packing: &mut Packing) {
        let size = file.size();
        // The first of one path may be all there is. If it is small, it is sent again, for its digest.
        let may_be_all = std::mem::take(&mut packing.is_first);
        let is_held = held.as_ref().is_some_and(|held| held.whole);
        if is_held && (size > PACKED_LEN_MAX || !may_be_all) {
            self.sender.gauge.add_resumed(size);
            let id = entry.id;
            let held = Arc::new(Outgoing::held(id, file, self.algorithm(), &self.sender.cache));
            let digest = held.finish().ok().flatten().map(|hashed| hashed.digest);
            self.queue.count(|tally| {
                tally.file_count += 1;
                tally.size += size;
                tally.digest = digest;
            });
            // It is said all the same: a name may have moved, and then the receiver asks for it after all.
            self.queue.know(&held);
            return self.queue.announce(entry);
        }
        if size <= PACKED_LEN_MAX {
            return packing.add(self, entry, file);
        }
        let kept = self.sender.cache.begin(file.stat(), self.sender.send.algorithm);
        // What a receiver says of segments that there are none of means nothing.
        let count = segment_count(size);
        let mut held = held.map_or_else(Vec::new, |held| held.segments);
        held.iter_mut().for_each(|range| *range = range.start.min(count)..range.end.min(count));
        held.retain(|range| !range.is_empty());
        let held_len = held.iter().flat_map(Clone::clone).map(|index| segment_range(size, index));
        self.sender.gauge.add_resumed(held_len.map(|range| range.end - range.start).sum());
        // What goes before it in the order of the walk goes before it.
        packing.flush(self);
        let file = Arc::new(Outgoing::new(entry.id, file, self.algorithm(), kept, held));
        self.queue.know(&file);
        self.queue.announce(entry);
        self.queue.push_file(file);
    }
}

/// A pack that is being filled.
#[derive(Default)]
struct Packing {
    files: Vec<(Entry, SourceFile)>,
    len: u64,
    header_len: usize,
    /// Whether no file was found yet below the only path there is.
    is_first: bool,
}

impl Packing {
    fn add(&mut self, attempt: &Attempt<'_>, entry: Entry, file: SourceFile) {
        debug_assert!(matches!(entry.kind, Kind::Regular { .. }), "only files have bytes");
        let header_len = Word::header_len_of(&entry);
        let is_full = self.len + file.size() > SEGMENT_LEN
            || self.header_len + header_len > HEADER_LEN
            || self.files.len() == ENTRY_COUNT_MAX;
        if is_full {
            self.flush(attempt);
        }
        self.len += file.size();
        self.header_len += header_len;
        self.files.push((entry, file));
    }

    fn flush(&mut self, attempt: &Attempt<'_>) {
        let Self { files, .. } = std::mem::take(self);
        if !files.is_empty() {
            attempt.queue.push_pack(Pack { files });
        }
    }
}

/// Files up to this size go together, whole: a file of its own costs two frames and a name in a map.
pub(super) const PACKED_LEN_MAX: u64 = 256 * 1024;
