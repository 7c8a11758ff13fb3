//! Modes, times, owners and attributes.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use aqueduct_sys::{Symlinks, Xattr, read_xattr};

use super::*;
use crate::landing::tests::child;

#[track_caller]
fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[track_caller]
fn mtime(path: &Path) -> (i64, i64) {
    let found = fs::symlink_metadata(path).unwrap();
    (found.mtime(), found.mtime_nsec())
}

/// A tree of which nothing may be read or written in the end.
fn land_closed_tree(site: &Site) {
    let landing = site.begin();
    let mut top = directory(1, 0, "tree");
    top.meta.mode = 0o555;
    let mut inner = directory(2, 1, "inner");
    inner.meta = Meta { mode: 0, mtime: Time { seconds: -5, nanoseconds: 999_999_999 }, ..Meta::default() };
    landing.entry(&top).unwrap();
    landing.entry(&inner).unwrap();
    let mut closed = file(3, 2, "closed", 1, 3);
    closed.meta.mode = 0;
    landing.small(&closed, b"x").unwrap();
    let mut large = file(4, 2, "large", 3, 4);
    large.meta.mode = 0o400;
    let arriving = landing.file(&large).unwrap().unwrap();
    arriving.file().unwrap().write_all_at(b"abc", 0).unwrap();
    arriving.finish(3).unwrap();
    landing.finish().unwrap();
}

#[test]
fn directories_keep_their_modes_and_times_whatever_is_made_in_them() {
    if !child::is_child() {
        return child::run_unprivileged(
            "landing::tests::kept::directories_keep_their_modes_and_times_whatever_is_made_in_them",
        );
    }
    let site = Site::of(&["tree"]);
    land_closed_tree(&site);
    let tree = site.path("tree");
    assert_eq!((mode(&tree), mtime(&tree)), (0o555, (1_000_000_000, 123_000_000)));
    assert_eq!((mode(&tree.join("inner")), mtime(&tree.join("inner"))), (0, (-5, 999_999_999)));

    // Once more over it, and beside it.
    let replaced = Site { existing: Existing::Replace, ..Site::of(&["tree"]) };
    fs::create_dir_all(replaced.path("tree/inner")).unwrap();
    land_closed_tree(&replaced);
    assert_eq!((mode(&replaced.path("tree")), mode(&replaced.path("tree/inner"))), (0o555, 0));
    assert_eq!(mtime(&replaced.path("tree/inner")), (-5, 999_999_999));
    assert_eq!(fs::read_dir(replaced.dir.path()).unwrap().count(), 1, "the staging directory is gone");

    for site in [site, replaced] {
        for name in ["tree", "tree/inner"] {
            fs::set_permissions(site.path(name), fs::Permissions::from_mode(0o700)).unwrap();
        }
        assert_eq!(mode(&site.path("tree/inner/closed")), 0);
        assert_eq!(mode(&site.path("tree/inner/large")), 0o400);
        assert_eq!(mtime(&site.path("tree/inner/large")), (1_000_000_000, 123_000_000));
    }
}

#[test]
fn links_keep_their_own_times() {
    let site = Site::of(&["link", "file"]);
    let landing = site.begin();
    small(&landing, 1, 0, "file", "x");
    landing.entry(&symlink(2, 0, "link", "file")).unwrap();
    fs::File::open(site.staging().join("tree/file")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    landing.finish().unwrap();
    assert_eq!(mtime(&site.path("link")), (1_000_000_000, 123_000_000));
    assert_eq!(mtime(&site.path("file")), (0, 0));
}

#[test]
fn what_is_not_to_be_kept_is_as_of_any_new_file() {
    let mut site = Site::of(&["tree"]);
    site.preserve = Preserve { mode: false, mtime: false, ..Preserve::default() };
    fs::write(site.path("any"), "").unwrap();
    let usual = mode(&site.path("any"));
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    let mut open = file(2, 1, "open", 1, 2);
    open.meta.mode = 0o666;
    landing.small(&open, b"x").unwrap();
    (open.id, open.name) = (EntryId(3), b"large".to_vec());
    landing.file(&open).unwrap().unwrap().finish(1).unwrap();
    landing.finish().unwrap();
    assert_eq!([mode(&site.path("tree/open")), mode(&site.path("tree/large"))], [usual, usual]);
    assert_ne!(mtime(&site.path("tree/open")), (1_000_000_000, 123_000_000));
}

#[test]
fn a_mode_is_kept_that_the_umask_would_narrow() {
    let site = Site::of(&["file"]);
    let landing = site.begin();
    let mut open = file(1, 0, "file", 1, 1);
    open.meta.mode = 0o666;
    landing.small(&open, b"x").unwrap();
    landing.finish().unwrap();
    assert_eq!(mode(&site.path("file")), 0o666);
}

#[test]
fn attributes_are_kept_where_that_is_asked_for_and_harmless() {
    let mut site = Site::of(&["file"]);
    site.preserve.xattrs = true;
    let landing = site.begin();
    let mut tagged = file(1, 0, "file", 1, 1);
    tagged.meta.mode = 0o444;
    tagged.meta.xattrs = vec![
        (b"user.tag".to_vec(), b"value".to_vec()),
        (b"security.capability".to_vec(), b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
    ];
    landing.small(&tagged, b"x").unwrap();
    let landed = landing.finish().unwrap();
    assert_eq!(mode(&site.path("file")), 0o444);
    assert!(landed.notes.iter().any(|note| note.contains("security.capability")), "{:?}", landed.notes);
    let mut value = [0; 100];
    let dir = fs::File::open(site.dir.path()).unwrap();
    let mut read = |name| read_xattr(&dir, Path::new("file"), Symlinks::Keep, name, &mut value).unwrap();
    assert_eq!(read(c"security.capability"), Xattr::Absent);
    // A filesystem without them is no error, but noted.
    let is_noted = landed.notes.iter().any(|note| note.contains("user.tag"));
    assert_eq!(read(c"user.tag") == Xattr::Len(5), !is_noted);
}

#[test]
fn an_owner_is_kept_by_root_and_noted_by_others() {
    let mut site = Site::of(&["tree"]);
    site.preserve.owner = true;
    let landing = site.begin();
    let mut top = directory(1, 0, "tree");
    top.meta.owner = Some((12345, 23456));
    landing.entry(&top).unwrap();
    let mut owned = file(2, 1, "file", 1, 2);
    (owned.meta.owner, owned.meta.mode) = (Some((12345, 23456)), 0o4755);
    landing.small(&owned, b"x").unwrap();
    let mut link = symlink(3, 1, "link", "file");
    link.meta.owner = Some((12345, 23456));
    landing.entry(&link).unwrap();
    let landed = landing.finish().unwrap();
    let owner = |name| fs::symlink_metadata(site.path(name)).map(|found| (found.uid(), found.gid())).unwrap();
    if aqueduct_sys::effective_user() == 0 {
        assert_eq!(["tree", "tree/file", "tree/link"].map(owner), [(12345, 23456); 3]);
        assert_eq!(mode(&site.path("tree/file")), 0o4755);
        assert_eq!(landed.notes, [""; 0]);
    } else {
        assert_eq!(landed.notes.len(), 3, "{:?}", landed.notes);
    }
}

#[test]
fn notes_are_counted_when_there_are_too_many() {
    let mut site = Site::of(&["tree"]);
    site.preserve.xattrs = true;
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    for id in 2..102 {
        let mut labelled = file(id, 1, &id.to_string(), 1, id);
        labelled.meta.xattrs = vec![(b"security.selinux".to_vec(), b"x".to_vec())];
        landing.small(&labelled, b"x").unwrap();
    }
    let notes = landing.finish().unwrap().notes;
    assert_eq!((notes.len(), notes[20].as_str()), (21, "and 80 more notes like these"));
}

#[test]
fn a_file_is_made_with_few_calls() {
    let site = Site::of(&["tree"]);
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    small(&landing, 2, 1, "first", "opens the directory");
    let before = aqueduct_sys::calls_made();
    small(&landing, 3, 1, "second", "bytes");
    // openat and futimens; write and close are the standard library's.
    let expected = if umask_is_usual() { 2 } else { 3 };
    assert_eq!(aqueduct_sys::calls_made() - before, expected);
}

fn umask_is_usual() -> bool {
    let shown = Command::new("sh").args(["-c", "umask"]).output().unwrap();
    String::from_utf8(shown.stdout).unwrap().trim() == "0022"
}
