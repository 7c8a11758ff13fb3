//! What comes appears, all at once.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::Arc;
use std::thread;

use super::*;
use crate::ErrorKind;
use crate::landing::Took;

#[test]
fn a_tree_appears_when_all_of_it_is_there_and_not_before() {
    let site = Site::of(&["tree"]);
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    landing.entry(&directory(2, 1, "empty")).unwrap();
    assert_eq!(small(&landing, 3, 1, "small", "some bytes"), Took::New);
    landing.entry(&symlink(4, 1, "link", "small")).unwrap();
    landing.entry(&hard_link(5, 1, "other name", 3)).unwrap();
    assert!(!site.path("tree").exists());

    let landed = landing.finish().unwrap();
    assert_eq!(landed.names, [(b"tree".to_vec(), site.path("tree"))]);
    assert_eq!((landed.is_synced, landed.notes), (false, Vec::new()));
    let names = ["tree", "tree/empty", "tree/link", "tree/other name", "tree/small"];
    assert_eq!(site.names(), names, "and nothing is left of the staging directory");
    assert_eq!(site.read("tree/small"), "some bytes");
    assert_eq!(fs::read_link(site.path("tree/link")).unwrap(), Path::new("small"));
    let inode = |name| fs::metadata(site.path(name)).unwrap().ino();
    assert_eq!(inode("tree/small"), inode("tree/other name"));
}

#[test]
fn a_large_file_appears_with_its_size_whatever_holes_it_has() {
    for sync in [Sync::None, Sync::Data, Sync::Full] {
        let site = Site { sync, ..Site::of(&["large"]) };
        let landing = site.begin();
        let arriving = landing.file(&file(1, 0, "large", 10_000_000, 1)).unwrap().unwrap();
        assert_eq!(
            (arriving.size(), arriving.restored(), arriving.is_whole()),
            (Some(10_000_000), &[][..], false)
        );
        arriving.file().unwrap().write_all_at(b"in the middle", 5_000_000).unwrap();
        arriving.finish(10_000_000).unwrap();
        assert_eq!(landing.finish().unwrap().is_synced, sync != Sync::None);
        let found = fs::metadata(site.path("large")).unwrap();
        assert_eq!((found.len(), found.permissions().mode() & 0o7777), (10_000_000, 0o644));
        assert_eq!((found.mtime(), found.mtime_nsec()), (1_000_000_000, 123_000_000));
    }
}

#[test]
fn a_stream_has_the_size_that_it_ends_with() {
    let site = Site::of(&["stdin"]);
    let landing = site.begin();
    let arriving = landing.file(&entry(1, 0, "stdin", Kind::Stream)).unwrap().unwrap();
    arriving.file().unwrap().write_all_at(b"what came, and more", 0).unwrap();
    arriving.finish(9).unwrap();
    landing.finish().unwrap();
    assert_eq!(site.read("stdin"), "what came");
}

#[test]
fn a_single_entry_gets_the_name_that_was_asked_for() {
    let mut site = Site::of(&["source name"]);
    site.to = Where::Path(site.path("another name"));
    let landing = site.begin();
    small(&landing, 1, 0, "source name", "bytes");
    let landed = landing.finish().unwrap();
    assert_eq!(landed.names, [(b"source name".to_vec(), site.path("another name"))]);
    assert_eq!(site.names(), ["another name"]);

    fs::create_dir(site.path("directory")).unwrap();
    site.to = Where::Path(site.path("directory"));
    let landing = site.begin();
    small(&landing, 1, 0, "source name", "bytes");
    landing.finish().unwrap();
    assert_eq!(site.read("directory/source name"), "bytes");

    let mut site = Site::of(&["one", "two"]);
    site.to = Where::Path(site.path("name"));
    assert_eq!(site.try_begin().unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn a_directory_that_is_named_is_made_but_not_those_above_it() {
    let mut site = Site::of(&["file"]);
    site.to = Where::Directory(site.path("new"));
    let landing = site.begin();
    small(&landing, 1, 0, "file", "bytes");
    landing.finish().unwrap();
    assert_eq!(site.read("new/file"), "bytes");
    site.to = Where::Directory(site.path("no/such/directory"));
    let error = site.try_begin().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(error.to_string().contains("no/such/directory"), "{error}");
}

#[test]
fn names_need_not_be_text() {
    let mut site = Site::of(&["x"]);
    site.offer.names = vec![b"\xff\xfe".to_vec()];
    let landing = site.begin();
    let mut top = directory(1, 0, "");
    top.name = b"\xff\xfe".to_vec();
    let mut inner = file(2, 1, "", 1, 1);
    inner.name = b"line\nfeed\x80".to_vec();
    landing.entry(&top).unwrap();
    landing.small(&inner, b"x").unwrap();
    landing.finish().unwrap();
    let path = site.dir.path().join(std::ffi::OsStr::from_bytes(b"\xff\xfe/line\nfeed\x80"));
    assert_eq!(fs::read(path).unwrap(), b"x");
}

#[test]
fn what_changed_at_its_source_is_gone_and_its_name_may_come_again() {
    let site = Site::of(&["tree"]);
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    landing.file(&file(2, 1, "changes", 5_000_000, 2)).unwrap().unwrap();
    landing.discard(EntryId(2)).unwrap();
    small(&landing, 3, 1, "changes", "again");
    landing.file(&file(4, 1, "for good", 5_000_000, 4)).unwrap().unwrap();
    landing.discard(EntryId(4)).unwrap();
    landing.finish().unwrap();
    assert_eq!(site.names(), ["tree", "tree/changes"]);
    assert_eq!(site.read("tree/changes"), "again");
}

#[test]
fn a_file_that_changed_and_was_all_there_was_does_not_appear() {
    let site = Site::of(&["file"]);
    let landing = site.begin();
    landing.file(&file(1, 0, "file", 5_000_000, 1)).unwrap().unwrap();
    landing.discard(EntryId(1)).unwrap();
    assert_eq!(landing.finish().unwrap().names, []);
    assert_eq!(site.names(), [""; 0]);
}

#[test]
fn several_threads_land_ten_thousand_files_with_few_descriptors() {
    let site = Site::of(&["tree"]);
    let landing = Arc::new(site.begin());
    landing.entry(&directory(1, 0, "tree")).unwrap();
    for at in 0..100 {
        landing.entry(&directory(2 + at, 1, &format!("{at}"))).unwrap();
    }
    thread::scope(|scope| {
        for thread in 0..4 {
            let landing = Arc::clone(&landing);
            scope.spawn(move || {
                for at in (thread..10_000).step_by(4) {
                    small(&landing, 1000 + at, 2 + at % 100, &format!("file {at}"), &at.to_string());
                }
            });
        }
    });
    assert!(descriptor_count(site.dir.path()) <= 100, "directories are closed again");
    landing.finish().unwrap();
    assert_eq!(site.names().len(), 1 + 100 + 10_000);
    assert_eq!(site.read("tree/42/file 4242"), "4242");
    drop(landing);
    assert_eq!(descriptor_count(site.dir.path()), 0);
}

#[test]
fn files_that_nobody_writes_to_are_not_open() {
    let site = Site::of(&["tree"]);
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    let said: Vec<_> = (0..2000)
        .map(|at| landing.file(&file(2 + at, 1, &format!("{at}"), 5_000_000, at)).unwrap().unwrap())
        .collect();
    assert!(descriptor_count(site.dir.path()) < 10);
    drop(said);
}

/// How many descriptors of this process are below `dir`.
fn descriptor_count(dir: &Path) -> usize {
    let dir = dir.canonicalize().unwrap();
    let open = fs::read_dir("/proc/self/fd").unwrap();
    open.filter(|entry| {
        let path = entry.as_ref().ok().and_then(|entry| fs::read_link(entry.path()).ok());
        path.is_some_and(|path| path.starts_with(&dir))
    })
    .count()
}

#[test]
fn an_attempt_that_ends_before_anything_came_leaves_nothing() {
    let site = Site::of(&["file"]);
    let landing = site.begin();
    assert!(site.staging().exists());
    drop(landing);
    assert_eq!(site.names(), [""; 0]);
}

#[test]
fn a_stream_that_breaks_off_leaves_nothing_since_nobody_can_go_on_with_it() {
    let mut site = Site::of(&["stdin"]);
    site.offer.file_count = Some(1);
    let landing = site.begin();
    let arriving = landing.file(&entry(1, 0, "stdin", Kind::Stream)).unwrap().unwrap();
    arriving.file().unwrap().write_all_at(b"half", 0).unwrap();
    drop((arriving, landing));
    assert_eq!(site.names(), [""; 0]);
}
