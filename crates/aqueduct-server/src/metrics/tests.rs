#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aqueduct_store::{Absent, Cause, Options, Store};

use super::{count_fault, page};

#[test]
fn the_page_names_every_kind_of_fault_before_there_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Absent::Make, Options::default()).unwrap();
    count_fault(Cause::Quota);
    let page = page(&store);
    for kind in ["no_space", "quota", "descriptors", "memory", "read_only", "io"] {
        assert!(page.contains(&format!("\naqueduct_faults_total{{kind=\"{kind}\"}} ")), "{page}");
    }
    for line in
        ["# TYPE aqueduct_faults counter", "aqueduct_damaged_blobs_total 0", "aqueduct_store_read_only 0"]
    {
        assert!(page.lines().any(|found| found == line), "{page}");
    }
    assert!(!page.contains("aqueduct_faults_total{kind=\"quota\"} 0"), "{page}");
    assert!(page.ends_with("# EOF\n"), "{page}");
}
