//! `meta.redb`: what is true only because it is written there. Never discarded by a repair.
//!
//! Rows are text, so that any redb reader shows them to a person. Today it holds the durable mark alone.

use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadableDatabase, TableDefinition};

use crate::database;
use crate::disk::{Disk, Incarnation};
use crate::fault::StorageFault;
use crate::layout::META;
use crate::mark::State;

/// A few rows fit in the smallest cache that redb works well with.
const CACHE_LEN: usize = 1 << 20;

const STATE: TableDefinition<'_, &str, &str> = TableDefinition::new("state");

const MARK: &str = "mark";
const LOOSE: &str = "loose";
const SUSPECTS_SINCE: &str = "suspects-since";
const SESSION: &str = "session";
const INDEX_STALE: &str = "index-stale";

#[derive(Debug)]
pub(crate) struct Meta {
    database: Database,
}

impl Meta {
    /// Opens it; `None` where the store was never finished.
    pub(crate) fn open(disk: &Arc<dyn Disk>) -> Result<Option<Self>, StorageFault> {
        Ok(database::open(disk, path(), CACHE_LEN)?.map(|database| Self { database }))
    }

    /// Makes it, holding `state`.
    pub(crate) fn make(disk: &Arc<dyn Disk>, state: &State) -> Result<Self, StorageFault> {
        let database = database::make(disk, path(), CACHE_LEN, |database| write(database, state))?;
        Ok(Self { database })
    }

    /// The state as last recorded. A row that does not read as what it should be is damage.
    pub(crate) fn state(&self) -> Result<State, StorageFault> {
        let damaged = |row: &str| {
            let source =
                std::io::Error::new(std::io::ErrorKind::InvalidData, format!("no valid row '{row}'"));
            StorageFault::new("read", path(), source)
        };
        let rows = Rows::read(&self.database).map_err(|error| database::fault("read", path(), error))?;
        Ok(State {
            mark: rows.mark.parse().map_err(|_| damaged(MARK))?,
            loose: rows.loose.parse().map_err(|_| damaged(LOOSE))?,
            suspects_since: rows
                .suspects_since
                .map(|since| since.parse().map_err(|_| damaged(SUSPECTS_SINCE)))
                .transpose()?,
            session: rows.session.map(Incarnation),
            index_stale: rows.index_stale.parse().map_err(|_| damaged(INDEX_STALE))?,
        })
    }

    /// Records `state`, durable when this returns.
    pub(crate) fn record(&self, state: &State) -> Result<(), StorageFault> {
        write(&self.database, state).map_err(|error| database::fault("write", path(), error))
    }
}

fn path() -> &'static Path {
    Path::new(META)
}

/// The rows as they stand in the table, an absent one empty.
#[derive(Default)]
struct Rows {
    mark: String,
    loose: String,
    suspects_since: Option<String>,
    session: Option<String>,
    index_stale: String,
}

impl Rows {
    fn read(database: &Database) -> Result<Self, redb::Error> {
        let transaction = database.begin_read()?;
        let table = transaction.open_table(STATE)?;
        let row = |key: &str| -> Result<Option<String>, redb::Error> {
            Ok(table.get(key)?.map(|value| value.value().to_owned()))
        };
        Ok(Self {
            mark: row(MARK)?.unwrap_or_default(),
            loose: row(LOOSE)?.unwrap_or_default(),
            suspects_since: row(SUSPECTS_SINCE)?,
            session: row(SESSION)?,
            index_stale: row(INDEX_STALE)?.unwrap_or_default(),
        })
    }
}

fn write(database: &Database, state: &State) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    // Two syncs instead of a checksum over whatever a power cut left: this is the one file that cannot be derived again.
    transaction.set_two_phase_commit(true);
    {
        let mut table = transaction.open_table(STATE)?;
        table.insert(MARK, state.mark.to_string().as_str())?;
        table.insert(LOOSE, state.loose.to_string().as_str())?;
        table.insert(INDEX_STALE, state.index_stale.to_string().as_str())?;
        match state.suspects_since {
            Some(since) => drop(table.insert(SUSPECTS_SINCE, since.to_string().as_str())?),
            None => drop(table.remove(SUSPECTS_SINCE)?),
        }
        match &state.session {
            Some(Incarnation(session)) => drop(table.insert(SESSION, session.as_str())?),
            None => drop(table.remove(SESSION)?),
        }
    }
    transaction.commit()?;
    Ok(())
}
