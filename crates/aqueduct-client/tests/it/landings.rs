//! Files that get their names whole, or not at all.

use std::fs;
use std::io::Write;

use aqueduct_client::Landing;
use aqueduct_sys::Placed;
use tempfile::TempDir;

fn dir() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn names(dir: &TempDir) -> usize {
    fs::read_dir(dir).unwrap().count()
}

#[test]
fn a_file_has_no_name_until_it_lands() {
    let dir = dir();
    let path = dir.path().join("file");
    let landing = Landing::begin(&path).unwrap();
    landing.file().write_all(b"abc").unwrap();
    assert_eq!(names(&dir), 0);
    assert_eq!(landing.land(true, false).unwrap(), Placed::New);
    assert_eq!(fs::read(&path).unwrap(), b"abc");
    drop(Landing::begin(&dir.path().join("other")).unwrap());
    assert_eq!(names(&dir), 1, "one that does not land leaves nothing");
}

#[test]
fn what_has_the_name_is_replaced_by_force_alone() {
    let dir = dir();
    let path = dir.path().join("file");
    fs::write(&path, "mine").unwrap();
    let landing = Landing::begin(&path).unwrap();
    assert_eq!(landing.land(false, false).unwrap(), Placed::NameTaken);
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    let landing = Landing::begin(&path).unwrap();
    landing.file().write_all(b"new").unwrap();
    assert_eq!(landing.land(false, true).unwrap(), Placed::New);
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names(&dir), 1);
}
