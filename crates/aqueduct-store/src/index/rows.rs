//! The tables of the index, and what a transaction does to them.

use std::collections::{BinaryHeap, HashMap};

use aqueduct_blob::{Algorithm, Digest};
use redb::{
    Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition,
};

use super::{Note, Usage};

type Key = (u8, [u8; 32]);
type Value = (u64, u64, i64, i64);

/// (algorithm, digest) -> (size, allocated, used, told), as [`Row`] has them.
const ROWS: TableDefinition<'_, Key, Value> = TableDefinition::new("rows");
/// Sums over [`ROWS`], kept by the transactions that change it.
const SUMS: TableDefinition<'_, &str, u64> = TableDefinition::new("sums");
const SIZE: &str = "size";
const ALLOCATED: &str = "allocated";
/// A row that is there only where the tree was known to be matched, or empty, when the index was made.
const COMPLETE: &str = "complete";

/// What the index knows of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// In bytes.
    pub(crate) size: u64,
    /// What it takes on the medium, in bytes.
    pub(crate) allocated: u64,
    /// When it was used last, in seconds since 1970.
    pub(crate) used: i64,
    /// When somebody was last told that it is there.
    pub(crate) told: i64,
}

/// What a commit says of the whole index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Completeness {
    AsBefore,
    Complete,
}

/// The rows as they were at a moment.
pub(super) struct Snapshot {
    rows: ReadOnlyTable<Key, Value>,
    /// The sum of what they take.
    allocated: u64,
}

pub(super) fn snapshot(database: &Database) -> Result<Snapshot, redb::Error> {
    let transaction = database.begin_read()?;
    let allocated = transaction.open_table(SUMS)?.get(ALLOCATED)?.map_or(0, |sum| sum.value());
    Ok(Snapshot { rows: transaction.open_table(ROWS)?, allocated })
}

pub(super) fn rows(database: &Database, digests: &[Digest]) -> Result<Vec<Option<Row>>, redb::Error> {
    let table = database.begin_read()?.open_table(ROWS)?;
    let rows = digests.iter().map(|digest| Ok(table.get(key(digest))?.map(|row| Row::from(row.value()))));
    rows.collect()
}

pub(super) fn usage(database: &Database) -> Result<Usage, redb::Error> {
    let transaction = database.begin_read()?;
    let count = transaction.open_table(ROWS)?.len()?;
    let sums = transaction.open_table(SUMS)?;
    let sum = |name| -> Result<u64, redb::Error> { Ok(sums.get(name)?.map_or(0, |sum| sum.value())) };
    Ok(Usage { count, size: sum(SIZE)?, allocated: sum(ALLOCATED)? })
}

pub(super) fn is_complete(database: &Database) -> Result<bool, redb::Error> {
    let transaction = database.begin_read()?;
    transaction.open_table(ROWS)?;
    Ok(transaction.open_table(SUMS)?.get(COMPLETE)?.is_some())
}

/// Writes what was noted. Answers what all blobs take on the medium now.
pub(super) fn apply(
    database: &Database,
    notes: &[Note],
    completeness: Completeness,
    durability: Durability,
) -> Result<u64, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(durability)?;
    let mut changes = Changes::default();
    let taken;
    {
        let mut rows = transaction.open_table(ROWS)?;
        let mut sums = transaction.open_table(SUMS)?;
        for note in notes {
            let digest = note.digest();
            let before = rows.get(key(&digest))?.map(|row| Row::from(row.value()));
            let after = note.after(before);
            match after {
                Some(after) if before != Some(after) => drop(rows.insert(key(&digest), after.value())?),
                None if before.is_some() => drop(rows.remove(key(&digest))?),
                _ => {}
            }
            changes.add(before, after);
        }
        let sum = |name, change| -> Result<u64, redb::Error> {
            let before = sums.get(name)?.map_or(0, |sum| sum.value());
            Ok(before.saturating_add_signed(change))
        };
        let mut sum = (sum(SIZE, changes.size)?, sum(ALLOCATED, changes.allocated)?);
        if completeness == Completeness::Complete {
            // No sum that a medium has changed outlives this.
            sum = (0, 0);
            let mut count = 0;
            for row in rows.iter()? {
                let row = Row::from(row?.1.value());
                count += 1;
                sum = (sum.0.saturating_add(row.size), sum.1.saturating_add(row.allocated));
            }
            if count != rows.len()? {
                return Err(redb::Error::Corrupted("rows are miscounted".to_owned()));
            }
            sums.insert(COMPLETE, 1)?;
        }
        let size;
        (size, taken) = sum;
        sums.insert(SIZE, size)?;
        sums.insert(ALLOCATED, taken)?;
    }
    transaction.commit()?;
    Ok(taken)
}

impl Snapshot {
    /// What is known of the blobs in a shard.
    pub(super) fn shard(&self, algorithm: Algorithm, first: u8) -> Result<HashMap<Digest, Row>, redb::Error> {
        let (mut low, mut high) = ([0; 32], [u8::MAX; 32]);
        (low[0], high[0]) = (first, first);
        let mut found = HashMap::new();
        for row in self.rows.range((code(algorithm), low)..=(code(algorithm), high))? {
            let (key, value) = row?;
            found.insert(Digest::new(algorithm, key.value().1), value.value().into());
        }
        Ok(found)
    }

    /// The `count` blobs that were used least lately, in that order, but for those `spared`.
    pub(super) fn least_used(
        &self,
        count: usize,
        spared: &dyn Fn(&Digest, &Row) -> bool,
    ) -> Result<Vec<(Digest, Row)>, redb::Error> {
        // The one used last on top, to make room for one that was used before it.
        let mut oldest = BinaryHeap::with_capacity(count + 1);
        let mut allocated = 0_u64;
        for algorithm in Algorithm::ALL {
            let all = (code(algorithm), [0; 32])..=(code(algorithm), [u8::MAX; 32]);
            for row in self.rows.range(all)? {
                let (key, value) = row?;
                let (digest, row) = (Digest::new(algorithm, key.value().1), Row::from(value.value()));
                allocated = allocated.saturating_add(row.allocated);
                let is_older = oldest.len() < count
                    || oldest.peek().is_some_and(|(used, _, _): &(i64, Digest, Value)| row.used < *used);
                if is_older && !spared(&digest, &row) {
                    oldest.push((row.used, digest, row.value()));
                    if oldest.len() > count {
                        oldest.pop();
                    }
                }
            }
        }
        // By that sum somebody has found that blobs have to go.
        if allocated != self.allocated {
            return Err(redb::Error::Corrupted("sums are not those of the rows".to_owned()));
        }
        let sorted = oldest.into_sorted_vec();
        Ok(sorted.into_iter().map(|(_, digest, value)| (digest, value.into())).collect())
    }
}

impl Row {
    fn value(self) -> Value {
        (self.size, self.allocated, self.used, self.told)
    }
}

impl From<Value> for Row {
    fn from((size, allocated, used, told): Value) -> Self {
        Self { size, allocated, used, told }
    }
}

/// By how much the sums change.
#[derive(Default)]
struct Changes {
    size: i64,
    allocated: i64,
}

impl Changes {
    fn add(&mut self, before: Option<Row>, after: Option<Row>) {
        let of = |row: Option<Row>, of: fn(&Row) -> u64| row.map_or(0, |row| signed(of(&row)));
        self.size += of(after, |row| row.size) - of(before, |row| row.size);
        self.allocated += of(after, |row| row.allocated) - of(before, |row| row.allocated);
    }
}

fn signed(len: u64) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

fn key(digest: &Digest) -> Key {
    (code(digest.algorithm()), *digest.as_bytes())
}

/// The algorithm's number in the databases, which sorts as [`Digest`] does.
pub(crate) fn code(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Sha256 => 1,
        Algorithm::Blake3 => 2,
    }
}
