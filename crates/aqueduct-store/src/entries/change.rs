//! How entries change, and when a change counts.

use std::collections::BTreeSet;
use std::slice;
use std::sync::{Arc, RwLockReadGuard};

use aqueduct_blob::Digest;
use redb::Durability;

use super::look::{Look, Settled};
use super::rows::Change;
use super::{
    ENTRY_COUNT_MAX, ENTRY_REFERENCE_SUM_MAX, Entry, EntryError, EntryOutcome, Key, NAMESPACE_COUNT_MAX,
    Overwrite, rows,
};
use crate::fault::{Blame, ChangeError, StorageFault};
use crate::layout;
use crate::poison::{alone, lock, share};
use crate::store::Inner;

impl Inner {
    pub(super) fn put_entry(
        &self,
        key: &Key,
        mut entry: Entry,
        overwrite: Overwrite,
    ) -> Result<EntryOutcome, EntryError> {
        entry.put_in_order();
        entry.check()?;
        self.read_entries()?;
        let named: Vec<_> = entry.named().collect();
        let mut settled = Settled::default();
        // A few are nearly always as they should be, and are looked at once.
        let mut is_looked_for = named.len() <= FEW_COUNT;
        let (outcome, number) = loop {
            self.begin_changes()?;
            // With nothing locked: a suspect is hashed, or a directory synced.
            if !is_looked_for && let Err(digest) = self.look_for(&named, &mut settled)? {
                return Err(EntryError::Incomplete { digest });
            }
            is_looked_for = false;
            let stays = match overwrite {
                Overwrite::Replace => None,
                Overwrite::Keep => match self.find_entry(key)? {
                    Some(before) => self.is_whole(&before)?.then_some(before),
                    None => None,
                },
            };
            let _changing = lock(&self.entries.changing);
            let before = self.find_entry(key)?;
            let Look::Here { naming, first_size } = self.look_at(&named, &settled)? else { continue };
            // It was closed meanwhile, and what is done now belongs to another session.
            if !self.is_on_record() {
                continue;
            }
            let outcome = match &before {
                None => EntryOutcome::New,
                Some(before) if before.says_same(&entry) => EntryOutcome::Same,
                Some(_) if overwrite == Overwrite::Replace => EntryOutcome::Replaced,
                // Another one than was looked at.
                Some(_) if stays.is_some() && stays != before => continue,
                Some(_) if stays.is_some() => EntryOutcome::Kept,
                Some(_) => EntryOutcome::Replaced,
            };
            if outcome != EntryOutcome::Kept {
                self.promise_named(&named);
            }
            if matches!(outcome, EntryOutcome::Same | EntryOutcome::Kept) {
                break (outcome, None);
            }
            // The value is the first of those that it names.
            entry.size = first_size;
            entry.written = self.disk.now();
            let mut known = alone(&self.entries.known);
            if outcome == EntryOutcome::New && known.count() >= ENTRY_COUNT_MAX {
                return Err(EntryError::TooMany { limit: ENTRY_COUNT_MAX });
            }
            if !known.has_room_for_namespace(key) {
                return Err(EntryError::TooMany { limit: NAMESPACE_COUNT_MAX });
            }
            if known.reference_count() + entry.named_count() > ENTRY_REFERENCE_SUM_MAX {
                return Err(EntryError::TooMany { limit: ENTRY_REFERENCE_SUM_MAX });
            }
            let number = known.change(key, before.as_deref(), Some(Arc::new(entry)));
            drop(naming);
            break (outcome, Some(number));
        };
        if outcome == EntryOutcome::Replaced {
            self.entries.watchers.tell(key);
        }
        self.index.write_if_many();
        self.finish_change(key, number)?;
        Ok(outcome)
    }

    pub(super) fn remove_entry(&self, key: &Key) -> Result<bool, ChangeError> {
        self.read_entries()?;
        let number = {
            let _changing = lock(&self.entries.changing);
            let _naming = self.naming_on_record()?;
            let before = self.find_entry(key)?;
            before.map(|before| alone(&self.entries.known).change(key, Some(&before), None))
        };
        if number.is_some() {
            self.entries.watchers.tell(key);
        }
        // Where there was none, too: somebody else may have removed it, and not have written that.
        self.finish_change(key, number)?;
        Ok(number.is_some())
    }

    /// A blob was removed: drops the entries that name it, as durable as the policy asks. To be called with nothing locked.
    pub(crate) fn drop_entries_for_good(&self, gone: &Digest) -> Result<(), ChangeError> {
        self.drop_entries_of(slice::from_ref(gone))?;
        // Of those, too, that somebody else has dropped meanwhile.
        if self.is_loose() || share(&self.entries.known).row_count() == 0 {
            return Ok(());
        }
        match self.commit_entries() {
            // On a full disk blobs can be removed. Whatever becomes of the rows, they are found no more.
            Err(ChangeError::Fault(fault)) if fault.is_untried() => Ok(()),
            written => written,
        }
    }

    /// Names of blobs were taken away: drops the entries that name one of them, which may not be written yet when this returns.
    /// To be called with nothing locked.
    pub(crate) fn drop_entries_of(&self, gone: &[Digest]) -> Result<(), ChangeError> {
        self.read_entries()?;
        while share(&self.entries.known).count() > 0 {
            let mut dropped = Vec::new();
            let found_count = self.drop_some_entries_of(gone, &mut dropped);
            for key in &dropped {
                self.entries.watchers.tell(key);
            }
            if found_count? < DROPPED_COUNT_MAX || dropped.is_empty() {
                break;
            }
            // As many again may name the same blob.
            self.commit_entries()?;
        }
        // What is to go stays in memory where that fails.
        drop(self.write_entries_if_many());
        Ok(())
    }

    /// Answers of how many it was found that they name one of these.
    fn drop_some_entries_of(&self, gone: &[Digest], dropped: &mut Vec<Key>) -> Result<usize, ChangeError> {
        let entries = &self.entries;
        let _changing = lock(&entries.changing);
        let _naming = self.naming_on_record()?;
        let mut absent = Vec::new();
        for digest in gone {
            let path = layout::blob(digest);
            // Somebody may have put it again, and an entry that names it.
            if self.disk.stat_path(&path).blame("stat", &path)?.is_none() {
                absent.push(*digest);
            }
        }
        let written =
            self.meta.read_with(|database| rows::referrers(database, &absent, DROPPED_COUNT_MAX))?;
        let gathered: BTreeSet<_> = share(&entries.known).referrers(&absent).cloned().collect();
        for key in gathered.union(&written) {
            let Some(entry) = self.find_entry(key)? else { continue };
            if entry.named().any(|digest| absent.contains(&digest)) {
                alone(&entries.known).change(key, Some(&entry), None);
                dropped.push(key.clone());
            }
        }
        Ok(written.len())
    }

    /// The entry of a key as it is by now, whether its blobs are here or not.
    pub(super) fn find_entry(&self, key: &Key) -> Result<Option<Arc<Entry>>, StorageFault> {
        {
            let known = share(&self.entries.known);
            if !known.may_have(key) {
                return Ok(None);
            }
            if let Some(gathered) = known.gathered(key) {
                return Ok(gathered);
            }
        }
        // What is written meanwhile is found there.
        self.meta.read_with(|database| rows::get(database, key)).map(|entry| entry.map(Arc::new))
    }

    fn is_whole(&self, entry: &Entry) -> Result<bool, ChangeError> {
        let named: Vec<_> = entry.named().collect();
        Ok(self.look_for(&named, &mut Settled::default())?.is_ok())
    }

    /// No name is taken away as long as this is held, and the session is on record.
    fn naming_on_record(&self) -> Result<RwLockReadGuard<'_, ()>, ChangeError> {
        loop {
            self.begin_changes()?;
            let naming = share(&self.names);
            if self.is_on_record() {
                return Ok(naming);
            }
        }
    }

    /// Makes what was done to the entry of this key as durable as the policy asks. A change of one's own that fails is not done.
    fn finish_change(&self, key: &Key, number: Option<u64>) -> Result<(), ChangeError> {
        let written = self.commit_entry(key).and_then(|()| self.write_entries_if_many());
        if let (Err(_), Some(number)) = (&written, number) {
            let is_back = {
                // Another round may be writing it after all: then it is done.
                let _writing = lock(&self.entries.writing);
                alone(&self.entries.known).take_back(key, number)
            };
            if is_back {
                self.entries.watchers.tell(key);
            }
        }
        written
    }

    /// Makes what was done to the entry of this key as durable as the policy asks.
    pub(super) fn commit_entry(&self, key: &Key) -> Result<(), ChangeError> {
        if self.is_loose() || share(&self.entries.known).gathered(key).is_none() {
            return Ok(());
        }
        self.commit_entries()
    }

    /// Writes all that was done to entries, together with whoever else waits for that.
    pub(crate) fn commit_entries(&self) -> Result<(), ChangeError> {
        self.entries.rounds.commit((), |round| {
            let written = self.write_entries();
            round.iter().map(|()| written.clone()).collect()
        })
    }

    /// Writes what gathered where there is too much to keep.
    fn write_entries_if_many(&self) -> Result<(), ChangeError> {
        if share(&self.entries.known).row_count() < ROW_COUNT_MAX {
            return Ok(());
        }
        self.commit_entries()
    }

    /// All that has gathered.
    fn take_entries(&self) -> Vec<Change> {
        let mut taken: Vec<Change> = Vec::new();
        loop {
            let after = taken.last().map(|change| &change.key);
            let some = share(&self.entries.known).take(after, LOCKED_COUNT_MAX);
            let is_last = some.len() < LOCKED_COUNT_MAX;
            taken.extend(some);
            if is_last {
                return taken;
            }
        }
    }

    /// Writes what gathered. Where nobody waits for it, it is durable once the state is next recorded.
    pub(crate) fn write_entries(&self) -> Result<(), ChangeError> {
        let entries = &self.entries;
        let writing = lock(&entries.writing);
        let taken = self.take_entries();
        if taken.is_empty() {
            return Ok(());
        }
        self.writable()?;
        let durability = if self.is_loose() { Durability::None } else { Durability::Immediate };
        match self.meta.change(durability, |transaction| rows::apply(transaction, &taken)) {
            Ok(()) => {
                for some in taken.chunks(LOCKED_COUNT_MAX) {
                    alone(&entries.known).written(some);
                }
                Ok(())
            }
            // There is no room for it, and nothing has changed.
            Err(fault) if fault.is_untried() => {
                // Whoever waits for a change takes it back; what nobody waits for is taken back here, but for what is to go.
                let puts = taken.iter().filter(|change| self.is_loose() && change.entry.is_some());
                let take_back =
                    |change: &&Change| alone(&entries.known).take_back(&change.key, change.number);
                let back: Vec<_> = puts.filter(take_back).collect();
                drop(writing);
                for change in back {
                    entries.watchers.tell(&change.key);
                }
                Err(fault.into())
            }
            Err(fault) => Err(self.latch(fault).into()),
        }
    }
}

/// Rows that gather in memory before whoever makes one more change has to write them: of some 250 bytes each, 16 MiB. They lie all
/// over the tables, a page each where these are large, so that more at once are fewer pages for each.
const ROW_COUNT_MAX: usize = 1 << 16;

/// Blobs that are looked at while nobody else can put an entry: the outputs of most actions.
const FEW_COUNT: usize = 16;

/// Entries that are dropped at once because they name the same blob: in some milliseconds, for which nobody can put one.
const DROPPED_COUNT_MAX: usize = 1 << 12;

/// Changes that are taken, or forgotten, while whoever only asks whether there may be an entry waits: in half a millisecond.
const LOCKED_COUNT_MAX: usize = 256;
