//! Runs a workload up to every one of its verbs, and holds what is left against what was promised.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use aqueduct_blob::Digest;
use aqueduct_store::disk::Verb;
use aqueduct_store::{Absent, Options, Store};
use aqueduct_testkit::{Image, Plan, Sabotage, SimDisk, Slot, Traced};

use super::workload::{Content, Known, Promise, Run, Workload, put};
use super::{entries, pieces};
use crate::fixture::{TOP, path};

/// Runs a workload to its end, and gives its verbs.
pub(super) fn run_whole(workload: &Workload) -> Vec<Traced> {
    let mut slot = Slot::new().unwrap();
    let disk = slot.mount(&workload.start).unwrap();
    let mut run = Run::new(&disk, workload);
    run.go().unwrap();
    disk.trace()
}

pub(super) fn power_cut_at_every_verb(workload: &Workload, sabotage: Option<Sabotage>) -> Result<(), String> {
    let mut slot = Slot::new().unwrap();
    let mut slot_after = Slot::new().unwrap();
    let mut seen = HashSet::new();
    for stop in stops(workload) {
        let disk = slot.mount(&workload.start).unwrap();
        disk.plan(Plan { stop_at: Some(stop), sabotage, ..Plan::default() });
        let mut run = Run::new(&disk, workload);
        run.go().map_err(|error| format!("{}, before verb {stop}: {error}", workload.name))?;
        let images: Box<dyn Iterator<Item = Image>> = match workload.samples {
            None => Box::new(disk.images(stop)),
            Some(count) => Box::new(disk.images_sampled(stop, count)),
        };
        for image in images {
            // A verb that leaves nothing behind leaves what the one before it left.
            if !seen.insert((image.fingerprint(), run.known.durable.clone())) {
                continue;
            }
            let after = slot_after.mount(&image).unwrap();
            after.plan(Plan { sabotage, ..Plan::default() });
            let checked = check(&after, &run.known.durable).and_then(|()| {
                check_after_everything_is_put_again(&after, &run.known.durable, &mut slot_after, sabotage)
            });
            checked.map_err(|error| {
                format!("{}, cut before verb {stop}, pending {}: {error}", workload.name, image.story())
            })?;
        }
    }
    Ok(())
}

/// Once everything is done, for a mistake that would be noticed earlier by what is done to blobs alone.
pub(super) fn power_cut_at_the_end(workload: &Workload, sabotage: Sabotage) -> Result<(), String> {
    let mut slot = Slot::new().unwrap();
    let mut slot_after = Slot::new().unwrap();
    let disk = slot.mount(&workload.start).unwrap();
    disk.plan(Plan { sabotage: Some(sabotage), ..Plan::default() });
    let mut run = Run::new(&disk, workload);
    run.go()?;
    for image in disk.images(0) {
        check(&slot_after.mount(&image).unwrap(), &run.known.durable)?;
    }
    Ok(())
}

pub(super) fn kill_at_every_verb(workload: &Workload, sabotage: Option<Sabotage>) -> Result<(), String> {
    let mut slot = Slot::new().unwrap();
    for stop in stops(workload) {
        let mut killed = || {
            let disk = slot.mount(&workload.start).unwrap();
            disk.plan(Plan { stop_at: Some(stop), sabotage, ..Plan::default() });
            let mut run = Run::new(&disk, workload);
            run.go()?;
            disk.revive();
            disk.plan(Plan { sabotage, ..Plan::default() });
            Ok((disk, run.known.live))
        };
        let told = |error: String| format!("{}, killed before verb {stop}: {error}", workload.name);
        killed().and_then(|(disk, promise)| check(&disk, &promise)).map_err(told)?;
        // Once more, without a check that closes the store and so makes everything durable.
        let (disk, promise) = killed().map_err(told)?;
        check_after_everything_is_put_again(&disk, &promise, &mut slot, sabotage).map_err(told)?;
    }
    Ok(())
}

pub(super) fn fail_at_every_verb(workload: &Workload, kind: ErrorKind) -> Result<(), String> {
    let mut slot = Slot::new().unwrap();
    let mut slot_after = Slot::new().unwrap();
    for fail in stops(workload) {
        let disk = slot.mount(&workload.start).unwrap();
        disk.plan(Plan { fail_at: Some((fail, kind)), ..Plan::default() });
        let mut run = Run::new(&disk, workload).failing(fail);
        let outcome = run.go();
        let trace = disk.trace();
        let told = |error: String| {
            let failed = trace.get(usize::try_from(fail).unwrap() - 1);
            format!("{}, verb {fail} ({failed:?}) failed with {kind:?}: {error}", workload.name)
        };
        outcome.map_err(told)?;
        for image in disk.images_sampled(fail, if workload.samples.is_some() { 1 } else { 4 }) {
            let after = slot_after.mount(&image).unwrap();
            check(&after, &run.known.durable)
                .map_err(|error| format!("pending {}: {error}", image.story()))
                .map_err(told)?;
        }
        disk.revive();
        disk.plan(Plan::default());
        // What was not durable when a sync failed may be lost, without any power cut.
        check(&disk, &run.known.durable).map_err(told)?;
    }
    Ok(())
}

/// Every verb of the workload, and the moment after the last. Of the thousand directories that a store makes some.
fn stops(workload: &Workload) -> Vec<u64> {
    let trace = run_whole(workload);
    assert!(trace.len() > 10, "{} hardly does anything", workload.name);
    let is_one_of_many = |index: usize| trace.get(index).is_some_and(|traced| traced.verb == Verb::MakeDir);
    let chosen = (0..=trace.len()).filter(|index| index % 61 == 0 || !is_one_of_many(*index));
    chosen.map(|index| u64::try_from(index).unwrap() + 1).collect()
}

fn open(disk: &SimDisk) -> Result<Store, String> {
    let opened = Store::open_on(Arc::new(disk.clone()), Absent::Refuse, Options::default());
    opened.map_err(|error| format!("the store does not open: {error}"))
}

/// Opens what is left and holds it against what was promised: the upload, blob by blob, in the list, in the index, and in
/// the tree.
fn check(disk: &SimDisk, promise: &Promise) -> Result<(), String> {
    let store = open(disk)?;
    // An upload that was about to become a blob does so when it is asked for.
    pieces::check(&store, promise)?;
    // Before anything that is asked for could be noted in the index.
    let usage = store.usage().map_err(|error| format!("the index cannot be read: {error}"))?;
    check_pins(&store, &promise.pins)?;
    // Before anything else has found out what is not here, or hashed it.
    entries::check(&store, &promise.entries)?;
    let there = check_blobs(&store, &promise.blobs)?;
    for content in Content::ALL {
        if store.has(&content.digest()).unwrap() != there.contains(&content.digest()) {
            return Err(format!("{content:?} is said to be there, or not to be, against the evidence"));
        }
    }
    let listed =
        store.list(None, usize::MAX).map_err(|error| format!("the store cannot be listed: {error}"))?;
    if listed.iter().map(|listed| listed.digest).collect::<BTreeSet<_>>() != there {
        return Err(format!("the list has {} blobs, and {} can be opened", listed.len(), there.len()));
    }
    // A suspect counts until it was hashed, which is done by now.
    let usage = if usage.count > listed.len() as u64 { store.usage().unwrap() } else { usage };
    let size = listed.iter().map(|listed| listed.size).sum::<u64>();
    if (usage.count, usage.size) != (listed.len() as u64, size) {
        return Err(format!(
            "the index says {usage:?}, and the list has {} blobs of {size} bytes",
            listed.len()
        ));
    }
    let allocated = listed.iter().map(|listed| allocated(disk, &listed.digest)).sum::<u64>();
    if usage.allocated != allocated {
        return Err(format!("the index says {usage:?}, and the files take {allocated} bytes"));
    }
    store.close().map_err(|error| format!("the store does not close: {error}"))?;
    no_strays(&disk.directory())
}

/// What a blob and its checkpoint list take, which counts whether or not it is there by now.
fn allocated(disk: &SimDisk, digest: &Digest) -> u64 {
    let file = fs::metadata(path(&disk.directory(), "blobs", digest)).unwrap();
    file.blocks() * 512 + if file.len() > 4 << 20 { 4096 } else { 0 }
}

fn check_pins(store: &Store, known: &BTreeMap<Content, Known>) -> Result<(), String> {
    let pins = store.pins(None, usize::MAX).map_err(|error| format!("the pins cannot be read: {error}"))?;
    for (content, known) in known {
        match (pins.contains(&content.digest()), known) {
            (false, Known::Present) => return Err(format!("the pin of {content:?} is gone")),
            (true, Known::Absent) => return Err(format!("{content:?} is pinned, and nobody did that")),
            _ => {}
        }
    }
    Ok(())
}

/// What can be opened is right, and is there or not as is known. Gives what is there.
fn check_blobs(store: &Store, known: &BTreeMap<Content, Known>) -> Result<BTreeSet<Digest>, String> {
    let mut there = BTreeSet::new();
    for content in Content::ALL {
        let known = known.get(&content).copied().unwrap_or(Known::Either);
        let digest = content.digest();
        let blob = store.blob(&digest).map_err(|error| format!("{content:?} cannot be opened: {error}"))?;
        match (&blob, known) {
            (None, Known::Present) => return Err(format!("{content:?} was promised and is gone")),
            (Some(_), Known::Absent) => {
                return Err(format!("{content:?} was never there, or removed for good"));
            }
            _ => {}
        }
        if let Some(blob) = blob {
            let mut bytes = vec![0; content.bytes().len()];
            let whole = blob.size() == bytes.len() as u64 && blob.file().read_exact_at(&mut bytes, 0).is_ok();
            if !whole || bytes != content.bytes() {
                return Err(format!("{content:?} is served with wrong bytes"));
            }
            there.insert(digest);
        }
    }
    Ok(there)
}

/// Whatever was left: a blob that is put now and acknowledged survives the next power cut, even one that keeps nothing
/// but what was synced.
fn check_after_everything_is_put_again(
    disk: &SimDisk,
    promise: &Promise,
    slot: &mut Slot,
    sabotage: Option<Sabotage>,
) -> Result<(), String> {
    let store = open(disk)?;
    let mut known: BTreeMap<Content, Known> =
        Content::SMALL.into_iter().map(|content| (content, Known::Present)).collect();
    for content in known.keys() {
        put(&store, *content).map_err(|error| format!("{content:?} cannot be put again: {error}"))?;
    }
    if promise.upload.was_begun() {
        pieces::go_on(&store)?;
        no_uploads(&disk.directory())?;
        known.insert(Content::Pieces, Known::Present);
    }
    drop(store);
    let after = slot.mount(&disk.image_of_durable()).unwrap();
    after.plan(Plan { sabotage, ..Plan::default() });
    open(&after)
        .and_then(|store| check_blobs(&store, &known))
        .map(drop)
        .map_err(|error| format!("put again, then cut: {error}"))
}

/// Nothing lies in the store's directory that its format does not know.
fn no_strays(root: &Path) -> Result<(), String> {
    for name in names(root) {
        if !TOP.contains(&name.as_str()) {
            return Err(format!("stray file {name}"));
        }
    }
    match names(&root.join("uploads")).iter().find(|name| !name.starts_with(pieces::ID)) {
        Some(stray) => Err(format!("stray upload {stray}")),
        None => Ok(()),
    }
}

fn no_uploads(root: &Path) -> Result<(), String> {
    names(&root.join("uploads")).first().map_or(Ok(()), |stray| Err(format!("stray upload {stray}")))
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
