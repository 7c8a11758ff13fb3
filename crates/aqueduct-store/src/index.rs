//! `index.redb`: how large each blob is and when it was last used. Derived from the tree, and disposable.
//!
//! Nothing that a client is told waits for it: a publish leaves a note in memory, and notes are written many at a time.

use std::collections::HashMap;
use std::mem;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use aqueduct_blob::{Algorithm, Digest};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

use crate::database;
use crate::disk::Disk;
use crate::fault::{Blame, StorageFault};
use crate::layout::{self, INDEX};
use crate::poison::lock;

/// What redb may keep of it in memory. Its own default grew to 369 MiB over two million entries; this stays below 80.
const CACHE_LEN: usize = 64 << 20;

/// Notes kept in memory before whoever leaves one more has to write them: 64 bytes each, so 1 MiB.
const NOTE_COUNT_MAX: usize = 1 << 14;

/// (algorithm, digest) -> (size in bytes, last use in seconds since 1970).
const BLOBS: TableDefinition<'_, (u8, [u8; 32]), (u64, i64)> = TableDefinition::new("blobs");
/// The number of blobs and of their bytes, kept by the transactions that change [`BLOBS`].
const TOTALS: TableDefinition<'_, &str, u64> = TableDefinition::new("totals");
const TOTAL_SIZE: &str = "size";
/// A row that is there only where the tree was known to be matched, or empty, when the index was made.
const COMPLETE: &str = "complete";

/// How much a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Blobs.
    pub count: u64,
    /// The sum of their sizes, in bytes.
    pub size: u64,
}

/// One thing that happened to a blob.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Note {
    /// It was given its name, is this large, and was used at this time.
    Named { digest: Digest, size: u64, at: i64 },
    /// It was used, if it is there.
    Used { digest: Digest, at: i64 },
    /// It is there no more.
    Gone { digest: Digest },
}

#[derive(Debug)]
pub(crate) struct Index {
    disk: Arc<dyn Disk>,
    notes: Mutex<Vec<Note>>,
    /// Opened by the first who needs it: a command that only reads a blob never does.
    database: Mutex<Option<Database>>,
    /// It may not match the tree, and has to be compared with it before it is believed.
    stale: AtomicBool,
    /// Something was committed that is not durable.
    unflushed: AtomicBool,
}

impl Index {
    pub(crate) fn new(disk: Arc<dyn Disk>, stale: bool) -> Self {
        Self {
            disk,
            notes: Mutex::default(),
            database: Mutex::default(),
            stale: AtomicBool::new(stale),
            unflushed: AtomicBool::new(false),
        }
    }

    /// Makes the index of a new store, unless there is one.
    pub(crate) fn make(&self) -> Result<(), StorageFault> {
        match database::open(&self.disk, path(), CACHE_LEN)? {
            Some(_) => Ok(()),
            None => make(&self.disk, Completeness::Complete).map(drop),
        }
    }

    /// Remembers a note. Costs next to nothing, so that it can be done where names are locked.
    pub(crate) fn note(&self, note: Note) {
        lock(&self.notes).push(note);
    }

    /// Writes the notes that have gathered where there are too many to keep. Where that fails, the index is stale and
    /// nothing else is: the tree is the truth.
    pub(crate) fn write_if_many(&self) {
        if lock(&self.notes).len() >= NOTE_COUNT_MAX {
            // Stale is all there is to say, and `write_notes` has said it.
            drop(self.write_notes(Durability::None));
        }
    }

    /// Makes durable what was noted. An index that cannot be written is stale.
    pub(crate) fn flush(&self) {
        if self.unflushed.load(Ordering::Acquire) || !lock(&self.notes).is_empty() {
            drop(self.write_notes(Durability::Immediate));
        }
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Acquire)
    }

    /// How much the store holds, notes included.
    pub(crate) fn usage(&self) -> Result<Usage, StorageFault> {
        self.write_notes(Durability::None)?;
        self.with(|database| {
            let transaction = database.begin_read()?;
            let count = transaction.open_table(BLOBS)?.len()?;
            let size = transaction.open_table(TOTALS)?.get(TOTAL_SIZE)?.map_or(0, |total| total.value());
            Ok(Usage { count, size })
        })
    }

    /// Makes the index match the tree, one shard after another. `present` gives the sizes of all blobs in a shard, and
    /// passes what it is told about them on before a name in it changes. What is known of their last use is kept.
    pub(crate) fn match_tree(
        &self,
        now: i64,
        present: impl Fn(Algorithm, u8, &mut dyn FnMut(HashMap<Digest, u64>)) -> Result<(), StorageFault>,
    ) -> Result<(), StorageFault> {
        self.write_notes(Durability::None)?;
        let known = self.with(|database| Ok(database.begin_read()?.open_table(BLOBS)?))?;
        for (algorithm, first) in layout::shards() {
            let (mut low, mut high) = ([0; 32], [u8::MAX; 32]);
            (low[0], high[0]) = (first, first);
            let rows = known.range((code(algorithm), low)..=(code(algorithm), high));
            let rows = rows.map_err(|error| database::fault("read", path(), error))?;
            let mut sizes = HashMap::new();
            for row in rows {
                let (key, value) = row.map_err(|error| database::fault("read", path(), error))?;
                sizes.insert(Digest::new(algorithm, key.value().1), value.value());
            }
            present(algorithm, first, &mut |present| {
                let mut notes = lock(&self.notes);
                let gone = sizes.keys().filter(|digest| !present.contains_key(digest));
                notes.extend(gone.map(|digest| Note::Gone { digest: *digest }));
                for (digest, size) in &present {
                    match sizes.get(digest) {
                        Some((known, _)) if known == size => {}
                        Some((_, at)) => notes.push(Note::Named { digest: *digest, size: *size, at: *at }),
                        None => notes.push(Note::Named { digest: *digest, size: *size, at: now }),
                    }
                }
            })?;
            self.write_if_many();
        }
        self.write_notes(Durability::None)?;
        self.with(|database| apply(database, &[], Completeness::Complete, Durability::None))?;
        self.unflushed.store(true, Ordering::Release);
        self.stale.store(false, Ordering::Release);
        Ok(())
    }

    fn write_notes(&self, durability: Durability) -> Result<(), StorageFault> {
        let notes = mem::take(&mut *lock(&self.notes));
        if notes.is_empty() && matches!(durability, Durability::None) {
            return Ok(());
        }
        let written = self.with(|database| apply(database, &notes, Completeness::AsBefore, durability));
        match written {
            Ok(()) => self.unflushed.store(matches!(durability, Durability::None), Ordering::Release),
            Err(_) => self.stale.store(true, Ordering::Release),
        }
        written
    }

    /// Runs `work` on the database. One that is missing or damaged is made anew, empty and stale.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StorageFault> {
        let mut database = lock(&self.database);
        let open = match database.take() {
            Some(open) => open,
            None => self.open_or_make()?,
        };
        work(database.insert(open)).map_err(|error| database::fault("write", path(), error))
    }

    fn open_or_make(&self) -> Result<Database, StorageFault> {
        match database::open(&self.disk, path(), CACHE_LEN) {
            Ok(Some(database)) => {
                let complete =
                    is_complete(&database).map_err(|error| database::fault("read", path(), error))?;
                self.stale.fetch_or(!complete, Ordering::AcqRel);
                return Ok(database);
            }
            Ok(None) => {}
            Err(fault) if database::is_damage(&fault) => {
                self.disk.unlink(path()).blame("unlink", path())?;
            }
            Err(fault) => return Err(fault),
        }
        self.stale.store(true, Ordering::Release);
        make(&self.disk, Completeness::AsBefore)
    }
}

/// What a commit says of the whole index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Completeness {
    AsBefore,
    Complete,
}

fn make(disk: &Arc<dyn Disk>, completeness: Completeness) -> Result<Database, StorageFault> {
    database::make(disk, path(), CACHE_LEN, |database| {
        apply(database, &[], completeness, Durability::Immediate)
    })
}

fn is_complete(database: &Database) -> Result<bool, redb::Error> {
    Ok(database.begin_read()?.open_table(TOTALS)?.get(COMPLETE)?.is_some())
}

fn apply(
    database: &Database,
    notes: &[Note],
    completeness: Completeness,
    durability: Durability,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(durability)?;
    {
        let mut blobs = transaction.open_table(BLOBS)?;
        let mut totals = transaction.open_table(TOTALS)?;
        let mut total = totals.get(TOTAL_SIZE)?.map_or(0, |total| total.value());
        for note in notes {
            let (before, after) = match note {
                Note::Named { digest, size, at } => {
                    let before = blobs.insert(key(digest), (*size, *at))?.map(|row| row.value().0);
                    (before, *size)
                }
                Note::Used { digest, at } => {
                    let size = blobs.get(key(digest))?.map(|row| row.value().0);
                    if let Some(size) = size {
                        blobs.insert(key(digest), (size, *at))?;
                    }
                    (size, size.unwrap_or(0))
                }
                Note::Gone { digest } => (blobs.remove(key(digest))?.map(|row| row.value().0), 0),
            };
            total = total.saturating_sub(before.unwrap_or(0)).saturating_add(after);
        }
        totals.insert(TOTAL_SIZE, total)?;
        if completeness == Completeness::Complete {
            totals.insert(COMPLETE, 1)?;
        }
    }
    transaction.commit()?;
    Ok(())
}

fn key(digest: &Digest) -> (u8, [u8; 32]) {
    (code(digest.algorithm()), *digest.as_bytes())
}

/// The algorithm's number in the index, which sorts as [`Digest`] does.
fn code(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Sha256 => 1,
        Algorithm::Blake3 => 2,
    }
}

fn path() -> &'static Path {
    Path::new(INDEX)
}
