#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use super::{files_in, moment};

#[test]
fn a_moment_is_never_the_zero_that_means_never() {
    let whole = Duration::from_secs(2);
    for random in [0, 1, 998, 999, 1000, u64::MAX] {
        let moment = moment(random, whole);
        assert!(moment >= Duration::from_millis(2) && moment <= whole, "{random}: {moment:?}");
    }
}

#[test]
fn files_are_found_in_every_directory() {
    let files = files_in(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))).unwrap();
    for path in ["main.rs", "e2e/kills/tests.rs"] {
        assert!(files.contains(Path::new(path)), "{path}");
    }
}
