//! The crash contract, over every verb.
//!
//! A workload runs on a simulated disk again and again, and each time the power goes one verb later. Every state of the
//! medium that such a cut may leave is opened as a store and held against a model of what was promised. The same is done
//! with a kill instead of the cut, and with each verb failing instead of stopping.

mod entries;
mod pieces;
mod sabotage;
mod sweep;
mod workload;

use std::collections::BTreeSet;

use aqueduct_store::disk::Verb;
use aqueduct_store::{Absent, Options, Store};
use aqueduct_testkit::{Plan, Slot, Traced};

use sweep::{fail_at_every_verb, kill_at_every_verb, power_cut_at_every_verb, run_whole};
use workload::Workload;

#[test]
fn no_power_cut_under_full_sync_loses_or_falsifies_what_was_acknowledged() {
    power_cut_at_every_verb(&Workload::synced(), None).unwrap();
}

#[test]
fn no_power_cut_without_sync_leaves_a_wrong_blob() {
    power_cut_at_every_verb(&Workload::loose(), None).unwrap();
}

#[test]
fn no_power_cut_between_processes_loses_what_the_second_acknowledged() {
    power_cut_at_every_verb(&Workload::killed_between(), None).unwrap();
}

#[test]
fn no_power_cut_harms_a_blob_with_checkpoints() {
    power_cut_at_every_verb(&Workload::with_checkpoints(), None).unwrap();
}

#[test]
fn no_power_cut_while_blobs_are_evicted_harms_one_that_stays() {
    power_cut_at_every_verb(&Workload::evicting(), None).unwrap();
}

#[test]
fn no_power_cut_while_a_lost_index_is_made_anew_harms_a_blob() {
    power_cut_at_every_verb(&Workload::without_index(), None).unwrap();
    power_cut_at_every_verb(&Workload::with_damaged_index(), None).unwrap();
}

#[test]
fn no_power_cut_while_a_lost_meta_is_made_anew_harms_a_blob() {
    power_cut_at_every_verb(&Workload::without_meta(), None).unwrap();
}

#[test]
fn no_power_cut_while_a_damaged_blob_is_replaced_brings_it_back() {
    power_cut_at_every_verb(&Workload::damaged(), None).unwrap();
}

#[test]
fn no_power_cut_while_a_scrub_puts_a_blob_away_harms_another() {
    power_cut_at_every_verb(&Workload::scrubbed(), None).unwrap();
}

#[test]
fn no_power_cut_while_a_store_is_mended_harms_a_blob() {
    power_cut_at_every_verb(&Workload::repaired(), None).unwrap();
}

#[test]
fn no_power_cut_makes_an_upload_believe_what_is_not_there() {
    power_cut_at_every_verb(&Workload::upload(), None).unwrap();
    power_cut_at_every_verb(&Workload::loose_upload(), None).unwrap();
}

#[test]
fn no_power_cut_loses_an_upload_that_an_earlier_one_left_whole() {
    power_cut_at_every_verb(&Workload::rebooted_upload(), None).unwrap();
}

#[test]
fn no_power_cut_leaves_an_entry_that_was_not_promised_or_names_what_is_not_here() {
    power_cut_at_every_verb(&Workload::entries(), None).unwrap();
    power_cut_at_every_verb(&Workload::loose_entries(), None).unwrap();
}

#[test]
fn no_power_cut_while_blobs_go_leaves_an_entry_that_names_them() {
    power_cut_at_every_verb(&Workload::evicted_entries(), None).unwrap();
    power_cut_at_every_verb(&Workload::damaged_entries(), None).unwrap();
}

#[test]
fn no_kill_loses_or_falsifies_anything() {
    for workload in Workload::of_blobs() {
        kill_at_every_verb(&workload, None).unwrap();
    }
}

#[test]
fn no_kill_loses_or_falsifies_an_entry() {
    for workload in Workload::of_entries() {
        kill_at_every_verb(&workload, None).unwrap();
    }
}

#[test]
fn no_failing_verb_loses_or_falsifies_anything() {
    for workload in Workload::of_blobs() {
        fail_at_every_verb(&workload, std::io::ErrorKind::Other).unwrap();
        fail_at_every_verb(&workload, std::io::ErrorKind::StorageFull).unwrap();
    }
}

#[test]
fn no_failing_verb_loses_or_falsifies_an_entry() {
    for workload in Workload::of_entries() {
        fail_at_every_verb(&workload, std::io::ErrorKind::Other).unwrap();
        fail_at_every_verb(&workload, std::io::ErrorKind::StorageFull).unwrap();
    }
}

#[test]
fn a_store_that_was_being_made_can_be_made_after_any_power_cut() {
    let mut slot = Slot::new().unwrap();
    let disk = slot.empty().unwrap();
    let make = |disk: &aqueduct_testkit::SimDisk| {
        Store::open_on(std::sync::Arc::new(disk.clone()), Absent::Make, Options::default())
    };
    make(&disk).unwrap();
    let total = disk.count();
    let mut slot_after = Slot::new().unwrap();
    // The same verbs, failing.
    for fail in (1..=total).filter(|fail| *fail < 12 || *fail % 61 == 0 || total - fail < 24) {
        let disk = slot.empty().unwrap();
        disk.plan(Plan { fail_at: Some((fail, std::io::ErrorKind::Other)), ..Plan::default() });
        drop(make(&disk));
        disk.plan(Plan::default());
        let store = make(&disk).unwrap_or_else(|error| panic!("verb {fail} failed, and then: {error}"));
        workload::put(&store, workload::Content::A).unwrap();
    }
    // Of the thousand directories some; of what comes before and after them, all.
    for stop in (1..=total).filter(|stop| *stop < 12 || *stop % 61 == 0 || total - stop < 24) {
        let disk = slot.empty().unwrap();
        disk.plan(Plan { stop_at: Some(stop), ..Plan::default() });
        drop(make(&disk));
        assert!(disk.is_stopped(), "verb {stop} of {total} was reached");
        for image in disk.images_sampled(stop, 4) {
            let after = slot_after.mount(&image).unwrap();
            let store =
                make(&after).unwrap_or_else(|error| panic!("cut at {stop}, {}: {error}", image.story()));
            assert_eq!(store.list(None, 10).unwrap(), []);
            workload::put(&store, workload::Content::A).unwrap();
            store.close().unwrap();
            let store = make(&slot_after.mount(&after.image_of_durable()).unwrap()).unwrap();
            assert!(store.has(&workload::Content::A.digest()).unwrap());
        }
    }
}

#[test]
fn every_verb_of_the_seam_is_swept() {
    let mut swept: BTreeSet<Verb> =
        Workload::all().iter().flat_map(run_whole).map(|traced| traced.verb).collect();
    // Making a store is swept by a test of its own.
    swept.insert(Verb::MakeDir);
    let all: BTreeSet<Verb> = Verb::ALL.into_iter().collect();
    assert_eq!(swept, all);
    for verb in Verb::ALL {
        // A verb that is new to the seam has to be named here, and so to be thought of.
        match verb {
            Verb::MakeDir | Verb::Stage | Verb::Reserve | Verb::Write | Verb::SetLen => {}
            Verb::SyncData | Verb::Seal | Verb::Link | Verb::Unlink | Verb::SyncDir | Verb::SyncAll => {}
        }
    }
}

#[test]
fn every_place_in_the_store_is_swept() {
    let traces: Vec<Traced> = Workload::all().iter().flat_map(run_whole).collect();
    let seen = |verb: Verb, start: &str| {
        traces.iter().any(|traced| traced.verb == verb && traced.path.starts_with(start))
    };
    for (verb, start) in [
        (Verb::Link, "blobs"),
        (Verb::Unlink, "blobs"),
        (Verb::SyncDir, "blobs"),
        (Verb::Link, "checkpoints"),
        (Verb::Unlink, "checkpoints"),
        (Verb::Link, "quarantine"),
        (Verb::SyncDir, "quarantine"),
        (Verb::Link, "index.redb"),
        (Verb::Unlink, "index.redb"),
        (Verb::Link, "uploads"),
        (Verb::Unlink, "uploads"),
        (Verb::SyncDir, "uploads"),
        (Verb::SyncAll, "."),
        (Verb::Link, "meta.redb"),
        // A commit of a database, cut before and after each of its writes.
        (Verb::Write, "meta.redb"),
        (Verb::Write, "index.redb"),
        (Verb::Write, "uploads"),
    ] {
        assert!(seen(verb, start), "no workload has {verb:?} in {start}");
    }
}

/// What is not a verb of the seam cannot be swept, so nothing else may touch the medium.
#[test]
fn nothing_but_the_real_disk_speaks_to_the_kernel() {
    let mut waiting = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        if path.ends_with("real_disk.rs") || path.ends_with("tests.rs") {
            continue;
        }
        seen += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        for word in [
            "aqueduct_sys",
            "fs::create",
            "fs::remove",
            "fs::write",
            "fs::rename",
            "fs::hard_link",
            "OpenOptions",
            "File::create",
            "File::options",
            ".set_len(",
            ".sync_all()",
            ".sync_data()",
            ".write_at(",
            ".set_permissions(",
        ] {
            let through_the_seam = ["disk.set_len(", "disk.sync_all()", "disk.sync_data("];
            // An errno has a name there, which calls nothing.
            let names = ["use aqueduct_sys::Error;", "use aqueduct_sys::{Errno, errno_of};"];
            let text = names.iter().fold(text.clone(), |text, name| text.replace(name, ""));
            let text = through_the_seam.iter().fold(text.clone(), |text, ours| text.replace(ours, ""));
            assert!(!text.contains(word), "{} goes past the seam with {word}", path.display());
        }
    }
    assert!(seen > 10, "the sources are where this test looks for them");
}
