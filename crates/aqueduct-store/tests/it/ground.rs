//! What a store finds out of its filesystem.

use std::path::Path;

use aqueduct_flow::probe::Tried;
use aqueduct_store::{Absent, Options, Store};
use tempfile::TempDir;

#[test]
fn a_store_knows_its_ground_and_leaves_no_trace_of_asking() {
    for dir in [Path::new(env!("CARGO_TARGET_TMPDIR")), Path::new("/dev/shm")] {
        let dir = TempDir::new_in(dir).unwrap();
        let store = Store::open(dir.path(), Absent::Make, Options::default()).unwrap();
        let names = || std::fs::read_dir(dir.path()).unwrap().count();
        let before = names();
        assert_eq!(store.served().unwrap().splice, Tried::Works);
        assert_eq!(names(), before);
        store.close().unwrap();
    }
}
