//! The copy ladder between and across filesystems.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use aqueduct_flow::{CopyLadder, Route, SourceChanged, SourceTruncated, Step};

use crate::fixture::{
    LARGE, SIZES, assert_same, content, disk, memory, pattern, patterned, unnamed, unnamed_in,
};

/// Copies in small steps; returns the route that carried the most.
fn copy(ladder: &CopyLadder, source: &File, target: &File, len_max: usize) -> Option<Route> {
    let mut copy = ladder.begin(source, target).unwrap();
    let mut moved = 0;
    loop {
        match copy.step(len_max).unwrap() {
            Step::Moved(len) => {
                assert!(len > 0);
                assert!(len <= len_max || copy.route() == Route::Reflink, "moved {len} of at most {len_max}");
                moved += len as u64;
            }
            Step::Blocked(side) => panic!("a copy waits for the disk: {side:?}"),
            Step::End => break,
        }
    }
    assert_eq!(copy.step(len_max).unwrap(), Step::End, "the end stays");
    assert_eq!(copy.carried().total(), moved);
    assert!(copy.position() >= moved);
    copy.carried().main_route()
}

#[test]
fn every_size_is_copied_within_a_filesystem_by_the_kernel() {
    let ladder = CopyLadder::new();
    for dir in [disk(), memory()] {
        for size in SIZES {
            let source = unnamed_in(dir);
            source.write_all_at(&pattern(0..size as u64), 0).unwrap();
            let target = unnamed_in(dir);
            let route = copy(&ladder, &source, &target, 100_000);
            assert_same(&content(&target), &pattern(0..size as u64), &format!("{} {size}", dir.display()));
            if size > 0 {
                assert!(matches!(route, Some(Route::Reflink | Route::CopyFileRange)), "{route:?}");
            }
        }
    }
}

#[test]
fn every_size_is_copied_across_filesystems_by_sendfile() {
    let ladder = CopyLadder::new();
    for (from, to) in [(disk(), memory()), (memory(), disk())] {
        for size in SIZES {
            let source = unnamed_in(from);
            source.write_all_at(&pattern(0..size as u64), 0).unwrap();
            let target = unnamed_in(to);
            let route = copy(&ladder, &source, &target, 100_000);
            assert_same(&content(&target), &pattern(0..size as u64), &format!("{} {size}", to.display()));
            assert_eq!(route, (size > 0).then_some(Route::Sendfile));
        }
    }
}

#[test]
fn a_rung_that_failed_for_good_is_not_tried_again_between_these_filesystems() {
    let ladder = CopyLadder::new();
    let source = patterned(100);
    let target = unnamed_in(memory());
    assert_eq!(ladder.begin(&source, &target).unwrap().route(), Route::Reflink, "nothing is known yet");
    copy(&ladder, &source, &target, 100);
    let target = unnamed_in(memory());
    assert_eq!(ladder.begin(&source, &target).unwrap().route(), Route::Sendfile);
    // The other way, and within one filesystem, nothing was learnt.
    let target = unnamed();
    assert_eq!(ladder.begin(&source, &target).unwrap().route(), Route::Reflink);
}

/// A file of `size` with data only where told, rounded out to blocks by the filesystem.
fn sparse(dir: &Path, size: u64, data: &[std::ops::Range<u64>]) -> File {
    let file = unnamed_in(dir);
    file.set_len(size).unwrap();
    for range in data {
        file.write_all_at(&pattern(range.clone()), range.start).unwrap();
    }
    file
}

#[test]
fn holes_stay_holes_even_in_a_terabyte() {
    let size = 1 << 40;
    let data = [4096..10_000, (1 << 32) + 5..(1 << 32) + 50_000, (1 << 39)..(1 << 39) + 1];
    for (from, to) in [(disk(), disk()), (disk(), memory()), (memory(), disk()), (memory(), memory())] {
        let source = sparse(from, size, &data);
        let target = unnamed_in(to);
        copy(&CopyLadder::new(), &source, &target, 1 << 20);
        let what = format!("{} to {}", from.display(), to.display());
        let found = target.metadata().unwrap();
        assert_eq!(found.len(), size, "{what}: with the hole at the end");
        assert!(found.blocks() * 512 < 1 << 20, "{what}: {} blocks", found.blocks());
        for range in &data {
            let mut bytes = vec![1; usize::try_from(range.end - range.start).unwrap() + 100];
            target.read_exact_at(&mut bytes, range.start).unwrap();
            let (bytes, after) = bytes.split_at(bytes.len() - 100);
            assert_same(bytes, &pattern(range.clone()), &what);
            assert!(after.iter().all(|&byte| byte == 0));
        }
    }
}

#[test]
fn a_file_that_is_all_hole_is_all_hole() {
    let source = sparse(disk(), 10 << 30, &[]);
    let target = unnamed_in(memory());
    assert_eq!(copy(&CopyLadder::new(), &source, &target, 1 << 20), None, "nothing was carried");
    let found = target.metadata().unwrap();
    assert_eq!((found.len(), found.blocks()), (10 << 30, 0));
}

#[test]
fn a_file_without_a_size_is_read_to_its_end() {
    for path in ["/proc/version", "/proc/self/maps"] {
        let source = File::open(path).unwrap();
        assert_eq!(source.metadata().unwrap().len(), 0);
        let target = unnamed();
        assert_eq!(copy(&CopyLadder::new(), &source, &target, 64), Some(Route::Copy));
        assert!(target.metadata().unwrap().len() > 0, "{path}");
    }
    let source = File::open("/proc/version").unwrap();
    let target = unnamed();
    copy(&CopyLadder::new(), &source, &target, 7);
    assert_same(&content(&target), &std::fs::read("/proc/version").unwrap(), "/proc/version");
}

#[test]
fn a_file_that_ends_before_its_size_is_an_error() {
    // Files of /sys claim a page, whatever they hold.
    let source = File::open("/sys/kernel/uevent_seqnum").unwrap();
    assert_eq!(source.metadata().unwrap().len(), 4096);
    let target = unnamed();
    let ladder = CopyLadder::new();
    let mut copy = ladder.begin(&source, &target).unwrap();
    let error = loop {
        match copy.step(1000) {
            Ok(Step::Moved(_)) => {}
            Ok(step) => panic!("{step:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    let fault: &SourceTruncated = error.get_ref().unwrap().downcast_ref().unwrap();
    assert_eq!(fault.offset + fault.missing, 4096);
}

/// Copies a file that `change` changes after the first step, and returns the fault.
fn changed_by(target_dir: &Path, change: impl Fn(&File)) -> SourceChanged {
    let source = patterned(LARGE);
    let target = unnamed_in(target_dir);
    let ladder = CopyLadder::new();
    let mut copy = ladder.begin(&source, &target).unwrap();
    let _ = copy.step(1000).unwrap();
    change(&source);
    let error = loop {
        match copy.step(1000) {
            Ok(Step::Moved(_)) => {}
            Ok(step) => panic!("a changed source ended well: {step:?}"),
            Err(error) => break error,
        }
    };
    *error.get_ref().unwrap().downcast_ref().unwrap()
}

#[test]
fn a_file_that_changes_while_it_is_copied_is_an_error() {
    let size_before = LARGE as u64;
    for dir in [disk(), memory()] {
        let grown = changed_by(dir, |source| source.write_all_at(b"more", size_before).unwrap());
        assert_eq!(grown, SourceChanged { size_before, size_after: size_before + 4 });
        let shrunk = changed_by(dir, |source| source.set_len(5000).unwrap());
        assert_eq!(shrunk, SourceChanged { size_before, size_after: 5000 });
        let rewritten = changed_by(dir, |source| {
            // The kernel's clock for files ticks every few milliseconds: write until it has.
            let before = source.metadata().unwrap().mtime_nsec();
            while source.metadata().unwrap().mtime_nsec() == before {
                source.write_all_at(b"other", 10).unwrap();
            }
        });
        assert_eq!(rewritten, SourceChanged { size_before, size_after: size_before });
    }
}

#[test]
fn only_regular_files_are_copied_and_only_into_empty_ones() {
    let ladder = CopyLadder::new();
    let file = patterned(10);
    let null = File::options().read(true).write(true).open("/dev/null").unwrap();
    for (source, target) in [(&null, &file), (&file, &null), (&file, &patterned(1))] {
        assert_eq!(ladder.begin(source, target).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn a_ladder_from_a_rung_leaves_out_those_above_it() {
    for rung in [Route::CopyFileRange, Route::Sendfile, Route::Copy] {
        let ladder = CopyLadder::from_rung(rung).unwrap();
        let target = unnamed_in(disk());
        assert_eq!(copy(&ladder, &patterned(LARGE), &target, 1 << 20), Some(rung));
        assert_same(&content(&target), &content(&patterned(LARGE)), &rung.to_string());
    }
    assert!(CopyLadder::from_rung(Route::Mmap).is_none(), "that is no rung");
}
