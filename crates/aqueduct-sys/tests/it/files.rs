//! Calls on regular files.

use std::fs::{File, FileTimes};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use aqueduct_sys::{
    Advice, Errno, FileType, MountId, ReadFlags, Reserve, copy_file_range, errno_of, fadvise, fallocate,
    fdatasync, fsync, open_untouched, pread, preadv2, pwrite, realtime_coarse, reflink, seek_data, seek_hole,
    seek_to, set_written, stat, syncfs,
};

use crate::unnamed;

#[test]
fn stat_agrees_with_the_standard_library() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = File::create(dir.path().join("name")).unwrap();
    pwrite(&file, &[1; 5000], 10_000).unwrap();
    let ours = stat(&file).unwrap();
    let theirs = file.metadata().unwrap();
    assert_eq!(ours.size, theirs.size());
    assert_eq!(u64::from(ours.link_count), theirs.nlink());
    assert_eq!(u32::from(ours.mode), theirs.mode());
    assert_eq!((ours.device, ours.inode), (theirs.dev(), theirs.ino()));
    assert_eq!(
        (ours.ctime.seconds, i64::from(ours.ctime.nanoseconds)),
        (theirs.ctime(), theirs.ctime_nsec())
    );
    assert_eq!(
        (ours.mtime.seconds, i64::from(ours.mtime.nanoseconds)),
        (theirs.mtime(), theirs.mtime_nsec())
    );
    assert_eq!(ours.block_count, theirs.blocks());
    assert_eq!(ours.file_type(), FileType::RegularFile);
    assert!(ours.same_file(&stat(file.try_clone().unwrap()).unwrap()));
    assert!(!ours.same_file(&stat(unnamed(b"")).unwrap()));
}

#[test]
fn a_mount_has_an_id_of_its_own() {
    let here = stat(unnamed(b"")).unwrap().mount.expect("Linux 5.8 or later");
    assert_eq!(stat(unnamed(b"")).unwrap().mount, Some(here));
    let proc = stat(File::open("/proc/version").unwrap()).unwrap().mount.unwrap();
    assert_ne!(here, proc);
    // Unique ids begin above any that could be reused, so that they are never mistaken: statx(2), Linux 6.8.
    if let MountId::Unique(id) = here {
        assert!(id > 1 << 31);
    }
}

#[test]
fn a_file_changed_after_the_coarse_clock_was_read_does_not_look_older() {
    let file = unnamed(b"");
    for _ in 0..1000 {
        let before = realtime_coarse();
        pwrite(&file, b"now", 0).unwrap();
        let stamped = stat(&file).unwrap();
        assert!(before <= stamped.mtime, "{before:?} {stamped:?}");
        assert!(before <= stamped.ctime, "{before:?} {stamped:?}");
    }
}

#[test]
fn a_file_can_be_dated_back_and_says_when_that_was_done() {
    let file = unnamed(b"x");
    let before = file.metadata().unwrap();
    set_written(&file, 1_000_000_000).unwrap();
    let after = file.metadata().unwrap();
    assert_eq!((after.mtime(), after.mtime_nsec()), (1_000_000_000, 0));
    assert!((after.ctime(), after.ctime_nsec()) >= (before.ctime(), before.ctime_nsec()));
    assert_eq!(after.atime(), before.atime(), "when it was read is left alone");
    pwrite(&file, b"y", 0).unwrap();
    let written = file.metadata().unwrap();
    assert_eq!((written.mtime(), written.mtime_nsec()), (written.ctime(), written.ctime_nsec()));
}

#[test]
fn offsets_that_the_kernel_cannot_hold_are_refused() {
    let file = unnamed(b"bytes");
    let beyond = i64::MAX as u64 + 1;
    let refusals = [
        pread(&file, &mut [0; 1], beyond).map(drop),
        preadv2(&file, &mut [0; 1], beyond, ReadFlags::empty()).map(drop),
        pwrite(&file, b"x", beyond).map(drop),
        fallocate(&file, Reserve::Grow, beyond, 1),
        fallocate(&file, Reserve::Grow, 0, beyond),
        copy_file_range(&file, beyond, &file, 0, 1).map(drop),
        copy_file_range(&file, 0, &file, beyond, 1).map(drop),
        aqueduct_sys::sendfile(&file, &file, beyond, 1).map(drop),
        aqueduct_sys::splice(&file, Some(beyond), &file, None, 1, aqueduct_sys::SpliceFlags::empty())
            .map(drop),
        seek_to(&file, beyond),
        seek_data(&file, beyond).map(drop),
        seek_hole(&file, beyond).map(drop),
        fadvise(&file, beyond, None, Advice::WillNeed),
    ];
    for refused in refusals {
        assert_eq!(refused.unwrap_err().errno(), Errno::OVERFLOW);
    }
}

#[test]
fn holes_are_found_and_ends_are_values() {
    let file = unnamed(b"");
    file.set_len(1 << 20).unwrap();
    pwrite(&file, &[1; 4096], 65_536).unwrap();
    assert_eq!(seek_data(&file, 0).unwrap(), Some(65_536));
    assert_eq!(seek_hole(&file, 65_536).unwrap(), Some(69_632));
    assert_eq!(seek_data(&file, 69_632).unwrap(), None, "only a hole follows");
    assert_eq!(seek_hole(&file, 1 << 20).unwrap(), None, "nothing follows");
}

#[test]
fn reserved_space_grows_the_file_or_not_as_asked() {
    let file = unnamed(b"");
    fallocate(&file, Reserve::KeepSize, 0, 1 << 20).unwrap();
    let kept = stat(&file).unwrap();
    assert_eq!(kept.size, 0);
    assert!(kept.block_count >= 2048);
    fallocate(&file, Reserve::Grow, 0, 1 << 20).unwrap();
    assert_eq!(stat(&file).unwrap().size, 1 << 20);
    assert_eq!(fallocate(&file, Reserve::Grow, 0, 0).unwrap_err().errno(), Errno::INVAL);
}

#[test]
fn bytes_are_copied_between_files_without_moving_positions() {
    let (source, target) = (unnamed(b"0123456789"), unnamed(b""));
    assert_eq!(copy_file_range(&source, 2, &target, 1, 100).unwrap(), 8);
    let mut bytes = [1; 10];
    assert_eq!(pread(&target, &mut bytes, 0).unwrap(), 9);
    assert_eq!(&bytes[..9], b"\x0023456789");
    assert_eq!(copy_file_range(&source, 10, &target, 0, 100).unwrap(), 0, "the end is a value");
}

#[test]
fn a_reflink_across_filesystems_is_refused_by_name() {
    let elsewhere = aqueduct_sys::open_unnamed(File::open("/dev/shm").unwrap(), 0o600).unwrap();
    let error = reflink(unnamed(b"bytes"), elsewhere).unwrap_err();
    assert_eq!(error.call(), "ioctl(FICLONE)");
    assert!(matches!(error.errno(), Errno::XDEV | Errno::OPNOTSUPP), "{error}");
}

#[test]
fn nowait_reads_what_is_cached() {
    let file = unnamed(b"cached");
    let mut bytes = [0; 10];
    let len = preadv2(&file, &mut bytes, 0, ReadFlags::NOWAIT).unwrap();
    assert_eq!(&bytes[..len], b"cached");
    fsync(&file).unwrap();
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    assert_eq!(preadv2(&file, &mut bytes, 0, ReadFlags::empty()).unwrap(), 6);
}

#[test]
fn every_sync_reaches_a_disk() {
    let file = unnamed(b"bytes");
    fdatasync(&file).unwrap();
    fsync(&file).unwrap();
    syncfs(&file).unwrap();
    let (reader, _writer) = aqueduct_sys::pipe().unwrap();
    assert_eq!(fsync(&reader).unwrap_err().to_string(), "fsync: Invalid argument (os error 22)");
}

#[test]
fn an_error_keeps_its_call_and_errno_on_its_way_through_the_standard_library() {
    let error: io::Error = pread(unnamed(b""), &mut [0; 1], u64::MAX).unwrap_err().into();
    assert_eq!(errno_of(&error), Some(Errno::OVERFLOW));
    assert!(error.to_string().starts_with("pread: "));
    let theirs = io::Error::from_raw_os_error(28);
    assert_eq!(errno_of(&theirs), Some(Errno::NOSPC));
    assert_eq!(errno_of(&io::ErrorKind::UnexpectedEof.into()), None);
    let full: io::Error = aqueduct_sys::Error::new("pwrite", Errno::NOSPC).into();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_file_opened_untouched_is_read_without_a_trace() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "read").unwrap();
    let long_ago = FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH);
    File::options().write(true).open(&path).unwrap().set_times(long_ago).unwrap();
    let opened = open_untouched(File::open(dir.path()).unwrap(), Path::new("file")).unwrap();
    assert_eq!(io::read_to_string(File::from(opened)).unwrap(), "read");
    assert_eq!(path.metadata().unwrap().accessed().unwrap(), SystemTime::UNIX_EPOCH);
}

#[test]
fn what_is_to_be_opened_untouched_and_is_not_there_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let error = open_untouched(File::open(dir.path()).unwrap(), Path::new("file")).unwrap_err();
    assert_eq!(error.errno(), Errno::NOENT);
}

/// Root may do what only the owner of a file may, so where this runs as root, it runs once more as somebody else.
#[test]
fn a_file_of_somebody_else_is_opened_all_the_same() {
    let opened: OwnedFd = open_untouched(File::open("/etc").unwrap(), Path::new("passwd")).unwrap();
    assert!(!io::read_to_string(File::from(opened)).unwrap().is_empty());
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        let name = "files::a_file_of_somebody_else_is_opened_all_the_same";
        let again = Command::new("/proc/self/exe").args(["--exact", name]).uid(NOBODY).output().unwrap();
        assert!(again.status.success(), "{again:?}");
    }
}

/// Linux gives this number to whoever has none.
const NOBODY: u32 = 65534;
