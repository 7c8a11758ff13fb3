//! `index.redb`: how large each blob is, what it takes on the medium, and when it was last used. Derived from the tree, and
//! disposable.
//!
//! Nothing that a client is told waits for it: a publish leaves a note in memory, and notes are written many at a time.

mod kept;
mod notes;
mod rows;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aqueduct_blob::{Algorithm, Digest};
use redb::{Database, Durability};

use crate::database::{self, Growth, Open, Pages};
use crate::disk::Disk;
use crate::fault::{Blame, StorageFault};
use crate::layout::{self, INDEX};
use crate::poison::lock;
use notes::Notes;
pub(crate) use notes::{Epoch, Note};
use rows::Completeness;
pub(crate) use rows::{Row, code};

/// What redb may keep of it in memory. Its own default grew to 369 MiB over two million entries; this stays below 80.
const CACHE_LEN: usize = 64 << 20;

/// Notes kept in memory before whoever leaves one more has to write them: 72 bytes each, so little more than 1 MiB.
const NOTE_COUNT_MAX: usize = 1 << 14;

/// How much a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Blobs.
    pub count: u64,
    /// The sum of their sizes, in bytes.
    pub size: u64,
    /// What they take on the medium, in bytes: the blocks of their files, and of their checkpoint lists.
    pub allocated: u64,
}

#[derive(Debug)]
pub(crate) struct Index {
    disk: Arc<dyn Disk>,
    notes: Mutex<Notes>,
    /// Opened by the first who needs it: a command that only reads a blob never does.
    database: Mutex<Option<Open>>,
    /// What all blobs take, in bytes, by the rows; nothing before those were first read.
    allocated: AtomicU64,
    /// How much more it is by the notes that are not written.
    growth: AtomicI64,
    /// It may not match the tree, and has to be compared with it before it is believed.
    stale: AtomicBool,
    /// It was lost, and says nothing before it was compared with the tree.
    lost: AtomicBool,
    /// Something was committed that is not durable.
    unflushed: AtomicBool,
}

/// A blob as it lies in the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Present {
    pub(crate) size: u64,
    pub(crate) allocated: u64,
    /// When it was given its name.
    pub(crate) named: i64,
}

impl Index {
    pub(crate) fn new(disk: Arc<dyn Disk>, stale: bool) -> Self {
        Self {
            disk,
            notes: Mutex::default(),
            database: Mutex::default(),
            allocated: AtomicU64::default(),
            growth: AtomicI64::default(),
            stale: AtomicBool::new(stale),
            lost: AtomicBool::new(false),
            unflushed: AtomicBool::new(false),
        }
    }

    /// Makes the index of a new store, unless there is one.
    pub(crate) fn make(&self) -> Result<(), StorageFault> {
        match database::open(&self.disk, path(), CACHE_LEN, (Pages::Believed, Growth::Sparse))? {
            Some(_) => Ok(()),
            None => make(&self.disk, Completeness::Complete).map(drop),
        }
    }

    /// Remembers a note. Costs next to nothing, so that it can be done where names are locked, or by who must not wait.
    pub(crate) fn note(&self, note: Note) {
        // Together, for whoever adds up what the notes come to.
        let mut notes = lock(&self.notes);
        self.growth.fetch_add(note.growth(), Ordering::Relaxed);
        notes.push(note);
    }

    /// Writes the notes that have gathered where there are too many to keep. Where that fails, the index is stale and
    /// nothing else is: the tree is the truth.
    pub(crate) fn write_if_many(&self) {
        if lock(&self.notes).list().len() >= NOTE_COUNT_MAX {
            // Stale is all there is to say, and `write_notes` has said it.
            drop(self.write_notes(Durability::None));
        }
    }

    /// Makes durable what was noted. An index that cannot be written is stale.
    pub(crate) fn flush(&self) {
        if self.unflushed.load(Ordering::Acquire) || !lock(&self.notes).list().is_empty() {
            drop(self.write_notes(Durability::Immediate));
        }
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Acquire)
    }

    /// Whether what it says of all blobs is about right, although a kill may have cost it the last seconds.
    pub(crate) fn is_counted(&self) -> bool {
        !self.lost.load(Ordering::Acquire)
    }

    /// How much the store holds, notes included.
    pub(crate) fn usage(&self) -> Result<Usage, StorageFault> {
        self.write_notes(Durability::None)?;
        self.with(rows::usage)
    }

    /// What the index on the medium says, once all of it was held against its checksums; `None` where there is none. Changes
    /// nothing.
    pub(crate) fn inspect(disk: &Arc<dyn Disk>) -> Result<Option<Usage>, StorageFault> {
        let Some(database) = database::inspect(disk, path(), CACHE_LEN)? else { return Ok(None) };
        database.run("read", rows::usage).map(Some)
    }

    /// Has the index compared with the tree before it is believed again.
    pub(crate) fn doubt(&self) {
        self.stale.store(true, Ordering::Release);
    }

    /// Learns what all blobs take, so that [`Index::allocated`] can tell. Where that fails, nothing is known of them before all are
    /// counted.
    pub(crate) fn load(&self) {
        if self.with(|_| Ok(())).is_err() {
            self.stale.store(true, Ordering::Release);
            self.lost.store(true, Ordering::Release);
        }
    }

    /// What all blobs take on the medium, in bytes. Asks no disk, and knows nothing before the index was first read.
    pub(crate) fn allocated(&self) -> u64 {
        self.allocated.load(Ordering::Relaxed).saturating_add_signed(self.growth.load(Ordering::Relaxed))
    }

    /// The `count` blobs that were used least lately, in that order, but for those `spared`.
    pub(crate) fn least_used(
        &self,
        count: usize,
        spared: &dyn Fn(&Digest, &Row) -> bool,
    ) -> Result<Vec<(Digest, Row)>, StorageFault> {
        self.write_notes(Durability::None)?;
        let read = self.with(rows::snapshot)?;
        self.read(|| read.least_used(count, spared))
    }

    /// The rows of some blobs, everything included that was noted before the epoch that comes with them.
    pub(crate) fn rows(&self, digests: &[Digest]) -> Result<(Epoch, Vec<Option<Row>>), StorageFault> {
        // Notes are written with the database locked: one that is not in the rows is still among them.
        let mut database = lock(&self.database);
        let mut rows = self.with_opened(&mut database, |database| rows::rows(database, digests))?;
        let places: HashMap<_, _> = digests.iter().zip(0..).collect();
        let notes = lock(&self.notes);
        for note in notes.list() {
            if let Some(place) = places.get(&note.digest()) {
                let row: &mut Option<Row> = &mut rows[*place];
                *row = note.after(*row);
            }
        }
        Ok((notes.epoch(), rows))
    }

    /// Of which blobs something was noted since; `None` where those notes were written, and the rows may say more.
    pub(crate) fn noted_since(&self, epoch: Epoch) -> Option<HashSet<Digest>> {
        lock(&self.notes).since(epoch)
    }

    /// Makes the index match the tree, one shard after another. `present` gives all blobs in a shard, and passes what it is
    /// told about them on before a name in it changes; false from it ends this, and the index stays as stale as it was. What
    /// is known of their last use is kept.
    pub(crate) fn match_tree(
        &self,
        present: impl Fn(Algorithm, u8, &mut dyn FnMut(HashMap<Digest, Present>)) -> Result<bool, StorageFault>,
    ) -> Result<bool, StorageFault> {
        self.write_notes(Durability::None)?;
        let known = self.with(rows::snapshot)?;
        for (algorithm, first) in layout::shards() {
            let rows = self.read(|| known.shard(algorithm, first))?;
            let goes_on = present(algorithm, first, &mut |present| {
                for (digest, row) in rows.iter().filter(|(digest, _)| !present.contains_key(digest)) {
                    self.note(Note::Gone { digest: *digest, allocated: row.allocated });
                }
                for (digest, Present { size, allocated, named }) in present {
                    let known = rows.get(&digest);
                    if known.is_some_and(|row| (row.size, row.allocated) == (size, allocated)) {
                        continue;
                    }
                    // That it was published is the last that is known of it; of one that is known, no later use is undone.
                    let at = known.map_or(named, |row| row.used);
                    self.note(Note::Named { digest, size, allocated, at });
                }
            })?;
            self.write_if_many();
            if !goes_on {
                return Ok(false);
            }
        }
        self.write_notes(Durability::None)?;
        {
            let mut database = lock(&self.database);
            let apply =
                |database: &Database| rows::apply(database, &[], Completeness::Complete, Durability::None);
            let allocated = self.with_opened(&mut database, apply)?;
            self.allocated.store(allocated, Ordering::Relaxed);
            // Whatever was lost of what was noted is in the rows by now.
            let notes = lock(&self.notes);
            self.growth.store(notes.list().iter().map(Note::growth).sum(), Ordering::Relaxed);
        }
        self.unflushed.store(true, Ordering::Release);
        self.stale.store(false, Ordering::Release);
        self.lost.store(false, Ordering::Release);
        Ok(true)
    }

    fn write_notes(&self, durability: Durability) -> Result<(), StorageFault> {
        self.write_notes_to(&mut lock(&self.database), durability)
    }

    fn write_notes_to(
        &self,
        database: &mut Option<Open>,
        durability: Durability,
    ) -> Result<(), StorageFault> {
        let notes = {
            let mut notes = lock(&self.notes);
            if notes.list().is_empty() && matches!(durability, Durability::None) {
                return Ok(());
            }
            notes.take()
        };
        let apply = |database: &Database| rows::apply(database, &notes, Completeness::AsBefore, durability);
        match self.with_opened(database, apply) {
            Ok(allocated) => {
                // The rows know better than those who left the notes.
                let noted = notes.iter().map(Note::growth).sum::<i64>();
                self.growth.fetch_sub(noted, Ordering::Relaxed);
                self.allocated.store(allocated, Ordering::Relaxed);
                self.unflushed.store(matches!(durability, Durability::None), Ordering::Release);
                Ok(())
            }
            Err(fault) => {
                self.stale.store(true, Ordering::Release);
                lock(&self.notes).put_back(notes);
                Err(fault)
            }
        }
    }

    /// Runs `work` on the database. One that is missing or damaged is made anew, empty and stale.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StorageFault> {
        self.with_opened(&mut lock(&self.database), work)
    }

    /// The same on what is already locked. A database that failed is thrown away: what a failed sync left of it nobody knows, and
    /// redb takes what is in its pages for what it wrote, or panics.
    fn with_opened<T>(
        &self,
        database: &mut Option<Open>,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StorageFault> {
        let open = match database.take() {
            Some(open) => open,
            None => self.open_or_make()?,
        };
        match open.run("write", work) {
            Ok(done) => {
                *database = Some(open);
                Ok(done)
            }
            Err(fault) => {
                drop(open);
                self.throw_away();
                Err(fault)
            }
        }
    }

    /// Runs `work` on rows as they were at a moment, while others change them.
    fn read<T>(&self, work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, StorageFault> {
        database::guarded("read", path(), work).inspect_err(|_| {
            let mut database = lock(&self.database);
            drop(database.take());
            self.throw_away();
        })
    }

    /// Has whoever needs it next make it anew. The database is closed and locked.
    fn throw_away(&self) {
        self.stale.store(true, Ordering::Release);
        self.lost.store(true, Ordering::Release);
        // One that stays is found to be what it is by who opens it next.
        drop(self.disk.unlink(path()));
    }

    fn open_or_make(&self) -> Result<Open, StorageFault> {
        // After an unclean stop all is counted anyway, and redb's own panics may have been what stopped it.
        let pages = if self.is_stale() { Pages::Checked } else { Pages::Believed };
        let opened = open(&self.disk, pages).or_else(|fault| {
            if !database::is_lost(&fault) {
                return Err(fault);
            }
            self.disk.unlink(path()).blame("unlink", path())?;
            Ok(None)
        })?;
        let (database, is_complete, usage) = match opened {
            Some(opened) => opened,
            None => (make(&self.disk, Completeness::AsBefore)?, false, Usage::default()),
        };
        self.allocated.store(usage.allocated, Ordering::Relaxed);
        self.stale.fetch_or(!is_complete, Ordering::AcqRel);
        self.lost.fetch_or(!is_complete, Ordering::AcqRel);
        Ok(database)
    }
}

/// The database, if it is there, whether it began with all there was, and its sums. One whose tables are others is damaged,
/// too.
fn open(disk: &Arc<dyn Disk>, pages: Pages) -> Result<Option<(Open, bool, Usage)>, StorageFault> {
    let Some(database) = database::open(disk, path(), CACHE_LEN, (pages, Growth::Sparse))? else {
        return Ok(None);
    };
    let says = |database: &Database| Ok((rows::is_complete(database)?, rows::usage(database)?));
    let (is_complete, usage) = database.run("read", says)?;
    Ok(Some((database, is_complete, usage)))
}

fn make(disk: &Arc<dyn Disk>, completeness: Completeness) -> Result<Open, StorageFault> {
    database::make(disk, path(), CACHE_LEN, Growth::Sparse, |database| {
        rows::apply(database, &[], completeness, Durability::Immediate).map(drop)
    })
}

fn path() -> &'static Path {
    Path::new(INDEX)
}
