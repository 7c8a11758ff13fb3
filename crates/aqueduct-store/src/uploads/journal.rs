//! The journal of an upload: what was received, so that nothing has to be read or hashed again.
//!
//! Blocks of one size, appended and never changed. Each is checked together with all blocks before it, so that what
//! reads as a journal is one that somebody wrote, in this order: a power cut may keep a later block without an earlier
//! one, and the bytes of an older block may lie where a newer one was lost.
//!
//! What a journal says is believed as far as the bytes it speaks of are there. On the same [`Boot`] that is all of it: a
//! kill takes nothing from the page cache. After another start of the machine it is what a mark covers, which was
//! appended after the bytes were synced.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;

use aqueduct_blob::{Algorithm, Assembly, Digest, Hasher, Record, UploadId, segment_count, segment_range};

use super::UploadPlan;
use crate::database;
use crate::disk::{Boot, Disk};

/// What the first block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) id: UploadId,
    pub(super) plan: UploadPlan,
}

/// What one of the blocks after it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// What follows was received in this life of the machine.
    Session(Boot),
    /// A segment is held.
    Segment(Record),
    /// A segment is not held any more. Synced before anything is written in its place.
    Dropped(u64),
    /// What the first so many blocks speak of was synced before this was written.
    Synced(u64),
    /// All of it is held, nothing will be written any more, and the blob is about to get this name.
    Named(Digest),
}

/// A journal that is being written.
#[derive(Debug)]
pub(super) struct Journal {
    count: u64,
    check: Check,
    /// The session that the next entries belong to, where none of it was written yet.
    session: Option<Boot>,
}

/// What a journal amounts to.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) head: Head,
    pub(super) assembly: Assembly,
    /// The name that the blob was about to get.
    pub(super) named: Option<Digest>,
    /// Where the journal goes on.
    pub(super) journal: Journal,
    /// Whether its last session is of this boot.
    pub(super) is_current: bool,
    /// Of what is held, the bytes that no mark covers.
    pub(super) unsynced_len: u64,
}

impl Journal {
    /// Writes the head of a new journal into `file`, which is empty.
    pub(super) fn begin(disk: &dyn Disk, file: &File, head: &Head, boot: Boot) -> io::Result<Self> {
        let mut journal = Self { count: 0, check: Check::default(), session: None };
        journal.write(disk, file, &[head.content(), Entry::Session(boot).content()])?;
        Ok(journal)
    }

    /// Appends entries. Where that fails they were not, and the next ones take their place.
    pub(super) fn append(&mut self, disk: &dyn Disk, file: &File, entries: &[Entry]) -> io::Result<()> {
        let session = self.session.map(Entry::Session);
        let contents: Vec<_> = session.iter().chain(entries).map(Entry::content).collect();
        self.write(disk, file, &contents)
    }

    /// Has what is appended from now on belong to another session. Nothing is written as long as nothing is: to look at an
    /// upload is not to change it.
    pub(super) fn begin_session(&mut self, boot: Boot) {
        self.session = Some(boot);
    }

    /// The place of the next entry: blocks so far, with the head, and with the session that is written before that entry.
    pub(super) fn count(&self) -> u64 {
        self.count + u64::from(self.session.is_some())
    }

    fn write(&mut self, disk: &dyn Disk, file: &File, contents: &[Content]) -> io::Result<()> {
        let (bytes, after) = self.encode(contents);
        database::write_all(disk, file, self.count * BLOCK_LEN as u64, &bytes)?;
        *self = after;
        Ok(())
    }

    /// The next blocks, and the journal with them.
    fn encode(&self, contents: &[Content]) -> (Vec<u8>, Self) {
        let mut check = self.check;
        let mut bytes = Vec::with_capacity(contents.len() * BLOCK_LEN);
        for content in contents {
            check = next_check(check, content);
            bytes.extend_from_slice(content);
            bytes.extend_from_slice(&check);
        }
        (bytes, Self { count: self.count + contents.len() as u64, check, session: None })
    }
}

/// Reads a journal up to where it ends, or stops making sense; `None` where it does from the start.
pub(super) fn read(bytes: &[u8], boot: Boot) -> Option<Told> {
    let mut journal = Journal { count: 0, check: Check::default(), session: None };
    let mut blocks = bytes.as_chunks::<BLOCK_LEN>().0.iter();
    let head = Head::parse(journal.take(blocks.next()?)?)?;
    let mut reading = Reading::new(&head.plan);
    while let Some(block) = blocks.next()
        && let Some(content) = journal.look(block)
        && let Some(entry) = Entry::parse(content, &head.plan)
    {
        reading.hear(journal.count, entry);
        journal.take(block);
    }
    let is_current = reading.session == Some(boot);
    let reading = reading.end(boot);
    let unsynced_len = reading.unsynced_len(&head.plan);
    let Reading { assembly, named, .. } = reading;
    Some(Told { head, assembly, named: named.map(|(_, digest)| digest), journal, is_current, unsynced_len })
}

impl Journal {
    /// The content of the next block, if it is one.
    fn look<'a>(&self, block: &'a [u8; BLOCK_LEN]) -> Option<&'a Content> {
        let (content, check) = block.split_first_chunk::<CONTENT_LEN>()?;
        (next_check(self.check, content) == check).then_some(content)
    }

    fn take<'a>(&mut self, block: &'a [u8; BLOCK_LEN]) -> Option<&'a Content> {
        let content = self.look(block)?;
        *self = Self { count: self.count + 1, check: next_check(self.check, content), session: None };
        Some(content)
    }
}

/// What the entries up to some block amount to.
struct Reading {
    assembly: Assembly,
    /// Segments that no mark covers, by block.
    fresh: Vec<(u64, u64)>,
    named: Option<(u64, Digest)>,
    /// How many blocks a mark covers.
    covered: u64,
    session: Option<Boot>,
}

impl Reading {
    fn new(plan: &UploadPlan) -> Self {
        let assembly = Assembly::new(plan.algorithm, plan.size);
        Self { assembly, fresh: Vec::new(), named: None, covered: 0, session: None }
    }

    fn hear(&mut self, block: u64, entry: Entry) {
        match entry {
            Entry::Session(boot) => {
                self.outlive(boot);
                self.session = Some(boot);
            }
            Entry::Segment(record) => {
                self.assembly.restore(&record);
                self.fresh.push((block, record.index));
            }
            Entry::Dropped(index) => self.assembly.drop_record(index),
            Entry::Synced(count) => {
                self.covered = count;
                self.fresh.retain(|(block, _)| *block >= count);
            }
            // Whoever tries again to publish it says so again. The first time is the one that a mark may cover.
            Entry::Named(digest) => _ = self.named.get_or_insert((block, digest)),
        }
    }

    fn end(mut self, boot: Boot) -> Self {
        self.outlive(boot);
        self
    }

    fn unsynced_len(&self, plan: &UploadPlan) -> u64 {
        let fresh: BTreeSet<u64> = self.fresh.iter().map(|(_, index)| *index).collect();
        let held = fresh.into_iter().filter(|index| self.assembly.is_held(*index));
        held.map(|index| segment_range(plan.size, index)).map(|range| range.end - range.start).sum()
    }

    /// Forgets what another boot did not sync.
    fn outlive(&mut self, boot: Boot) {
        if self.session.is_none_or(|session| session == boot) {
            return;
        }
        for (_, index) in self.fresh.drain(..) {
            self.assembly.drop_record(index);
        }
        self.named = self.named.filter(|(block, _)| *block < self.covered);
    }
}

impl Head {
    fn content(&self) -> Content {
        let UploadPlan { algorithm, digest, size } = self.plan;
        let mut content = Filler::new();
        content.put(MAGIC);
        content.put(&[VERSION, number(algorithm)]);
        content.put(&size.to_le_bytes());
        content.put(self.id.as_bytes());
        content.put(&u64::from(digest.is_some()).to_le_bytes());
        content.put(&digest.map_or([0; 32], |digest| *digest.as_bytes()));
        content.0
    }

    fn parse(content: &Content) -> Option<Self> {
        let mut rest = Taker(content);
        if rest.take::<6>() != *MAGIC || rest.take() != [VERSION] {
            return None;
        }
        let [number_found] = rest.take();
        let algorithm = Algorithm::ALL.into_iter().find(|algorithm| number(*algorithm) == number_found)?;
        let size = u64::from_le_bytes(rest.take());
        let id = UploadId::new(rest.take());
        let has_digest = u64::from_le_bytes(rest.take()) != 0;
        let digest = Digest::new(algorithm, rest.take());
        Some(Self { id, plan: UploadPlan { algorithm, digest: has_digest.then_some(digest), size } })
    }
}

impl Entry {
    fn content(&self) -> Content {
        let (kind, index, one, other) = match self {
            Self::Session(boot) => (SESSION, 0, boot.0, [0; 32]),
            Self::Segment(record) => (SEGMENT, record.index, record.before, record.after),
            Self::Dropped(index) => (DROPPED, *index, [0; 32], [0; 32]),
            Self::Synced(count) => (SYNCED, *count, [0; 32], [0; 32]),
            Self::Named(digest) => (NAMED, 0, *digest.as_bytes(), [0; 32]),
        };
        let mut content = Filler::new();
        content.put(&kind.to_le_bytes());
        content.put(&index.to_le_bytes());
        content.put(&one);
        content.put(&other);
        content.0
    }

    /// `None` for a kind, or a segment, that there is none of.
    fn parse(content: &Content, plan: &UploadPlan) -> Option<Self> {
        let mut rest = Taker(content);
        let (kind, index) = (u64::from_le_bytes(rest.take()), u64::from_le_bytes(rest.take()));
        let (one, other) = (rest.take(), rest.take());
        let has_segment = index < segment_count(plan.size);
        Some(match kind {
            SESSION => Self::Session(Boot(one)),
            SEGMENT if has_segment => Self::Segment(Record { index, before: one, after: other }),
            DROPPED if has_segment => Self::Dropped(index),
            SYNCED => Self::Synced(index),
            NAMED => Self::Named(Digest::new(plan.algorithm, one)),
            _ => return None,
        })
    }
}

type Content = [u8; CONTENT_LEN];
type Check = [u8; CHECK_LEN];

/// The first half of the BLAKE3 of the check before and this content.
fn next_check(before: Check, content: &Content) -> Check {
    let mut hasher = Hasher::new(Algorithm::Blake3);
    hasher.update(&before);
    hasher.update(content);
    let digest = hasher.finish().digest;
    *digest.as_bytes().first_chunk().expect("a digest is longer than a check")
}

/// Fills a content from its start; what is not filled is zero.
struct Filler(Content, usize);

impl Filler {
    fn new() -> Self {
        Self([0; CONTENT_LEN], 0)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.0[self.1..][..bytes.len()].copy_from_slice(bytes);
        self.1 += bytes.len();
    }
}

/// Takes a content apart from its start.
struct Taker<'a>(&'a [u8]);

impl Taker<'_> {
    fn take<const LEN: usize>(&mut self) -> [u8; LEN] {
        let (first, rest) = self.0.split_first_chunk().expect("a content is as long as what is in it");
        self.0 = rest;
        *first
    }
}

/// As in a checkpoint list.
fn number(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Sha256 => 1,
        Algorithm::Blake3 => 2,
    }
}

const MAGIC: &[u8; 6] = b"AQUPLD";
const VERSION: u8 = 1;

const SESSION: u64 = 1;
const SEGMENT: u64 = 2;
const DROPPED: u64 = 3;
const SYNCED: u64 = 4;
const NAMED: u64 = 5;

/// A kind, a number, and two times 32 bytes; the head takes 72 of them.
const CONTENT_LEN: usize = 80;
/// 128 bits: nothing is taken for a block by chance.
const CHECK_LEN: usize = 16;
const BLOCK_LEN: usize = CONTENT_LEN + CHECK_LEN;

#[cfg(test)]
mod tests;
