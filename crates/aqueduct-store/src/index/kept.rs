//! What others keep in the index because it may be lost.

use redb::{ReadableDatabase, TableDefinition, TableError};

use super::Index;
use crate::fault::StorageFault;

/// Text by name.
const KEPT: TableDefinition<'_, &str, &str> = TableDefinition::new("kept");

impl Index {
    /// Keeps each text under its name, or nothing, durably: until the index is lost.
    pub(crate) fn keep(&self, rows: &[(&str, Option<String>)]) -> Result<(), StorageFault> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            {
                let mut kept = transaction.open_table(KEPT)?;
                for (row, text) in rows {
                    match text {
                        Some(text) => drop(kept.insert(row, text.as_str())?),
                        None => drop(kept.remove(row)?),
                    }
                }
            }
            Ok(transaction.commit()?)
        })
    }

    /// What is kept under a name.
    pub(crate) fn kept(&self, row: &str) -> Result<Option<String>, StorageFault> {
        self.with(|database| match database.begin_read()?.open_table(KEPT) {
            Ok(kept) => Ok(kept.get(row)?.map(|text| text.value().to_owned())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        })
    }
}
