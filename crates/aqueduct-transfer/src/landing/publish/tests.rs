// To prepare and to check, any way will do.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

#[test]
fn a_name_beside_another_keeps_its_ending() {
    let beside = |name: &str, is_directory| beside(OsStr::new(name), 1, is_directory).into_string().unwrap();
    let expected = [
        ("photo.jpg", "photo-1.jpg"),
        ("archive.tar.gz", "archive-1.tar.gz"),
        ("no ending", "no ending-1"),
        (".hidden", ".hidden-1"),
        (".hidden.txt", ".hidden-1.txt"),
        ("v1.2", "v1-1.2"),
        ("ends with a dot.", "ends with a dot-1."),
        ("a sentence. And another one", "a sentence. And another one-1"),
    ];
    for (name, expected) in expected {
        assert_eq!(beside(name, false), expected);
    }
    assert_eq!(beside("v1.2", true), "v1.2-1");
    let long = format!("{}.txt", "x".repeat(251));
    let cut = beside(&long, false);
    assert_eq!((cut.len(), &cut[249..]), (255, "-1.txt"));
}

#[test]
fn without_a_rename_that_never_replaces_the_name_is_taken_first() {
    let dir = tempfile::tempdir().unwrap();
    let opened = aqueduct_sys::open_directory(dir.path()).unwrap();
    let place = |from: &str, to: &str| {
        let at = |name| At { dir: &opened, name };
        rename_over_own(at(Path::new(from)), at(Path::new(to)))
    };
    let make = |prefix: &str| {
        fs::write(dir.path().join(format!("{prefix} file")), prefix).unwrap();
        fs::create_dir(dir.path().join(format!("{prefix} directory"))).unwrap();
        fs::write(dir.path().join(format!("{prefix} directory/inner")), prefix).unwrap();
        symlink(prefix, dir.path().join(format!("{prefix} link"))).unwrap();
    };
    make("old");
    for kind in ["file", "directory", "link"] {
        let (old, new) = (format!("old {kind}"), format!("new {kind}"));
        assert_eq!(place(&old, &new), Ok(Placed::New), "{kind}");
        assert!(fs::symlink_metadata(dir.path().join(&old)).is_err());
    }
    assert_eq!(fs::read(dir.path().join("new file")).unwrap(), b"old");
    assert_eq!(fs::read(dir.path().join("new directory/inner")).unwrap(), b"old");
    assert_eq!(fs::read_link(dir.path().join("new link")).unwrap(), Path::new("old"));

    make("old");
    for from in ["file", "directory", "link"] {
        for to in ["file", "directory", "link"] {
            let (old, new) = (format!("old {from}"), format!("new {to}"));
            assert_eq!(place(&old, &new), Ok(Placed::NameTaken), "{from} to {to}");
        }
    }
    assert_eq!(fs::read(dir.path().join("new directory/inner")).unwrap(), b"old");
    assert_eq!(fs::read(dir.path().join("old file")).unwrap(), b"old");
}
