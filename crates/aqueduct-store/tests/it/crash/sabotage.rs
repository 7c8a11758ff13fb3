//! The sweep is worth what it catches: each of these mistakes is made throughout, and has to be found.

use aqueduct_testkit::Sabotage;

use super::sweep::{kill_at_every_verb, power_cut_at_every_verb, power_cut_at_the_end};
use super::workload::Workload;

fn caught(workload: &Workload, sabotage: Sabotage) -> String {
    power_cut_at_every_verb(workload, Some(sabotage)).expect_err("the mistake went unnoticed")
}

#[test]
fn skipping_the_directory_sync_is_caught() {
    let error = caught(&Workload::synced(), Sabotage::SkipDirectorySync);
    assert!(error.contains("was promised and is gone"), "{error}");
}

#[test]
fn linking_before_the_data_sync_is_caught() {
    let error = caught(&Workload::synced(), Sabotage::LinkBeforeDataSync);
    assert!(error.contains("wrong bytes"), "{error}");
}

#[test]
fn trusting_a_bare_eexist_is_caught() {
    let error = caught(&Workload::damaged(), Sabotage::TrustBareEexist);
    assert!(error.contains("was promised and is gone"), "{error}");
}

#[test]
fn trusting_the_names_of_a_killed_process_is_caught() {
    let error = caught(&Workload::killed_between(), Sabotage::SkipFilesystemSync);
    assert!(error.contains("was promised and is gone"), "{error}");
    let error = kill_at_every_verb(&Workload::synced(), Some(Sabotage::SkipFilesystemSync));
    let error = error.expect_err("the kill sweep has to notice, too");
    assert!(error.contains("was promised and is gone"), "{error}");
}

#[test]
fn a_mark_without_a_sync_of_the_bytes_is_caught() {
    let error = caught(&Workload::upload(), Sabotage::SkipUploadSync);
    assert!(error.contains("wrong bytes"), "{error}");
}

#[test]
fn a_record_that_is_dropped_without_a_sync_of_the_journal_is_caught() {
    let error = caught(&Workload::upload(), Sabotage::SkipJournalSync);
    assert!(error.contains("was promised"), "{error}");
}

#[test]
fn trusting_that_what_was_evicted_stays_away_is_caught() {
    let error = caught(&Workload::evicting(), Sabotage::SkipFilesystemSync);
    assert!(error.contains("the index says"), "{error}");
}

#[test]
fn counting_what_a_blob_does_not_take_is_caught() {
    let error = caught(&Workload::synced(), Sabotage::CountNothing);
    assert!(error.contains("and the files take"), "{error}");
}

#[test]
fn believing_records_of_another_boot_is_caught() {
    let error = caught(&Workload::upload(), Sabotage::SameBoot);
    assert!(error.contains("are not there"), "{error}");
}

#[test]
fn acknowledging_an_entry_before_its_row_is_durable_is_caught() {
    let error = power_cut_at_every_verb(&Workload::careless_entries(), None);
    let error = error.expect_err("the mistake went unnoticed");
    assert!(error.contains("First was promised and is gone"), "{error}");
}

#[test]
fn an_entry_that_is_durable_before_its_blobs_is_caught() {
    let error = power_cut_at_the_end(&Workload::one_entry(), Sabotage::SkipDirectorySync);
    let error = error.expect_err("the mistake went unnoticed");
    assert!(error.contains("First was promised and is gone"), "{error}");
}

#[test]
fn an_entry_whose_blobs_nobody_looked_for_is_caught() {
    let error = power_cut_at_the_end(&Workload::entries(), Sabotage::SeeWhatIsAbsent);
    let error = error.expect_err("the mistake went unnoticed");
    assert!(error.contains("was taken, and a blob is not here"), "{error}");
}
