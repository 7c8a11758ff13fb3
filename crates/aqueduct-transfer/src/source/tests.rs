#![expect(clippy::disallowed_methods, reason = "to prepare, any way will do")]

mod changes;
mod rudeness;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use aqueduct_wire::transfer::{Entry, EntryId};
use tempfile::{TempDir, tempdir};

use super::*;

const PLAIN: Preserve = Preserve {
    mode: true,
    mtime: true,
    symlinks: true,
    sparse: true,
    hardlinks: false,
    xattrs: false,
    owner: false,
};

/// A directory beside the test itself: where temporary files are may be no disk.
pub(super) fn on_disk() -> TempDir {
    tempfile::tempdir_in(std::env::current_exe().unwrap().parent().unwrap()).unwrap()
}

fn walk(path: &Path, preserve: &Preserve) -> Walk {
    Walk::new(&[path.to_owned()], preserve, &[]).unwrap()
}

fn entries(walk: Walk) -> Vec<(Entry, Option<SourceFile>)> {
    walk.map(|found| match found {
        Found::Entry { entry, file } => (entry, file),
        Found::Left { path, why } => panic!("{}: {why}", path.display()),
    })
    .collect()
}

/// Paths as the receiver would put them together, in the order in which they come.
fn paths(found: &[(Entry, Option<SourceFile>)]) -> Vec<String> {
    let mut known = vec![String::new()];
    for (entry, _) in found {
        let parent = &known[usize::try_from(entry.parent.0).unwrap()];
        known.push(format!("{parent}/{}", entry.name.escape_ascii()));
        assert_eq!(entry.id, EntryId(known.len() as u64 - 1), "no number is left out");
        assert!(entry.parent < entry.id);
    }
    known.split_off(1)
}

/// A small tree, `t`.
fn tree() -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let top = dir.path().join("t");
    fs::create_dir_all(top.join("b/empty")).unwrap();
    fs::write(top.join("b/x"), b"xx").unwrap();
    fs::write(top.join("a"), b"a").unwrap();
    fs::write(top.join("c"), b"").unwrap();
    fs::write(top.join(OsStr::from_bytes(b"\xff\n")), b"name").unwrap();
    symlink("nowhere/../at all", top.join("b/link")).unwrap();
    (dir, top)
}

#[test]
fn parents_come_first_and_names_in_the_order_of_their_bytes() {
    let (_dir, top) = tree();
    let found = entries(walk(&top, &PLAIN));
    let expected = ["/t", "/t/a", "/t/b", "/t/b/empty", "/t/b/link", "/t/b/x", "/t/c", r"/t/\xff\n"];
    assert_eq!(paths(&found), expected);
    let kinds: Vec<_> = found.iter().map(|(entry, file)| (&entry.kind, file.is_some())).collect();
    assert_eq!(kinds[0], (&Kind::Directory, false));
    assert_eq!(kinds[3], (&Kind::Directory, false));
    assert_eq!(kinds[4], (&Kind::Symlink { target: b"nowhere/../at all".to_vec() }, false));
    assert!(matches!(kinds[5], (Kind::Regular { size: 2, .. }, true)));
}

#[test]
fn files_are_read_whole_and_know_their_paths() {
    let (_dir, top) = tree();
    let mut buffer = b"before".to_vec();
    for (_, file) in entries(walk(&top, &PLAIN)) {
        let Some(file) = file else { continue };
        file.read_small(&mut buffer).unwrap();
        let opened = file.open().unwrap();
        assert_eq!((opened.size(), opened.file().metadata().unwrap().len()), (file.size(), file.size()));
        assert_eq!(file.stat().link_count, 1);
        assert_eq!(fs::metadata(file.path()).unwrap().len(), file.size());
    }
    assert_eq!(buffer, b"beforeaxxname");
}

#[test]
fn modes_and_times_are_told_and_owners_where_they_are_kept() {
    let (_dir, top) = tree();
    fs::set_permissions(top.join("a"), fs::Permissions::from_mode(0o4751)).unwrap();
    fs::set_permissions(top.join("b"), fs::Permissions::from_mode(0o1700)).unwrap();
    let time = std::time::UNIX_EPOCH - std::time::Duration::from_millis(1500);
    File::options().write(true).open(top.join("a")).unwrap().set_modified(time).unwrap();
    let found = entries(walk(&top, &PLAIN));
    let (file, directory) = (&found[1].0.meta, &found[2].0.meta);
    assert_eq!((file.mode, directory.mode), (0o4751, 0o1700));
    assert_eq!((file.mtime.seconds, file.mtime.nanoseconds), (-2, 500_000_000));
    assert_eq!(file.owner, None);
    // Only root may give files away; anybody else's are their own.
    let _ = std::os::unix::fs::chown(top.join("a"), Some(12), Some(34));
    let owner = fs::metadata(top.join("a")).map(|it| (it.uid(), it.gid())).unwrap();
    let found = entries(walk(&top, &Preserve { owner: true, ..PLAIN }));
    assert_eq!(found[1].0.meta.owner, Some(owner));
}

#[test]
fn what_was_named_has_the_name_that_was_typed() {
    let (dir, top) = tree();
    symlink("t", dir.path().join("alias")).unwrap();
    symlink("t/a", dir.path().join("file")).unwrap();
    let name = |path: &Path| walk(path, &PLAIN).names().to_vec();
    assert_eq!(name(&top), [b"t"]);
    assert_eq!(name(&top.join(".")), [b"t"]);
    assert_eq!(name(&top.join("b/..")), [b"t"]);
    assert_eq!(name(&top.join("b/")), [b"b"]);
    assert_eq!(name(&dir.path().join("alias")), [b"alias"]);
    assert_eq!(name(&dir.path().join("alias/.")), [b"t"]);
    let found = entries(walk(&dir.path().join("alias"), &PLAIN));
    assert_eq!(paths(&found)[..2], ["/alias", "/alias/a"]);
    let found = entries(walk(&dir.path().join("file"), &PLAIN));
    assert_eq!(paths(&found), ["/file"]);
    assert_eq!(found[0].1.as_ref().unwrap().open().unwrap().size(), 1);
}

#[test]
fn several_paths_come_one_after_the_other() {
    let (_dir, top) = tree();
    let found = Walk::new(&[top.join("c"), top.join("b")], &PLAIN, &[]).unwrap();
    assert_eq!(found.names(), [b"c", b"b"]);
    assert_eq!(paths(&entries(found)), ["/c", "/b", "/b/empty", "/b/link", "/b/x"]);
}

#[test]
fn two_paths_of_one_name_no_path_and_the_root_are_refused() {
    let (_dir, top) = tree();
    fs::create_dir(top.join("b/b")).unwrap();
    let refused = |paths: &[PathBuf]| Walk::new(paths, &PLAIN, &[]).unwrap_err();
    for paths in [&[top.join("b"), top.join("b/b")][..], &[], &[PathBuf::from("/")]] {
        assert_eq!(refused(paths).kind(), ErrorKind::Usage, "{paths:?}");
    }
    assert_eq!(refused(&[top.join("missing")]).kind(), ErrorKind::Source);
}

#[test]
fn the_same_paths_are_the_same_transfer() {
    let (dir, top) = tree();
    symlink("t", dir.path().join("alias")).unwrap();
    let transfer = |path: &Path| walk(path, &PLAIN).transfer();
    assert_eq!(transfer(&top), transfer(&dir.path().join("alias")));
    assert_ne!(transfer(&top), transfer(&top.join("b")));
    fs::write(top.join("new"), b"").unwrap();
    assert_eq!(transfer(&top), walk(&top, &Preserve { hardlinks: true, ..PLAIN }).transfer());
}

#[test]
fn hard_links_are_told_once_with_their_bytes() {
    let (_dir, top) = tree();
    fs::hard_link(top.join("a"), top.join("b/a too")).unwrap();
    fs::hard_link(top.join("a"), top.join("d")).unwrap();
    let found = entries(walk(&top, &Preserve { hardlinks: true, ..PLAIN }));
    let links: Vec<_> = paths(&found)
        .into_iter()
        .zip(&found)
        .filter(|(_, (entry, _))| entry.kind == Kind::HardLink { to: EntryId(2) })
        .map(|(path, _)| path)
        .collect();
    assert_eq!(links, ["/t/b/a too", "/t/d"]);
    assert!(
        entries(walk(&top, &PLAIN)).iter().all(|(entry, _)| !matches!(entry.kind, Kind::HardLink { .. }))
    );
}

#[test]
fn totals_are_those_of_the_walk() {
    let (_dir, top) = tree();
    fs::hard_link(top.join("b/x"), top.join("d")).unwrap();
    let stop = AtomicBool::new(false);
    let totals = |preserve| measure(std::slice::from_ref(&top), preserve, &[], &stop).unwrap();
    assert_eq!(totals(&PLAIN), Totals { size: 9, file_count: 5 });
    assert_eq!(totals(&Preserve { hardlinks: true, ..PLAIN }), Totals { size: 7, file_count: 5 });
    stop.store(true, Ordering::Relaxed);
    let stopped = measure(std::slice::from_ref(&top), &PLAIN, &[], &stop).unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Stopped);
}

#[test]
fn what_is_excluded_does_not_come_unless_it_was_named() {
    let (_dir, top) = tree();
    let found = |exclude: &[&str]| {
        let exclude: Vec<_> = exclude.iter().map(|text| (*text).to_owned()).collect();
        paths(&entries(Walk::new(std::slice::from_ref(&top), &PLAIN, &exclude).unwrap()))
    };
    assert_eq!(found(&["b", "*\n"]), ["/t", "/t/a", "/t/c"]);
    assert_eq!(found(&["b/*", "[ac]", "?"])[..], ["/t", r"/t/\xff\n"]);
    assert_eq!(found(&["b/x", "b/l*", "empty/", "c/", "t"])[..4], ["/t", "/t/a", "/t/b", "/t/c"]);
    let nothing = Walk::new(std::slice::from_ref(&top), &PLAIN, &["/".to_owned()]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::Usage);
}

fn only(range: Range<u64>) -> [Range<u64>; 1] {
    [range]
}

#[test]
fn holes_are_found_and_a_full_file_is_not_asked() {
    let dir = on_disk();
    let path = dir.path().join("sparse");
    let file = File::create(&path).unwrap();
    file.set_len(10 << 20).unwrap();
    file.write_all_at(&[1; 1 << 20], 2 << 20).unwrap();
    file.write_all_at(&[2; 1 << 20], 9 << 20).unwrap();
    let opened = entries(walk(&path, &PLAIN)).pop().unwrap().1.unwrap().open().unwrap();
    assert!(opened.may_have_holes());
    let ranges = |within: Range<u64>| opened.data_ranges(within).unwrap();
    assert_eq!(ranges(0..10 << 20), [2 << 20..3 << 20, 9 << 20..10 << 20]);
    assert_eq!(ranges((2 << 20) + 5..(2 << 20) + 6), only((2 << 20) + 5..(2 << 20) + 6));
    assert_eq!(ranges(3 << 20..9 << 20), []);
    assert_eq!(ranges(9 << 20..u64::MAX), only(9 << 20..10 << 20));
    assert_eq!(ranges(11 << 20..12 << 20), []);

    file.write_all_at(&vec![3; 10 << 20], 0).unwrap();
    let opened = entries(walk(&path, &PLAIN)).pop().unwrap().1.unwrap().open().unwrap();
    let calls = aqueduct_sys::calls_made();
    assert_eq!(opened.data_ranges(5..10 << 20).unwrap(), only(5..10 << 20));
    assert_eq!(aqueduct_sys::calls_made(), calls);
}

#[test]
fn extended_attributes_come_where_they_are_kept_and_a_note_says_which_do_not() {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    for (name, len) in [("a", 1), ("b", 20_000)] {
        let path = dir.path().join(name);
        fs::write(&path, b"").unwrap();
        let value = vec![b'v'; len];
        if rustix::fs::setxattr(&path, "user.test", &value, rustix::fs::XattrFlags::empty()).is_err() {
            println!("did not run: this kernel keeps no such attributes in memory");
            return;
        }
    }
    let mut walk = walk(dir.path(), &Preserve { xattrs: true, ..PLAIN });
    let found: Vec<_> = walk.by_ref().collect();
    let xattrs: Vec<_> = found
        .iter()
        .map(|found| match found {
            Found::Entry { entry, .. } => entry.meta.xattrs.clone(),
            Found::Left { .. } => panic!("{found:?}"),
        })
        .collect();
    assert_eq!(xattrs, [vec![], vec![(b"user.test".to_vec(), b"v".to_vec())], vec![]]);
    let notes = walk.take_notes();
    assert_eq!(notes.len(), 1);
    assert!(
        notes[0].ends_with("/b: some of its extended attributes are too long, and left out"),
        "{notes:?}"
    );
    assert!(walk.take_notes().is_empty());
}

#[test]
fn holes_may_be_looked_for_by_several_threads() {
    let dir = on_disk();
    let path = dir.path().join("sparse");
    let file = File::create(&path).unwrap();
    file.set_len(64 << 20).unwrap();
    for place in 0..32_u64 {
        file.write_all_at(&[1; 4096], place << 21).unwrap();
    }
    let opened = entries(walk(&path, &PLAIN)).pop().unwrap().1.unwrap().open().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for place in 0..32_u64 {
                    let found = opened.data_ranges(place << 21..(place + 1) << 21).unwrap();
                    assert_eq!(found, only(place << 21..(place << 21) + 4096));
                }
            });
        }
    });
}
