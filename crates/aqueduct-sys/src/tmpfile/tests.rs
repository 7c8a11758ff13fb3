#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;

use super::{Placed, link_by_path, open_unnamed, placed};

#[test]
fn an_unnamed_file_gets_its_name_by_way_of_proc_too() {
    let dir = tempfile::tempdir().unwrap();
    let opened = File::open(dir.path()).unwrap();
    let link = || {
        let file = open_unnamed(&opened, 0o444).unwrap();
        placed(link_by_path(file.as_fd(), opened.as_fd(), Path::new("name"))).unwrap()
    };
    assert_eq!(link(), Placed::New);
    assert_eq!(link(), Placed::NameTaken);
    assert!(fs::metadata(dir.path().join("name")).is_ok());
}
