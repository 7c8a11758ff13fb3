//! The journal of what arrives: what is there already, so that nothing has to come twice.
//!
//! Blocks, appended and never changed, each as long as its kind is. Each is checked together with all blocks before it, so
//! that what reads as a journal is one that somebody wrote, in this order. It ends where a block makes no sense: a kill tears
//! the newest one at most, and then what it spoke of comes again.
//!
//! ```text
//! head: 5 magic | 1 version | 16 transfer | 1 algorithm | 1 verify | 8 check
//! then: 1 kind  | its fields                                       | 8 check
//! ```
//!
//! Nothing here is synced. After another start of the machine what it says is held is hashed before it is believed.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::mem;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aqueduct_blob::{Algorithm, Record, segment_count};
use aqueduct_wire::transfer::{Identity, Verify};

/// Whose journal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) transfer: [u8; 16],
    pub(super) algorithm: Algorithm,
    pub(super) verify: Verify,
}

/// One life of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Boot(pub(super) [u8; 16]);

/// Where in the tree something is: a hash of all names on the way there.
pub(super) type Place = [u8; 16];

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// What follows, and what was believed before, is of this life of the machine.
    Session(Boot),
    /// A file is there as a whole.
    Small { place: Place, identity: Identity },
    /// A file begins, and is called by this number from now on.
    Large { number: u64, place: Place, identity: Identity, size: u64 },
    /// A segment of it is held.
    Segment { number: u64, record: Record },
    /// A segment of it is not held any more.
    Dropped { number: u64, index: u64 },
    /// All of it was found to be what it must be, and it has its size, mode and times.
    Finished { number: u64 },
    /// Nothing of what is said about this place is there any more.
    Gone(Place),
}

/// A journal that is being written, by several threads.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    waiting: Mutex<Waiting>,
    /// Held by whoever writes, so that what was appended before is in the file when a flush ends.
    writing: Mutex<()>,
}

/// What was appended and is not written yet.
#[derive(Debug)]
struct Waiting {
    bytes: Vec<u8>,
    /// Where in the file they go.
    offset: u64,
    check: Check,
}

/// What a journal amounts to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) head: Head,
    /// In which life of the machine it was written last.
    pub(super) boot: Option<Boot>,
    /// Files that are whole.
    pub(super) small: HashMap<Place, Identity>,
    /// Files that came in segments, by their numbers.
    pub(super) large: BTreeMap<u64, Large>,
    /// Where it ends.
    end: u64,
    check: Check,
}

/// What is held of a file that comes in segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Large {
    pub(super) place: Place,
    pub(super) identity: Identity,
    pub(super) size: u64,
    pub(super) records: BTreeMap<u64, Record>,
    pub(super) is_finished: bool,
}

impl Large {
    /// Forgets a segment, and with it that the file was finished.
    pub(super) fn drop_record(&mut self, index: u64) {
        self.records.remove(&index);
        self.is_finished = false;
    }
}

impl Journal {
    /// Begins a new one in `file`, whatever was in it.
    pub(super) fn begin(file: File, head: &Head) -> io::Result<Self> {
        file.set_len(0)?;
        let mut bytes = head.content();
        let check = next_check(Check::default(), &bytes);
        bytes.extend(check);
        let journal = Self::new(file, Waiting { bytes, offset: 0, check });
        journal.flush()?;
        Ok(journal)
    }

    /// Goes on with the one in `file` that says what was `told`. What a torn write left behind it is cut off.
    pub(super) fn resume(file: File, told: &Told) -> io::Result<Self> {
        file.set_len(told.end)?;
        let waiting = Waiting { bytes: Vec::new(), offset: told.end, check: told.check };
        Ok(Self::new(file, waiting))
    }

    fn new(file: File, waiting: Waiting) -> Self {
        Self { file, waiting: Mutex::new(waiting), writing: Mutex::new(()) }
    }

    /// Appends `entry`, which is written with others, or when the [journal is flushed](Self::flush).
    pub(super) fn append(&self, entry: &Entry) -> io::Result<()> {
        let content = entry.content();
        let is_enough = {
            let mut waiting = self.waiting();
            waiting.check = next_check(waiting.check, &content);
            let check = waiting.check;
            waiting.bytes.extend(content);
            waiting.bytes.extend(check);
            waiting.bytes.len() >= WAITING_LEN_MAX
        };
        if is_enough { self.flush() } else { Ok(()) }
    }

    /// Appends `entry` and writes it at once.
    pub(super) fn append_now(&self, entry: &Entry) -> io::Result<()> {
        self.append(entry)?;
        self.flush()
    }

    /// Writes what waits. Where that fails it goes on waiting.
    pub(super) fn flush(&self) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut bytes, offset) = {
            let mut waiting = self.waiting();
            let bytes = mem::take(&mut waiting.bytes);
            let offset = waiting.offset;
            waiting.offset += bytes.len() as u64;
            (bytes, offset)
        };
        self.file.write_all_at(&bytes, offset).inspect_err(|_| {
            let mut waiting = self.waiting();
            bytes.append(&mut waiting.bytes);
            *waiting = Waiting { bytes, offset, check: waiting.check };
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // What cannot be written comes again.
        let _ = self.flush();
    }
}

/// Reads a journal up to where it ends, or stops making sense; `None` where it does from the start.
pub(super) fn read(bytes: &[u8]) -> Option<Told> {
    let mut blocks = Blocks { rest: bytes, check: Check::default() };
    let head = Head::parse(blocks.take(Head::LEN)?)?;
    let mut told = Told {
        head,
        boot: None,
        small: HashMap::new(),
        large: BTreeMap::new(),
        end: 0,
        check: Check::default(),
    };
    loop {
        told.end = (bytes.len() - blocks.rest.len()) as u64;
        told.check = blocks.check;
        let Some(len) = blocks.rest.first().and_then(|kind| len_of(*kind)) else { break };
        let Some(entry) = blocks.take(len).and_then(Entry::parse) else { break };
        told.hear(entry);
    }
    Some(told)
}

impl Told {
    fn hear(&mut self, entry: Entry) {
        match entry {
            Entry::Session(boot) => self.boot = Some(boot),
            Entry::Small { place, identity } => _ = self.small.insert(place, identity),
            Entry::Large { number, place, identity, size } => {
                let large = Large { place, identity, size, records: BTreeMap::new(), is_finished: false };
                self.large.insert(number, large);
            }
            Entry::Segment { number, record } => {
                let large = self.large.get_mut(&number);
                if let Some(large) = large.filter(|large| record.index < segment_count(large.size)) {
                    large.records.insert(record.index, record);
                }
            }
            Entry::Dropped { number, index } => {
                if let Some(large) = self.large.get_mut(&number) {
                    large.drop_record(index);
                }
            }
            Entry::Finished { number } => {
                if let Some(large) = self.large.get_mut(&number) {
                    large.is_finished = large.records.len() as u64 == segment_count(large.size);
                }
            }
            Entry::Gone(place) => {
                self.small.remove(&place);
                self.large.retain(|_, large| large.place != place);
            }
        }
    }
}

struct Blocks<'a> {
    rest: &'a [u8],
    check: Check,
}

impl<'a> Blocks<'a> {
    /// The content of the next block, which has `len` bytes; `None` where it is none.
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (content, rest) = self.rest.split_at_checked(len)?;
        let (check, rest) = rest.split_first_chunk::<CHECK_LEN>()?;
        (next_check(self.check, content) == *check).then_some(())?;
        *self = Self { rest, check: *check };
        Some(content)
    }
}

impl Head {
    const LEN: usize = MAGIC.len() + 1 + 16 + 2;

    fn content(&self) -> Vec<u8> {
        let algorithm = match self.algorithm {
            Algorithm::Sha256 => 1,
            Algorithm::Blake3 => 2,
        };
        let verify = match self.verify {
            Verify::Full => 1,
            Verify::Wire => 2,
            Verify::None => 3,
        };
        [&MAGIC[..], &[VERSION], &self.transfer, &[algorithm, verify]].concat()
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let mut rest = Taker(content);
        (rest.take()? == *MAGIC && rest.take()? == [VERSION]).then_some(())?;
        let transfer = rest.take()?;
        let [algorithm, verify] = rest.take()?;
        let algorithm = match algorithm {
            1 => Algorithm::Sha256,
            2 => Algorithm::Blake3,
            _ => return None,
        };
        let verify = match verify {
            1 => Verify::Full,
            2 => Verify::Wire,
            3 => Verify::None,
            _ => return None,
        };
        Some(Self { transfer, algorithm, verify })
    }
}

impl Entry {
    fn content(&self) -> Vec<u8> {
        match self {
            Self::Session(boot) => [&[SESSION], &boot.0[..]].concat(),
            Self::Small { place, identity } => [&[SMALL], &place[..], &identity.0].concat(),
            Self::Large { number, place, identity, size } => {
                [&[LARGE], &number.to_le_bytes()[..], place, &identity.0, &size.to_le_bytes()].concat()
            }
            Self::Segment { number, record: Record { index, before, after } } => {
                [&[SEGMENT], &number.to_le_bytes()[..], &index.to_le_bytes(), before, after].concat()
            }
            Self::Dropped { number, index } => {
                [&[DROPPED], &number.to_le_bytes()[..], &index.to_le_bytes()].concat()
            }
            Self::Finished { number } => [&[FINISHED], &number.to_le_bytes()[..]].concat(),
            Self::Gone(place) => [&[GONE], &place[..]].concat(),
        }
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let mut rest = Taker(content);
        let [kind] = rest.take()?;
        Some(match kind {
            SESSION => Self::Session(Boot(rest.take()?)),
            SMALL => Self::Small { place: rest.take()?, identity: Identity(rest.take()?) },
            LARGE => Self::Large {
                number: rest.number()?,
                place: rest.take()?,
                identity: Identity(rest.take()?),
                size: rest.number()?,
            },
            SEGMENT => Self::Segment {
                number: rest.number()?,
                record: Record { index: rest.number()?, before: rest.take()?, after: rest.take()? },
            },
            DROPPED => Self::Dropped { number: rest.number()?, index: rest.number()? },
            FINISHED => Self::Finished { number: rest.number()? },
            GONE => Self::Gone(rest.take()?),
            _ => return None,
        })
    }
}

/// Bytes of the content of a block of this kind, with the kind.
fn len_of(kind: u8) -> Option<usize> {
    Some(match kind {
        SESSION | GONE => 1 + 16,
        SMALL => 1 + 16 + 16,
        LARGE => 1 + 8 + 16 + 16 + 8,
        SEGMENT => 1 + 8 + 8 + 32 + 32,
        DROPPED => 1 + 8 + 8,
        FINISHED => 1 + 8,
        _ => return None,
    })
}

/// Takes a content apart from its start.
struct Taker<'a>(&'a [u8]);

impl Taker<'_> {
    fn take<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

/// The start of the BLAKE3 of the check before and this content.
fn next_check(before: Check, content: &[u8]) -> Check {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&before);
    hasher.update(content);
    *hasher.finalize().as_bytes().first_chunk().expect("a hash is longer than a check")
}

type Check = [u8; CHECK_LEN];

const MAGIC: &[u8; 5] = b"AQRCV";
const VERSION: u8 = 1;

const SESSION: u8 = 1;
const SMALL: u8 = 2;
const LARGE: u8 = 3;
const SEGMENT: u8 = 4;
const DROPPED: u8 = 5;
const GONE: u8 = 6;
const FINISHED: u8 = 7;

/// 64 bits: what follows the end is what a torn write left, and nobody makes it on purpose.
const CHECK_LEN: usize = 8;

/// Some 1600 small files: a kill has as many of them come again.
const WAITING_LEN_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests;
