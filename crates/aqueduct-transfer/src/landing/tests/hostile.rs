//! Whoever sends means ill.

use std::os::unix::fs::{PermissionsExt, symlink as make_symlink};

use super::*;
use crate::ErrorKind;

#[track_caller]
fn assert_refused<T>(result: Result<T, Error>) {
    assert_eq!(result.map(|_| ()).unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn nothing_is_put_below_a_link_that_was_sent() {
    let site = Site::of(&["tree"]);
    let outside = tempfile::tempdir().unwrap();
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    landing.entry(&symlink(2, 1, "link", outside.path().to_str().unwrap())).unwrap();
    assert_refused(landing.small(&file(3, 2, "file", 1, 3), b"x"));
    assert_refused(landing.file(&file(4, 2, "large", 5_000_000, 4)));
    assert_refused(landing.entry(&directory(5, 2, "directory")));
    // The same name as a directory, which a receiver that forgets what it made would take.
    assert_refused(landing.entry(&directory(6, 1, "link")));
    assert_refused(landing.small(&file(7, 6, "file", 1, 7), b"x"));
    assert_refused(landing.small(&file(8, 1, "link", 1, 8), b"x"));
    assert_refused(landing.file(&file(9, 1, "link", 5_000_000, 9)));
    landing.finish().unwrap();
    assert_eq!(names_below(outside.path()), [""; 0]);
    assert_eq!(site.names(), ["tree", "tree/link"]);
}

#[test]
fn names_that_lead_out_are_refused_even_if_the_words_let_them_pass() {
    let site = Site::of(&["tree"]);
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    for (id, name) in (2..).zip(["..", ".", "", "../../escaped", "/tmp/escaped", "a/b", "a\0"]) {
        assert_refused(landing.entry(&directory(id, 1, name)));
        assert_refused(landing.small(&file(id, 1, name, 1, id), b"x"));
        assert_refused(landing.file(&file(id, 1, name, 5_000_000, id)));
        assert_refused(landing.entry(&symlink(id, 1, name, "target")));
    }
    assert_refused(landing.entry(&directory(20, 0, "..")));
    assert_refused(landing.entry(&directory(21, 0, "not offered")));
    assert_eq!(fs::read_dir(site.dir.path()).unwrap().count(), 1, "nothing but the staging directory");
}

#[test]
fn nothing_comes_twice() {
    let site = Site::of(&["tree"]);
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    small(&landing, 2, 1, "file", "first");
    assert_refused(landing.entry(&directory(1, 0, "tree")));
    assert_refused(landing.entry(&directory(3, 0, "tree")));
    assert_refused(landing.entry(&directory(4, 1, "file")));
    assert_refused(landing.small(&file(5, 1, "file", 1, 5), b"x"));
    assert_refused(landing.file(&file(6, 1, "file", 5_000_000, 6)));
    assert_refused(landing.entry(&symlink(7, 1, "file", "/etc/passwd")));
    assert_refused(landing.entry(&hard_link(8, 1, "file", 2)));
    // The number of an entry that was said before.
    assert_refused(landing.small(&file(2, 1, "other", 1, 9), b"x"));
    landing.finish().unwrap();
    assert_eq!(site.read("tree/file"), "first");
}

#[test]
fn a_hard_link_to_what_did_not_come_is_left_out_and_the_rest_arrives() {
    let site = Site::of(&["tree"]);
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    landing.entry(&hard_link(2, 1, "link", 77)).unwrap();
    landing.entry(&hard_link(3, 1, "link", 1)).unwrap();
    let landed = landing.finish().unwrap();
    assert_eq!(landed.notes.len(), 2, "{:?}", landed.notes);
    assert_eq!(site.names(), ["tree"]);
}

#[test]
fn a_directory_that_somebody_replaces_by_a_link_is_not_followed() {
    let site = Site::of(&["tree"]);
    let outside = tempfile::tempdir().unwrap();
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    landing.entry(&directory(2, 1, "inner")).unwrap();
    let inner = site.staging().join("tree/tree/inner");
    fs::rename(&inner, site.path("away")).unwrap();
    make_symlink(outside.path(), &inner).unwrap();
    let error = landing.small(&file(3, 2, "file", 1, 3), b"x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(error.to_string().contains("tree/inner\" is not what it was"), "{error}");
    assert_eq!(landing.finish().unwrap_err().kind(), ErrorKind::Local, "and it does not appear");
    assert_eq!(names_below(outside.path()), [""; 0]);
    assert!(!site.path("tree").exists());
}

#[test]
fn a_directory_that_is_replaced_after_it_was_opened_is_found_in_the_end() {
    let site = Site::of(&["tree"]);
    let outside = tempfile::tempdir().unwrap();
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    small(&landing, 2, 1, "file", "x");
    let tree = site.staging().join("tree/tree");
    fs::rename(&tree, site.path("away")).unwrap();
    make_symlink(outside.path(), &tree).unwrap();
    // This goes where the directory went, and not where the link leads.
    small(&landing, 3, 1, "another", "x");
    assert_eq!(landing.finish().unwrap_err().kind(), ErrorKind::Local);
    assert_eq!(names_below(outside.path()), [""; 0]);
    assert!(!site.path("tree").exists());
}

#[test]
fn nobody_runs_what_comes_as_somebody_else() {
    let site = Site::of(&["file", "directory"]);
    let landing = site.begin();
    let mut program = file(1, 0, "file", 1, 1);
    program.meta.mode = 0o6755;
    landing.small(&program, b"x").unwrap();
    let mut top = directory(2, 0, "directory");
    top.meta.mode = 0o7777;
    landing.entry(&top).unwrap();
    let mut large = file(3, 2, "large", 1, 3);
    large.meta.mode = 0o6755;
    landing.file(&large).unwrap().unwrap().finish(1).unwrap();
    landing.finish().unwrap();
    let mode = |name| fs::metadata(site.path(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!([mode("file"), mode("directory"), mode("directory/large")], [0o755, 0o1777, 0o755]);
}

#[test]
fn a_tree_is_as_deep_as_it_may_be_and_no_deeper() {
    let site = Site::of(&["d"]);
    let landing = site.begin();
    let depth_max = crate::landing::tree::DEPTH_MAX as u64;
    for id in 1..=depth_max + 1 {
        landing.entry(&directory(id, id - 1, "d")).unwrap();
    }
    let error = landing.entry(&directory(depth_max + 2, depth_max + 1, "d")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    // A directory far below those that are open.
    small(&landing, 5000, depth_max, "file", "deep");
    landing.finish().unwrap();
    let mut path = site.dir.path().to_owned();
    path.extend((0..depth_max).map(|_| "d"));
    assert_eq!(fs::read(path.join("file")).unwrap(), b"deep");
}

#[test]
fn a_staging_directory_that_somebody_else_made_is_not_used() {
    let site = Site::of(&["file"]);
    fs::create_dir(site.staging()).unwrap();
    // Only root gives directories away.
    if aqueduct_sys::effective_user() == 0 {
        std::os::unix::fs::chown(site.staging(), Some(12345), None).unwrap();
        let error = site.try_begin().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Local);
        assert!(error.to_string().contains("belongs to user 12345: remove it"), "{error}");
        // In whose directory all of this is.
        std::os::unix::fs::chown(site.dir.path(), Some(12345), None).unwrap();
        drop(site.begin());
        fs::create_dir(site.staging()).unwrap();
    }
    fs::set_permissions(site.staging(), fs::Permissions::from_mode(0o777)).unwrap();
    let landing = site.begin();
    assert_eq!(fs::metadata(site.staging()).unwrap().permissions().mode() & 0o777, 0o700);
    drop(landing);

    let outside = tempfile::tempdir().unwrap();
    make_symlink(outside.path(), site.staging()).unwrap();
    assert_eq!(site.try_begin().unwrap_err().kind(), ErrorKind::Local);
    assert_eq!(names_below(outside.path()), [""; 0]);
}

#[test]
fn the_staging_directory_is_not_what_is_offered() {
    for existing in [Existing::Refuse, Existing::Replace] {
        let mut site = Site { existing, ..Site::of(&["file"]) };
        let staging = site.staging().file_name().unwrap().as_bytes().to_vec();
        site.offer.names.push(staging);
        assert_eq!(site.try_begin().unwrap_err().kind(), ErrorKind::Protocol);
        assert_eq!(site.names(), [""; 0]);
    }
}
