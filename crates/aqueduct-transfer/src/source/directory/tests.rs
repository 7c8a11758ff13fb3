use std::fs;

use tempfile::tempdir;

use super::*;

fn child(parent: &Arc<Directory>, name: &str) -> Arc<Directory> {
    let name = Path::new(name);
    let open = locate(&*parent.descriptor().unwrap(), name, Symlinks::Keep).unwrap();
    let seen = stat(&open).unwrap();
    parent.child(name, Symlinks::Keep, open, &seen)
}

fn is_open(directory: &Directory) -> bool {
    locked(&directory.open).is_some()
}

#[test]
fn the_oldest_is_closed_and_opened_anew_with_what_it_is_in() {
    let dir = tempdir().unwrap();
    let real = dir.path().canonicalize().unwrap();
    fs::create_dir_all(real.join("a/b/c/d")).unwrap();
    let descriptors = Descriptors::new(2);
    let top = Directory::at(&real, &descriptors).unwrap();
    let a = child(&top, "a");
    let b = child(&a, "b");
    let c = child(&b, "c");
    assert_eq!([&top, &a, &b, &c].map(|it| is_open(it)), [false, false, true, true]);
    let found = stat(&*a.descriptor().unwrap()).unwrap();
    assert!(a.is(&found));
    assert_eq!([&top, &a, &b, &c].map(|it| is_open(it)), [true, true, false, false]);
    assert!(c.is(&stat(&*c.descriptor().unwrap()).unwrap()));
    assert_eq!(c.path(), real.join("a/b/c"));
}

#[test]
fn another_directory_of_the_name_is_not_taken_for_it() {
    let dir = tempdir().unwrap();
    let real = dir.path().canonicalize().unwrap();
    fs::create_dir_all(real.join("a")).unwrap();
    let descriptors = Descriptors::new(1);
    let top = Directory::at(&real, &descriptors).unwrap();
    let a = child(&top, "a");
    let _other = child(&top, "a");
    assert!(!is_open(&a));
    #[expect(clippy::disallowed_methods, reason = "it is done to the test's own files")]
    fs::rename(real.join("a"), real.join("old")).unwrap();
    fs::create_dir(real.join("a")).unwrap();
    drop(child(&top, "a"));
    assert_eq!(a.descriptor().unwrap_err().errno(), Errno::STALE);
    fs::remove_dir(real.join("a")).unwrap();
    std::os::unix::fs::symlink("old", real.join("a")).unwrap();
    assert_eq!(a.descriptor().unwrap_err().errno(), Errno::STALE, "not even where a link leads to it");
}
