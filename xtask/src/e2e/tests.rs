#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{PARTS, chosen};

#[test]
fn all_parts_run_unless_some_are_named() {
    assert_eq!(chosen(&[]).unwrap().len(), PARTS.len());
    let names: Vec<&str> = chosen(&["ports", "kills"]).unwrap().iter().map(|part| part.name).collect();
    assert_eq!(names, ["kills", "ports"]);
    assert!(chosen(&["ports", "other"]).is_err());
    assert!(chosen(&["port"]).is_err());
}

#[test]
fn parts_that_begin_alike_are_named_together() {
    let names = |name| chosen(&[name]).unwrap().iter().map(|part| part.name).collect::<Vec<_>>();
    assert_eq!(names("transfer-kills"), ["transfer-kills"]);
    assert_eq!(names("vast-transfer"), ["vast-transfer"]);
    assert!(names("transfer").len() > 1 && names("transfer").contains(&"transfer-kills"));
}
