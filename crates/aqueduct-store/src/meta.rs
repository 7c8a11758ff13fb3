//! `meta.redb`: what is true only because it is written there. Never discarded by a repair.
//!
//! Rows of the state are text, so that any redb reader shows them to a person: the durable mark, and the pins. What entries say
//! is in `entries/rows.rs`.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, RwLock};

use aqueduct_blob::Digest;
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction,
};

use crate::database::{self, Growth, Open, Pages};
use crate::disk::Disk;
use crate::fault::StorageFault;
use crate::layout::META;
use crate::mark::State;
use crate::poison::{alone, lock, share};

/// What redb may keep of it in memory: a commit of what gathered of entries changes as many pages all over it, which are written
/// once each where they fit, and again and again where they do not.
const CACHE_LEN: usize = 64 << 20;

const STATE: TableDefinition<'_, &str, &str> = TableDefinition::new("state");

/// A digest -> when it was pinned, in seconds since 1970.
const PINS: TableDefinition<'_, &str, &str> = TableDefinition::new("pins");

const MARK: &str = "mark";
const SUSPECTS_SINCE: &str = "suspects-since";
const OPEN: &str = "open";
const INDEX_STALE: &str = "index-stale";

#[derive(Debug)]
pub(crate) struct Meta {
    disk: Arc<dyn Disk>,
    database: RwLock<Opened>,
    /// Held while it is changed.
    changing: Mutex<()>,
}

/// As what it is open.
#[derive(Debug)]
enum Opened {
    /// It is not.
    No,
    /// To be read: each of its pages was held against its checksum.
    Checked(Open),
    /// To be changed, too, which takes several syncs that whoever only reads is spared.
    Writable(Open),
}

impl Meta {
    /// Reads it; `None` where the store was never finished. A page or a row that does not read as what it should be is damage.
    pub(crate) fn read(disk: &Arc<dyn Disk>) -> Result<Option<(Self, State)>, StorageFault> {
        let Some(database) = database::inspect(disk, path(), CACHE_LEN)? else { return Ok(None) };
        let state = database.run("read", Rows::read)?.state()?;
        Ok(Some((Self::new(disk, Opened::Checked(database)), state)))
    }

    /// What it says, once all of it was held against its checksums, and the pins whose names are no digests; `None` where there
    /// is none. Changes nothing.
    pub(crate) fn inspect(disk: &Arc<dyn Disk>) -> Result<Option<(State, Vec<String>)>, StorageFault> {
        let Some(database) = database::inspect(disk, path(), CACHE_LEN)? else { return Ok(None) };
        let state = database.run("read", Rows::read)?.state()?;
        let names = database.run("read", pinned)?;
        let foreign = names.into_iter().filter(|name| name.parse::<Digest>().is_err());
        Ok(Some((state, foreign.collect())))
    }

    /// For whoever only looks: it is opened when something is to be read of it, or written to it.
    pub(crate) fn unopened(disk: &Arc<dyn Disk>) -> Self {
        Self::new(disk, Opened::No)
    }

    /// Makes it, holding `state`.
    pub(crate) fn make(disk: &Arc<dyn Disk>, state: &State) -> Result<Self, StorageFault> {
        let database = database::make(disk, path(), CACHE_LEN, Growth::Reserved, |database| {
            commit(database, Durability::Immediate, |transaction| write_state(transaction, state))
        })?;
        Ok(Self::new(disk, Opened::Writable(database)))
    }

    fn new(disk: &Arc<dyn Disk>, database: Opened) -> Self {
        Self { disk: Arc::clone(disk), database: RwLock::new(database), changing: Mutex::default() }
    }

    /// Records `state`, durable when this returns.
    pub(crate) fn record(&self, state: &State) -> Result<(), StorageFault> {
        self.change(Durability::Immediate, |transaction| write_state(transaction, state))
    }

    /// The pinned names. One that reads as none is left alone.
    pub(crate) fn pins(&self) -> Result<BTreeSet<Digest>, StorageFault> {
        self.read_with(read_pins)
    }

    /// Pins a name, durable when this returns.
    pub(crate) fn pin(&self, digest: &Digest, at: i64) -> Result<(), StorageFault> {
        let (name, at) = (digest.to_string(), at.to_string());
        self.change(Durability::Immediate, |transaction| {
            transaction.open_table(PINS)?.insert(name.as_str(), at.as_str())?;
            Ok(())
        })
    }

    /// Takes a pin away, durable when this returns.
    pub(crate) fn unpin(&self, digest: &Digest) -> Result<(), StorageFault> {
        self.change(Durability::Immediate, |transaction| {
            transaction.open_table(PINS)?.remove(digest.to_string().as_str())?;
            Ok(())
        })
    }

    /// Reads something of it, while others may change it.
    pub(crate) fn read_with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StorageFault> {
        let read = loop {
            match &*share(&self.database) {
                Opened::Checked(open) | Opened::Writable(open) => break open.run("read", work),
                Opened::No => {}
            }
            let mut database = alone(&self.database);
            if matches!(*database, Opened::No) {
                let checked = database::inspect(&self.disk, path(), CACHE_LEN)?.ok_or_else(gone)?;
                *database = Opened::Checked(checked);
            }
        };
        // What redb holds of it after that nobody knows.
        read.inspect_err(|_| *alone(&self.database) = Opened::No)
    }

    /// Changes it, as durable as asked when this returns. One change at a time.
    pub(crate) fn change(
        &self,
        durability: Durability,
        change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StorageFault> {
        let _changing = lock(&self.changing);
        let changed = loop {
            if let Opened::Writable(open) = &*share(&self.database) {
                break open.run("write", |database| commit(database, durability, change));
            }
            self.open_writable()?;
        };
        // One that failed to write takes nothing more until it is opened again.
        changed.inspect_err(|_| *alone(&self.database) = Opened::No)
    }

    fn open_writable(&self) -> Result<(), StorageFault> {
        let mut database = alone(&self.database);
        // What was held against its checksums in this session, and not written to since, need not be once more.
        let pages = match &*database {
            Opened::Writable(_) => return Ok(()),
            Opened::Checked(_) => Pages::Believed,
            Opened::No => Pages::Checked,
        };
        *database = Opened::No;
        let open =
            database::open(&self.disk, path(), CACHE_LEN, (pages, Growth::Reserved))?.ok_or_else(gone)?;
        *database = Opened::Writable(open);
        Ok(())
    }
}

fn commit(
    database: &Database,
    durability: Durability,
    change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(durability)?;
    // Two syncs instead of a checksum over whatever a power cut left: this is the one file that cannot be derived again.
    transaction.set_two_phase_commit(true);
    change(&transaction)?;
    transaction.commit()?;
    Ok(())
}

fn read_pins(database: &impl ReadableDatabase) -> Result<BTreeSet<Digest>, redb::Error> {
    Ok(pinned(database)?.iter().filter_map(|name| name.parse().ok()).collect())
}

/// The names that are pinned, as they are written.
fn pinned(database: &impl ReadableDatabase) -> Result<Vec<String>, redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(PINS) {
        // No name was ever pinned.
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        table => table?,
    };
    table.iter()?.map(|row| Ok(row?.0.value().to_owned())).collect()
}

fn gone() -> StorageFault {
    StorageFault::new("open", path(), io::ErrorKind::NotFound.into())
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

fn write_state(transaction: &WriteTransaction, state: &State) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(STATE)?;
    table.insert(OPEN, state.is_open.to_string().as_str())?;
    table.insert(INDEX_STALE, state.index_stale.to_string().as_str())?;
    for (row, value) in [(MARK, state.mark), (SUSPECTS_SINCE, state.suspects_since)] {
        match value {
            Some(value) => drop(table.insert(row, value.to_string().as_str())?),
            None => drop(table.remove(row)?),
        }
    }
    Ok(())
}
