//! Entries: what is done to them, and what was promised about them.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::FileExt;

use aqueduct_store::{Entry, EntryError, EntryOutcome, Key, Overwrite, Store, SyncPolicy};
use aqueduct_testkit::SimDisk;

use super::workload::{Content, Known, Model};

/// Under which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Slot {
    First,
    Second,
}

/// What an entry of the workloads says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Said {
    One,
    Other,
}

impl Slot {
    const ALL: [Self; 2] = [Self::First, Self::Second];

    fn key(self) -> Key {
        Key::new("ac", &format!("{self:?}")).unwrap()
    }
}

impl Said {
    /// The value, and the references.
    fn named(self) -> &'static [Content] {
        match self {
            Self::One => &[Content::A, Content::B],
            Self::Other => &[Content::Tree, Content::A],
        }
    }

    fn entry(self) -> Entry {
        let [value, references @ ..] = self.named() else { unreachable!("each has a value") };
        let fields = vec![("said".to_owned(), format!("{self:?}"))];
        let references = references.iter().map(|content| content.digest()).collect();
        Entry { value: value.digest(), size: 0, references, fields, written: 0 }
    }

    /// Which of them was found; an error where it is neither.
    fn of(found: &Entry) -> Result<Self, String> {
        let same = |said: &Self| {
            let entry = said.entry();
            (found.value, &found.references, &found.fields) == (entry.value, &entry.references, &entry.fields)
                && found.size == said.named()[0].bytes().len() as u64
        };
        [Self::One, Self::Other].into_iter().find(same).ok_or_else(|| format!("nobody has put {found:?}"))
    }
}

/// What may be found under each key: one of these, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Promise(BTreeMap<Slot, BTreeSet<Option<Said>>>);

impl Promise {
    pub(super) fn nothing() -> Self {
        Self(Slot::ALL.into_iter().map(|slot| (slot, [None].into())).collect())
    }

    pub(super) fn anything() -> Self {
        let all = BTreeSet::from([None, Some(Said::One), Some(Said::Other)]);
        Self(Slot::ALL.into_iter().map(|slot| (slot, all.clone())).collect())
    }

    fn told(&mut self, slot: Slot, news: Option<Said>, is_certain: bool) {
        let may_be = self.0.get_mut(&slot).unwrap();
        if is_certain {
            may_be.clear();
        }
        may_be.insert(news);
    }

    /// What may be found by the other one, too, may be found.
    pub(super) fn widen(&mut self, other: &Self) {
        for (slot, may_be) in &mut self.0 {
            may_be.extend(&other.0[slot]);
        }
    }

    /// A blob is gone, or may be.
    pub(super) fn lost(&mut self, content: Content, is_certain: bool) {
        for may_be in self.0.values_mut() {
            let names = |said: &Option<Said>| said.is_some_and(|said| said.named().contains(&content));
            if may_be.iter().any(names) {
                may_be.insert(None);
            }
            if is_certain {
                may_be.retain(|said| !names(said));
            }
        }
    }

    /// An entry may be lost with a blob that may be gone, and does not come back with it.
    pub(super) fn heed(&mut self, blobs: &BTreeMap<Content, Known>) {
        for content in Content::ALL.into_iter().filter(|content| blobs[content] != Known::Present) {
            self.lost(content, false);
        }
    }
}

pub(super) fn put(
    disk: &SimDisk,
    store: &Store,
    (slot, said, overwrite): (Slot, Said, Overwrite),
    known: &mut Model,
    sync: SyncPolicy,
) -> Result<(), String> {
    let before = known.live.entries.0[&slot].clone();
    let outcome = store.put_entry(&slot.key(), said.entry(), overwrite);
    let blobs = || said.named().iter().map(|content| known.live.blobs[content]);
    match &outcome {
        Err(EntryError::Incomplete { .. }) if blobs().all(|known| known == Known::Present) => {
            return Err(format!("{said:?} was refused, and all its blobs are here"));
        }
        Ok(_) if blobs().any(|known| known == Known::Absent) => {
            return Err(format!("{said:?} was taken, and a blob is not here"));
        }
        Ok(EntryOutcome::New) if !before.contains(&None) => {
            return Err(format!("{slot:?} is new to the store, which has it"));
        }
        Ok(EntryOutcome::Same) if !before.contains(&Some(said)) => {
            return Err(format!("{slot:?} is said to be {said:?}, and never was"));
        }
        Ok(EntryOutcome::Kept)
            if overwrite == Overwrite::Replace || !before.iter().any(|it| *it != Some(said)) =>
        {
            return Err(format!("{slot:?} was kept"));
        }
        _ => {}
    }
    let (acknowledged, promised) = (outcome.is_ok(), outcome.is_ok() && sync == SyncPolicy::Full);
    match outcome {
        Ok(EntryOutcome::Kept) => {
            let kept = |said_before: &Option<Said>| said_before.is_some_and(|it| it != said);
            known.live.entries.0.get_mut(&slot).unwrap().retain(kept);
            if promised {
                known.durable.entries.0.insert(slot, known.live.entries.0[&slot].clone());
            }
        }
        // The power may be off as well.
        Err(EntryError::Incomplete { .. }) if !disk.is_stopped() => {}
        _ => {
            known.live.entries.told(slot, Some(said), acknowledged);
            known.durable.entries.told(slot, Some(said), promised);
        }
    }
    if acknowledged {
        // Whoever hears that it is there relies on what it names.
        for content in said.named() {
            known.put(*content, true, sync);
        }
    }
    Ok(())
}

pub(super) fn remove(store: &Store, slot: Slot, known: &mut Model, sync: SyncPolicy) -> Result<(), String> {
    let removed = store.remove_entry(&slot.key());
    let may_be = &known.live.entries.0[&slot];
    if removed.as_ref().is_ok_and(|was_there| {
        if *was_there { may_be.len() == 1 && may_be.contains(&None) } else { !may_be.contains(&None) }
    }) {
        return Err(format!("{slot:?} was removed: {removed:?}, of {may_be:?}"));
    }
    let promised = removed.is_ok() && sync == SyncPolicy::Full;
    known.live.entries.told(slot, None, removed.is_ok());
    known.durable.entries.told(slot, None, promised);
    Ok(())
}

/// Whoever hears of an entry relies on it.
pub(super) fn ask(store: &Store, slot: Slot, known: &mut Model, sync: SyncPolicy) -> Result<(), String> {
    let Ok(found) = store.entry(&slot.key()) else { return Ok(()) };
    let found = found.map(|found| Said::of(&found)).transpose()?;
    let may_be = &known.live.entries.0[&slot];
    if !may_be.contains(&found) {
        return Err(format!("{slot:?} says {found:?}, and should one of {may_be:?}"));
    }
    known.live.entries.told(slot, found, true);
    if let Some(said) = found {
        if sync == SyncPolicy::Full {
            known.durable.entries.told(slot, found, true);
        }
        for content in said.named() {
            known.put(*content, true, sync);
        }
    }
    Ok(())
}

/// What is found is what was promised, names what is here and right, and is what the list and the counts say.
pub(super) fn check(store: &Store, promise: &Promise) -> Result<(), String> {
    let mut there = BTreeMap::new();
    for (slot, may_be) in &promise.0 {
        let found = store.entry(&slot.key()).map_err(|error| format!("{slot:?} cannot be read: {error}"))?;
        let Some(found) = found else {
            if may_be.contains(&None) {
                continue;
            }
            return Err(format!("{slot:?} was promised and is gone"));
        };
        let said = Said::of(&found)?;
        if !may_be.contains(&Some(said)) {
            return Err(format!("{slot:?} says {said:?}, and should one of {may_be:?}"));
        }
        for content in said.named() {
            if !is_right(store, *content) {
                return Err(format!("{slot:?} leads to a blob that is absent or wrong: {content:?}"));
            }
        }
        there.insert(slot.key(), found);
    }
    let listed = store.entries(None, None, 100).map_err(|error| format!("no list of entries: {error}"))?;
    let count = store.entry_counts().values().sum::<u64>();
    if listed.iter().cloned().collect::<BTreeMap<_, _>>() != there || count != there.len() as u64 {
        return Err(format!("the list has {listed:?}, the count is {count}, and there are {there:?}"));
    }
    Ok(())
}

fn is_right(store: &Store, content: Content) -> bool {
    let Ok(Some(blob)) = store.blob(&content.digest()) else { return false };
    let mut bytes = vec![0; content.bytes().len()];
    blob.size() == bytes.len() as u64
        && blob.file().read_exact_at(&mut bytes, 0).is_ok()
        && bytes == content.bytes()
}
