//! The tables of entries in `meta.redb`, and what a transaction does to them.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use aqueduct_blob::{Algorithm, Digest};
use redb::{
    Database, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    TableError, WriteTransaction,
};

use super::{Entry, Key};
use crate::index::code;

type KeyRow<'a> = (&'a str, &'a str);
/// Algorithm and digest of the value, its size, when the row was written, references, and fields.
type EntryRow<'a> = (u8, [u8; 32], u64, i64, &'a [u8], &'a str);
type ReferrerRow<'a> = (u8, [u8; 32], &'a str, &'a str);

/// (namespace, key) -> the entry.
const ENTRIES: TableDefinition<'_, KeyRow<'static>, EntryRow<'static>> = TableDefinition::new("entries");

/// (a digest that an entry refers to, namespace, key): so that the entries of a blob are found when it goes.
const REFERRERS: TableDefinition<'_, ReferrerRow<'static>, ()> = TableDefinition::new("referrers");

/// An entry as it is to be from now on, or that there is none.
pub(super) struct Change {
    pub(super) key: Key,
    /// Which change of all it is.
    pub(super) number: u64,
    pub(super) entry: Option<Arc<Entry>>,
}

/// Every entry there is, in order. Rows that are none are passed over.
pub(super) fn each(database: &Database, told: &mut dyn FnMut(Key, Entry)) -> Result<(), redb::Error> {
    let Some(table) = entries(database)? else { return Ok(()) };
    for row in table.iter()? {
        let (key, value) = row?;
        if let Some((key, entry)) = read(key.value(), value.value()) {
            told(key, entry);
        }
    }
    Ok(())
}

/// One entry.
pub(super) fn get(database: &Database, key: &Key) -> Result<Option<Entry>, redb::Error> {
    let Some(table) = entries(database)? else { return Ok(None) };
    let row = table.get((key.namespace(), key.key()))?;
    Ok(row.and_then(|row| entry(row.value())))
}

/// Up to `limit` entries in order, from the one after `after` on.
pub(super) fn page(
    database: &Database,
    namespace: Option<&str>,
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<(Key, Entry)>, redb::Error> {
    let Some(table) = entries(database)? else { return Ok(Vec::new()) };
    let first = namespace.map(|namespace| (namespace, ""));
    let after = after.map(|after| (after.namespace(), after.key()));
    let start = match after {
        Some(after) if first.is_none_or(|first| after >= first) => Bound::Excluded(after),
        _ => Bound::Included(first.unwrap_or(("", ""))),
    };
    let mut page = Vec::new();
    for row in table.range::<KeyRow<'_>>((start, Bound::Unbounded))? {
        let (key, value) = row?;
        if page.len() == limit || namespace.is_some_and(|namespace| key.value().0 != namespace) {
            break;
        }
        page.extend(read(key.value(), value.value()));
    }
    Ok(page)
}

/// The keys of up to `limit` entries that refer to one of these.
pub(super) fn referrers(
    database: &Database,
    digests: &[Digest],
    limit: usize,
) -> Result<BTreeSet<Key>, redb::Error> {
    let table = match database.begin_read()?.open_table(REFERRERS) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(BTreeSet::new()),
        table => table?,
    };
    let mut keys = BTreeSet::new();
    for digest in digests {
        let (algorithm, bytes) = (code(digest.algorithm()), *digest.as_bytes());
        for row in table.range((algorithm, bytes, "", "")..)? {
            let row = row?.0;
            let (of, value, namespace, key) = row.value();
            if (of, value) != (algorithm, bytes) || keys.len() == limit {
                break;
            }
            keys.extend(Key::new(namespace, key));
        }
    }
    Ok(keys)
}

/// Every digest that an entry refers to, once each, in order.
pub(super) fn referred(database: &Database) -> Result<Vec<Digest>, redb::Error> {
    let table = match database.begin_read()?.open_table(REFERRERS) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        table => table?,
    };
    let mut digests = Vec::new();
    for row in table.iter()? {
        let row = row?.0;
        let (algorithm, bytes, _, _) = row.value();
        digests.extend(digest(algorithm, bytes));
        if let [.., before, last] = digests[..]
            && before == last
        {
            digests.pop();
        }
    }
    Ok(digests)
}

/// Tells of every entry, and answers how many rows are none, how many are missing in [`REFERRERS`], and how many are there of
/// which no entry knows.
pub(super) fn survey(
    database: &Database,
    told: &mut dyn FnMut(&Entry),
) -> Result<(u64, u64, u64), redb::Error> {
    let (mut foreign, mut missing, mut known) = (0, 0, 0);
    let referrers = match database.begin_read()?.open_table(REFERRERS) {
        Err(TableError::TableDoesNotExist(_)) => None,
        table => Some(table?),
    };
    if let Some(table) = entries(database)? {
        for row in table.iter()? {
            let (key, value) = row?;
            let Some((key, entry)) = read(key.value(), value.value()) else {
                foreign += 1;
                continue;
            };
            for digest in entry.named() {
                let row = (code(digest.algorithm()), *digest.as_bytes(), key.namespace(), key.key());
                let is_there = match &referrers {
                    Some(referrers) => referrers.get(row)?.is_some(),
                    None => false,
                };
                if is_there { known += 1 } else { missing += 1 }
            }
            told(&entry);
        }
    }
    let count = referrers.map_or(Ok(0), |referrers| referrers.len())?;
    Ok((foreign, missing, count.saturating_sub(known)))
}

/// Takes rows away that are no entry, and writes [`REFERRERS`] anew.
pub(super) fn mend(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    let mut entries = transaction.open_table(ENTRIES)?;
    entries.retain(|key, value| read(key, value).is_some())?;
    transaction.delete_table(REFERRERS)?;
    let mut referrers = transaction.open_table(REFERRERS)?;
    for row in entries.iter()? {
        let (key, value) = row?;
        let Some((key, entry)) = read(key.value(), value.value()) else { continue };
        for digest in entry.named() {
            let row = (code(digest.algorithm()), *digest.as_bytes(), key.namespace(), key.key());
            referrers.insert(row, ())?;
        }
    }
    Ok(())
}

/// Makes the rows say what the changes do.
pub(super) fn apply(transaction: &WriteTransaction, changes: &[Change]) -> Result<(), redb::Error> {
    let mut entries = transaction.open_table(ENTRIES)?;
    // In the order of the table, so that neighbours are written together.
    let (mut gone, mut new) = (BTreeSet::new(), BTreeSet::new());
    for Change { key, entry: after, .. } in changes {
        let (namespace, name) = (key.namespace(), key.key());
        let before = match after {
            Some(after) => {
                let references = bytes(&after.references);
                let fields = text(&after.fields);
                let value = &after.value;
                let row = (
                    code(value.algorithm()),
                    *value.as_bytes(),
                    after.size,
                    after.written,
                    references.as_slice(),
                    fields.as_str(),
                );
                entries.insert((namespace, name), row)?.and_then(|row| entry(row.value()))
            }
            None => entries.remove((namespace, name))?.and_then(|row| entry(row.value())),
        };
        let before: BTreeSet<_> = before.iter().flat_map(Entry::named).collect();
        let after: BTreeSet<_> = after.iter().flat_map(|after| after.named()).collect();
        let row = |digest: &Digest| (code(digest.algorithm()), *digest.as_bytes(), namespace, name);
        gone.extend(before.difference(&after).map(row));
        new.extend(after.difference(&before).map(row));
    }
    let mut referrers = transaction.open_table(REFERRERS)?;
    for row in gone {
        referrers.remove(row)?;
    }
    for row in new {
        referrers.insert(row, ())?;
    }
    Ok(())
}

fn entries(
    database: &Database,
) -> Result<Option<ReadOnlyTable<KeyRow<'static>, EntryRow<'static>>>, redb::Error> {
    match database.begin_read()?.open_table(ENTRIES) {
        // There never was any.
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        table => Ok(Some(table?)),
    }
}

/// What a row says; `None` where no store wrote it.
fn read((namespace, key): KeyRow<'_>, row: EntryRow<'_>) -> Option<(Key, Entry)> {
    Some((Key::new(namespace, key).ok()?, entry(row)?))
}

fn entry((algorithm, value, size, written, references, fields): EntryRow<'_>) -> Option<Entry> {
    let (chunks, []) = references.as_chunks::<REFERENCE_LEN>() else { return None };
    let reference = |[algorithm, bytes @ ..]: &[u8; REFERENCE_LEN]| digest(*algorithm, *bytes);
    let entry = Entry {
        value: digest(algorithm, value)?,
        size,
        references: chunks.iter().map(reference).collect::<Option<_>>()?,
        fields: fields.lines().map(field).collect::<Option<_>>()?,
        written,
    };
    // Exactly as it is written, and no more than anybody was let write.
    let is_ours = entry.is_in_order() && entry.check().is_ok() && text(&entry.fields) == fields;
    is_ours.then_some(entry)
}

fn field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(": ")?;
    Some((name.to_owned(), value.to_owned()))
}

fn text(fields: &[(String, String)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

fn bytes(references: &[Digest]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(references.len() * REFERENCE_LEN);
    for digest in references {
        bytes.push(code(digest.algorithm()));
        bytes.extend_from_slice(digest.as_bytes());
    }
    bytes
}

fn digest(algorithm: u8, bytes: [u8; 32]) -> Option<Digest> {
    let algorithm = Algorithm::ALL.into_iter().find(|known| code(*known) == algorithm)?;
    Some(Digest::new(algorithm, bytes))
}

/// The algorithm's number, and the digest.
const REFERENCE_LEN: usize = 33;
