//! What is mapped, and what is refused.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::net::UnixStream;

use aqueduct_sys::{Errno, MapError, ReadMapping, WriteMapping};

use crate::unnamed;

#[test]
fn a_mapping_is_as_long_as_was_asked_and_not_a_byte_longer() {
    let content: Vec<u8> = (0..20_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let file = unnamed(&content);
    for range in [0..1, 0..4096, 1..4096, 4095..4097, 4097..20_000, 0..20_000, 19_999..20_000] {
        let mapping = ReadMapping::new(&file, range.clone()).unwrap();
        let expected = &content[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
        assert_eq!(&*mapping, expected, "{range:?}");
        assert_eq!(&*WriteMapping::new(&file, range.clone()).unwrap(), expected, "{range:?}");
    }
    // The defect: `size + 1`. Beyond a page's end it is SIGBUS.
    for range in [0..20_001, 20_000..20_001, 5..u64::MAX] {
        let refused = MapError::BeyondEnd { size: 20_000, end: range.end };
        assert_eq!(ReadMapping::new(&file, range.clone()).unwrap_err(), refused);
        assert_eq!(WriteMapping::new(&file, range).unwrap_err(), refused);
    }
}

#[test]
fn an_empty_range_is_an_empty_mapping() {
    let file = unnamed(b"bytes");
    for range in [0..0, 5..5, 100..100] {
        let mapping = ReadMapping::new(&file, range.clone()).unwrap();
        assert_eq!(mapping.len(), 0);
        let mut mapping = WriteMapping::new(&file, range).unwrap();
        assert_eq!(mapping.len(), 0);
        mapping.fill(1);
        mapping.sync().unwrap();
    }
    assert_eq!(ReadMapping::new(unnamed(b""), 0..0).unwrap().len(), 0);
}

#[test]
fn what_is_written_through_a_mapping_is_in_the_file_and_nowhere_else() {
    let file = unnamed(&[b'.'; 10_000]);
    let mut mapping = WriteMapping::new(&file, 4090..4100).unwrap();
    mapping.copy_from_slice(b"0123456789");
    mapping.sync().unwrap();
    drop(mapping);
    let mut around = [0; 12];
    file.read_exact_at(&mut around, 4089).unwrap();
    assert_eq!(&around, b".0123456789.");
}

#[test]
fn a_named_file_that_can_be_written_is_refused() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = dir.path().join("file");
    fs::write(&path, b"content").unwrap();
    for mode in [0o600, 0o644, 0o420, 0o402] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let file = File::options().read(true).write(true).open(&path);
        // Only root may open some of these for writing.
        let Ok(file) = file else { continue };
        let refused = MapError::Writable { link_count: 1, mode: u16::try_from(0o100_000 | mode).unwrap() };
        assert_eq!(ReadMapping::new(&file, 0..7).unwrap_err(), refused, "{mode:o}");
        assert_eq!(WriteMapping::new(&file, 0..7).unwrap_err(), refused, "{mode:o}");
        assert_eq!(
            refused.to_string(),
            format!(
                "mmap refused: the file has 1 name(s) and mode {:o}, so others may change it",
                0o100_000 | mode
            )
        );
    }
}

#[test]
fn a_published_file_is_mapped_for_reading_and_never_for_writing() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = dir.path().join("blob");
    fs::write(&path, b"content").unwrap();
    let writable = File::options().read(true).write(true).open(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    let mapping = ReadMapping::new(&writable, 0..7).unwrap();
    assert_eq!(&*mapping, b"content");
    assert!(matches!(
        WriteMapping::new(&writable, 0..7).unwrap_err(),
        MapError::Writable { link_count: 1, .. }
    ));
    // Unlinked, as a published blob may be, it stays readable to whoever holds it.
    fs::remove_file(&path).unwrap();
    assert_eq!(&*mapping, b"content");
}

#[test]
fn only_regular_files_are_mapped() {
    let (socket, _peer) = UnixStream::pair().unwrap();
    assert!(matches!(
        ReadMapping::new(socket, 0..1).unwrap_err(),
        MapError::Writable { .. } | MapError::NotRegular
    ));
    let directory = File::open(env!("CARGO_TARGET_TMPDIR")).unwrap();
    assert!(ReadMapping::new(directory, 0..1).is_err());
    let (pipe, _writer) = aqueduct_sys::pipe().unwrap();
    assert!(ReadMapping::new(pipe, 0..1).is_err());
}

#[test]
fn a_file_not_open_for_writing_is_not_mapped_for_writing() {
    let file = unnamed(b"content");
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    let read_only = File::open(path).unwrap();
    let MapError::Call(error) = WriteMapping::new(&read_only, 0..7).unwrap_err() else {
        panic!("refused otherwise")
    };
    assert_eq!((error.call(), error.errno()), ("mmap", Errno::ACCESS));
    assert_eq!(&*ReadMapping::new(&read_only, 0..7).unwrap(), b"content");
}

#[test]
fn a_mapping_outlives_its_descriptor_and_its_thread() {
    let file = unnamed(b"content");
    let mapping = ReadMapping::new(&file, 0..7).unwrap();
    drop(file);
    let shared = std::sync::Arc::new(mapping);
    let also = shared.clone();
    let seen = std::thread::spawn(move || also.to_vec()).join().unwrap();
    assert_eq!(seen, **shared);
}

#[test]
fn a_range_beyond_4_gib_is_mapped_where_it_is() {
    let file = unnamed(b"");
    let start = (1 << 32) + 4097;
    file.set_len(start + 5).unwrap();
    file.write_all_at(b"there", start).unwrap();
    assert_eq!(&*ReadMapping::new(&file, start..start + 5).unwrap(), b"there");
}
