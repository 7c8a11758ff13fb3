//! Calls that tell what is in a directory, and what it is.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, chown, symlink};
use std::path::Path;

use aqueduct_sys::{
    CWD, Errno, FileType, Symlinks, Xattr, getdents, list_xattrs, locate, open_directory_at, read_link,
    read_xattr, reopen, stat, stat_at,
};
use tempfile::{TempDir, tempdir_in};

fn directory() -> (TempDir, File) {
    let dir = tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let opened = File::open(dir.path()).unwrap();
    (dir, opened)
}

#[test]
fn names_come_in_as_many_calls_as_the_buffer_needs() {
    let (path, dir) = directory();
    let mut expected = BTreeSet::from([".".to_owned(), "..".to_owned()]);
    for place in 0..100 {
        let name = format!("a long name with the number {place}");
        File::create(path.path().join(&name)).unwrap();
        expected.insert(name);
    }
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let (mut names, mut calls) = (BTreeSet::new(), 0);
    let mut add = |name: &CStr| assert!(names.insert(name.to_str().unwrap().to_owned()));
    let before = aqueduct_sys::calls_made();
    while getdents(&dir, &mut buffer, &mut add).unwrap() {
        calls += 1;
    }
    assert_eq!(aqueduct_sys::calls_made() - before, calls + 1);
    assert!(!getdents(&dir, &mut buffer, &mut add).unwrap());
    assert_eq!(names, expected);
    assert!(calls > 1);
    let mut small = [MaybeUninit::uninit(); 16];
    let error = getdents(File::open(path.path()).unwrap(), &mut small, |_| {}).unwrap_err();
    assert_eq!(error.errno(), Errno::INVAL);
}

#[test]
fn a_link_is_looked_at_itself_or_followed() {
    let (path, dir) = directory();
    fs::create_dir(path.path().join("there")).unwrap();
    symlink("there", path.path().join("link")).unwrap();
    let link = Path::new("link");
    let kind = |symlinks| stat_at(&dir, link, symlinks).unwrap().file_type();
    assert_eq!((kind(Symlinks::Keep), kind(Symlinks::Follow)), (FileType::Symlink, FileType::Directory));
    assert_eq!(read_link(&dir, link).unwrap(), b"there");
    assert_eq!(read_link(&dir, Path::new("there")).unwrap_err().errno(), Errno::INVAL);
    assert_eq!(open_directory_at(&dir, link, Symlinks::Keep).unwrap_err().errno(), Errno::NOTDIR);
    let followed = open_directory_at(&dir, link, Symlinks::Follow).unwrap();
    assert!(stat(&followed).unwrap().same_file(&stat_at(&dir, Path::new("there"), Symlinks::Keep).unwrap()));
    assert_eq!(stat(locate(&dir, link, Symlinks::Keep).unwrap()).unwrap().file_type(), FileType::Symlink);
}

#[test]
fn a_stat_says_whose_the_file_is() {
    let (path, dir) = directory();
    File::create(path.path().join("file")).unwrap();
    // Only root may give files away.
    let (user, group) = match chown(path.path().join("file"), Some(12), Some(34)) {
        Ok(()) => (12, 34),
        Err(_) => {
            let own = stat(&dir).unwrap();
            (own.user, own.group)
        }
    };
    let seen = stat_at(&dir, Path::new("file"), Symlinks::Keep).unwrap();
    assert_eq!((seen.user, seen.group), (user, group));
}

#[test]
fn what_is_located_is_not_opened_until_somebody_asks() {
    // Opening a terminal that is not ours would fail, and a fifo would wait.
    let tty = locate(CWD, Path::new("/dev/tty"), Symlinks::Follow).unwrap();
    assert!(fs::metadata("/dev/tty").unwrap().file_type().is_char_device());
    assert_eq!(stat(&tty).unwrap().file_type(), FileType::CharacterDevice);

    let (path, dir) = directory();
    fs::write(path.path().join("file"), b"bytes").unwrap();
    let located = locate(&dir, Path::new("file"), Symlinks::Keep).unwrap();
    assert_eq!(aqueduct_sys::pread(&located, &mut [0; 5], 0).unwrap_err().errno(), Errno::BADF);
    let opened = reopen(located.as_fd(), aqueduct_sys::Caching::Cached).unwrap();
    let mut buffer = [0; 5];
    assert_eq!(aqueduct_sys::pread(&opened, &mut buffer, 0).unwrap(), 5);
    assert_eq!(&buffer, b"bytes");
}

#[test]
fn extended_attributes_are_listed_and_read_by_name() {
    let (path, dir) = directory();
    let file = Path::new("file");
    File::create(path.path().join("file")).unwrap();
    symlink("file", path.path().join("link")).unwrap();
    let mut buffer = [0; 64];
    assert!(matches!(
        list_xattrs(&dir, file, Symlinks::Keep, &mut buffer).unwrap(),
        Xattr::Len(0) | Xattr::Absent
    ));
    let set = |name: &str, value: &[u8]| {
        rustix::fs::setxattr(path.path().join("file"), name, value, rustix::fs::XattrFlags::empty()).unwrap();
    };
    set("user.one", b"1");
    for name in ["file", "link"] {
        let Xattr::Len(len) = list_xattrs(&dir, Path::new(name), Symlinks::Follow, &mut buffer).unwrap()
        else {
            panic!("there is one")
        };
        assert_eq!(&buffer[..len], b"user.one\0");
    }
    assert_eq!(read_xattr(&dir, file, Symlinks::Keep, c"user.one", &mut buffer).unwrap(), Xattr::Len(1));
    assert_eq!(buffer[0], b'1');
    assert_eq!(read_xattr(&dir, file, Symlinks::Keep, c"user.two", &mut buffer).unwrap(), Xattr::Absent);
    set("user.one", b"12345");
    assert_eq!(
        read_xattr(&dir, file, Symlinks::Keep, c"user.one", &mut buffer[..4]).unwrap(),
        Xattr::TooLong
    );
    assert_eq!(list_xattrs(&dir, file, Symlinks::Keep, &mut buffer[..4]).unwrap(), Xattr::TooLong);
}
