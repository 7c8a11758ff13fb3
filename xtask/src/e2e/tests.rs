#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{PARTS, chosen};

#[test]
fn all_parts_run_unless_some_are_named() {
    assert_eq!(chosen(&[]).unwrap().len(), PARTS.len());
    let names: Vec<&str> = chosen(&["ports", "kills"]).unwrap().iter().map(|part| part.name).collect();
    assert_eq!(names, ["kills", "ports"]);
    assert!(chosen(&["ports", "other"]).is_err());
}
