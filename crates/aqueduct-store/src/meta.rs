//! `meta.redb`: what is true only because it is written there. Never discarded by a repair.
//!
//! Rows are text, so that any redb reader shows them to a person. Today it holds the durable mark alone.

use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use redb::{Database, ReadableDatabase, TableDefinition};

use crate::database::{self, ReadOnly};
use crate::disk::Disk;
use crate::fault::StorageFault;
use crate::layout::META;
use crate::mark::State;
use crate::poison::lock;

/// A few rows fit in the smallest cache that redb works well with.
const CACHE_LEN: usize = 1 << 20;

const STATE: TableDefinition<'_, &str, &str> = TableDefinition::new("state");

const MARK: &str = "mark";
const SUSPECTS_SINCE: &str = "suspects-since";
const OPEN: &str = "open";
const INDEX_STALE: &str = "index-stale";

#[derive(Debug)]
pub(crate) struct Meta {
    disk: Arc<dyn Disk>,
    /// Opened for writing by the first change: opening it so takes several syncs, which whoever only reads is spared.
    database: Mutex<Option<Database>>,
}

impl Meta {
    /// Reads it; `None` where the store was never finished. A row that does not read as what it should be is damage.
    pub(crate) fn read(disk: &Arc<dyn Disk>) -> Result<Option<(Self, State)>, StorageFault> {
        let (rows, database) = match database::open_read_only(disk, path(), CACHE_LEN)? {
            ReadOnly::Absent => return Ok(None),
            ReadOnly::Open(database) => (Rows::read(&database), None),
            // Its last writer did not live to close it.
            ReadOnly::NeedsRepair => {
                let Some(database) = database::open(disk, path(), CACHE_LEN)? else { return Ok(None) };
                (Rows::read(&database), Some(database))
            }
        };
        let state = rows.map_err(|error| database::fault("read", path(), error))?.state()?;
        Ok(Some((Self { disk: Arc::clone(disk), database: Mutex::new(database) }, state)))
    }

    /// Makes it, holding `state`.
    pub(crate) fn make(disk: &Arc<dyn Disk>, state: &State) -> Result<Self, StorageFault> {
        let database = database::make(disk, path(), CACHE_LEN, |database| write(database, state))?;
        Ok(Self { disk: Arc::clone(disk), database: Mutex::new(Some(database)) })
    }

    /// Records `state`, durable when this returns.
    pub(crate) fn record(&self, state: &State) -> Result<(), StorageFault> {
        let mut database = lock(&self.database);
        if database.is_none() {
            *database = database::open(&self.disk, path(), CACHE_LEN)?;
        }
        let gone = || StorageFault::new("open", path(), io::ErrorKind::NotFound.into());
        let database = database.as_ref().ok_or_else(gone)?;
        write(database, state).map_err(|error| database::fault("write", path(), error))
    }
}

fn path() -> &'static Path {
    Path::new(META)
}

/// The rows as they stand in the table.
struct Rows {
    mark: Option<String>,
    suspects_since: Option<String>,
    open: Option<String>,
    index_stale: Option<String>,
}

impl Rows {
    fn read(database: &impl ReadableDatabase) -> Result<Self, redb::Error> {
        let transaction = database.begin_read()?;
        let table = transaction.open_table(STATE)?;
        let row = |key: &str| -> Result<Option<String>, redb::Error> {
            Ok(table.get(key)?.map(|value| value.value().to_owned()))
        };
        Ok(Self {
            mark: row(MARK)?,
            suspects_since: row(SUSPECTS_SINCE)?,
            open: row(OPEN)?,
            index_stale: row(INDEX_STALE)?,
        })
    }

    fn state(self) -> Result<State, StorageFault> {
        Ok(State {
            mark: parse(MARK, self.mark)?,
            suspects_since: parse(SUSPECTS_SINCE, self.suspects_since)?,
            is_open: parse(OPEN, self.open)?.ok_or_else(|| damaged(OPEN))?,
            index_stale: parse(INDEX_STALE, self.index_stale)?.ok_or_else(|| damaged(INDEX_STALE))?,
        })
    }
}

fn parse<T: FromStr>(row: &str, value: Option<String>) -> Result<Option<T>, StorageFault> {
    value.map(|value| value.parse().map_err(|_| damaged(row))).transpose()
}

fn damaged(row: &str) -> StorageFault {
    let source = io::Error::new(io::ErrorKind::InvalidData, format!("no valid row '{row}'"));
    StorageFault::new("read", path(), source)
}

fn write(database: &Database, state: &State) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    // Two syncs instead of a checksum over whatever a power cut left: this is the one file that cannot be derived again.
    transaction.set_two_phase_commit(true);
    {
        let mut table = transaction.open_table(STATE)?;
        table.insert(OPEN, state.is_open.to_string().as_str())?;
        table.insert(INDEX_STALE, state.index_stale.to_string().as_str())?;
        for (row, value) in [(MARK, state.mark), (SUSPECTS_SINCE, state.suspects_since)] {
            match value {
                Some(value) => drop(table.insert(row, value.to_string().as_str())?),
                None => drop(table.remove(row)?),
            }
        }
    }
    transaction.commit()?;
    Ok(())
}
