//! What is done where something has the name already.

use std::os::unix::fs::{PermissionsExt, symlink as make_symlink};

use super::*;
use crate::ErrorKind;
use crate::landing::Took;

/// Sends the tree `tree` with the files `one` and `two`, and the directory `inner` with the file `three`.
fn land_tree(site: &Site) -> Result<crate::landing::Landed, Error> {
    let landing = site.try_begin()?;
    landing.entry(&directory(1, 0, "tree"))?;
    for (id, name) in [(2, "one"), (3, "two")] {
        landing.small(&file(id, 1, name, 3, id), b"new")?;
    }
    landing.entry(&directory(4, 1, "inner"))?;
    landing.small(&file(5, 4, "three", 3, 5), b"new")?;
    landing.finish()
}

fn site(existing: Existing) -> Site {
    Site { existing, ..Site::of(&["tree"]) }
}

#[test]
fn what_is_there_is_refused_before_anything_comes() {
    let site = site(Existing::Refuse);
    site.write("tree/one", "old");
    let error = site.try_begin().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
    assert!(error.to_string().ends_with("tree\" is there already"), "{error}");
    assert_eq!(site.names(), ["tree", "tree/one"]);
}

#[test]
fn what_takes_the_name_meanwhile_is_not_replaced_and_what_came_is_kept() {
    let site = site(Existing::Refuse);
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    small(&landing, 2, 1, "one", "new");
    site.write("tree/one", "old");
    assert_eq!(landing.finish().unwrap_err().kind(), ErrorKind::Exists);
    assert_eq!(site.read("tree/one"), "old");
    fs::remove_dir_all(site.path("tree")).unwrap();
    landing.finish().unwrap();
    assert_eq!(site.read("tree/one"), "new");
}

#[test]
fn of_several_names_none_appears_where_one_is_taken() {
    let site = Site::of(&["one", "two"]);
    let landing = site.begin();
    small(&landing, 1, 0, "one", "new");
    small(&landing, 2, 0, "two", "new");
    site.write("two", "old");
    assert_eq!(landing.finish().unwrap_err().kind(), ErrorKind::Exists);
    assert!(!site.path("one").exists());
}

#[test]
fn the_same_bytes_once_more_are_no_error() {
    let mut site = Site::of(&["file"]);
    (site.offer.size, site.offer.file_count) = (Some(3), Some(1));
    for (there, is_taken) in [("old", false), ("new", true)] {
        site.write("file", there);
        let landing = site.begin();
        small(&landing, 1, 0, "file", "new");
        match landing.finish() {
            Ok(landed) => assert_eq!((is_taken, landed.names[0].1.as_path()), (true, &*site.path("file"))),
            Err(error) => assert_eq!((is_taken, error.kind()), (false, ErrorKind::Exists)),
        }
        assert_eq!(site.read("file"), there);
    }
    assert_eq!(site.names(), ["file"]);
    site.write("file", "of another size");
    assert_eq!(site.try_begin().unwrap_err().kind(), ErrorKind::Exists, "and that is known before it comes");
}

#[test]
fn files_are_replaced_and_directories_merged() {
    for sync in [Sync::None, Sync::Data] {
        let site = Site { sync, ..site(Existing::Replace) };
        site.write("tree/one", "old");
        site.write("tree/other", "old");
        site.write("tree/inner/other", "old");
        fs::set_permissions(site.path("tree/inner"), fs::Permissions::from_mode(0o700)).unwrap();
        land_tree(&site).unwrap();
        assert_eq!(
            site.names(),
            [
                "tree",
                "tree/inner",
                "tree/inner/other",
                "tree/inner/three",
                "tree/one",
                "tree/other",
                "tree/two"
            ]
        );
        assert_eq!([site.read("tree/one"), site.read("tree/other")], ["new", "old"]);
        let inner = fs::metadata(site.path("tree/inner")).unwrap();
        assert_eq!(
            inner.permissions().mode() & 0o777,
            0o755,
            "a directory gets the mode of the one that came"
        );
    }
}

#[test]
fn a_file_in_the_place_of_a_directory_is_replaced_and_a_full_directory_is_not() {
    let replaced = site(Existing::Replace);
    replaced.write("tree/inner", "a file");
    fs::create_dir(replaced.path("tree/one")).unwrap();
    land_tree(&replaced).unwrap();
    assert_eq!([replaced.read("tree/inner/three"), replaced.read("tree/one")], ["new", "new"]);

    let refused = site(Existing::Replace);
    refused.write("tree/one/in the way", "old");
    let error = land_tree(&refused).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
    assert!(error.to_string().contains("tree/one\" is a directory that is not empty"), "{error}");
    assert_eq!(refused.read("tree/one/in the way"), "old");
}

#[test]
fn nothing_is_written_through_a_link_that_is_there() {
    for (existing, is_replaced) in [(Existing::Replace, true), (Existing::Skip, false)] {
        let site = site(existing);
        let outside = tempfile::tempdir().unwrap();
        make_symlink(outside.path(), site.path("tree")).unwrap();
        land_tree(&site).unwrap();
        assert_eq!(names_below(outside.path()), [""; 0]);
        assert_eq!(site.path("tree").is_symlink(), !is_replaced);
    }
}

#[test]
fn both_are_kept_under_the_first_name_that_is_free() {
    let mut site = Site { existing: Existing::KeepBoth, ..Site::of(&["a.tar.gz"]) };
    site.write("a.tar.gz", "old");
    site.write("a-1.tar.gz", "old");
    let landing = site.begin();
    small(&landing, 1, 0, "a.tar.gz", "new");
    assert_eq!(landing.finish().unwrap().names[0].1, site.path("a-2.tar.gz"));
    assert_eq!(
        [site.read("a.tar.gz"), site.read("a-1.tar.gz"), site.read("a-2.tar.gz")],
        ["old", "old", "new"]
    );

    site.offer.names = vec![b"tree".to_vec()];
    fs::create_dir(site.path("tree")).unwrap();
    assert_eq!(land_tree(&site).unwrap().names[0].1, site.path("tree-1"));
    assert_eq!(site.read("tree-1/one"), "new");
}

#[test]
fn what_is_there_is_skipped_and_the_rest_comes() {
    let site = site(Existing::Skip);
    site.write("tree/one", "old");
    site.write("tree/inner", "a file");
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    assert_eq!(small(&landing, 2, 1, "one", "new"), Took::Skipped);
    assert_eq!(small(&landing, 3, 1, "two", "new"), Took::New);
    landing.entry(&directory(4, 1, "inner")).unwrap();
    assert!(landing.file(&file(5, 4, "large", 5_000_000, 5)).unwrap().is_none(), "its directory cannot be");
    landing.entry(&hard_link(6, 1, "link", 2)).unwrap();
    let landed = landing.finish().unwrap();
    assert_eq!(site.names(), ["tree", "tree/inner", "tree/one", "tree/two"]);
    assert_eq!([site.read("tree/one"), site.read("tree/inner")], ["old", "a file"]);
    assert!(landed.notes[0].contains("link\" is left out"), "{:?}", landed.notes);
}

#[test]
fn a_single_file_that_is_there_is_skipped() {
    let site = Site { existing: Existing::Skip, ..Site::of(&["file"]) };
    site.write("file", "old");
    let landing = site.begin();
    assert!(landing.file(&file(1, 0, "file", 5_000_000, 1)).unwrap().is_none());
    landing.finish().unwrap();
    assert_eq!(site.read("file"), "old");
    assert_eq!(site.names(), ["file"]);
}
