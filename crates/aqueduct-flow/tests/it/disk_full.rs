//! A full disk: an error, never SIGBUS. Each test runs in a child that mounts a small filesystem for itself.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;

use aqueduct_flow::{CopyLadder, Intake, ReceiveRoute, Step};
use aqueduct_sys::{Errno, Reserve, WriteMapping, errno_of, fallocate};

use crate::child;
use crate::fixture::{LARGE, assert_same, content, pattern, patterned, unnamed_in};

/// Mounts a filesystem of 1 MiB over the child's directory; gone with this process.
fn mount_small() -> PathBuf {
    let dir = child::dir();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&dir).status();
    assert!(mounted.unwrap().success(), "a tmpfs can be mounted in a mount namespace of one's own");
    dir
}

#[test]
fn a_receive_on_a_full_disk_is_an_error_and_not_sigbus() {
    if !child::is_child() {
        return child::run(
            &child::own_mounts(),
            "disk_full::a_receive_on_a_full_disk_is_an_error_and_not_sigbus",
        );
    }
    let dir = mount_small();
    for route in ReceiveRoute::ALL {
        let target = unnamed_in(&dir);
        let source = patterned(2 * LARGE);
        let mut intake = Intake::new(route);
        let mut offset = 0;
        let error = loop {
            let left = 2 * LARGE - usize::try_from(offset).unwrap();
            match intake.step(source.as_fd(), &target, offset, left.min(100_000), &mut |_| {}) {
                Ok(Step::Moved(len)) => offset += len as u64,
                Ok(step) => panic!("{route}: {step:?}"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{route}: {error}");
        assert!(offset > 900_000, "{route}: most of the disk was used");
    }
}

#[test]
fn what_just_fits_on_a_disk_is_received() {
    if !child::is_child() {
        return child::run(&child::own_mounts(), "disk_full::what_just_fits_on_a_disk_is_received");
    }
    let dir = mount_small();
    for route in ReceiveRoute::ALL {
        let size = 1_000_000;
        let target = unnamed_in(&dir);
        let source = patterned(size);
        let mut intake = Intake::new(route);
        let mut offset = 0;
        while offset < size as u64 {
            let left = size - usize::try_from(offset).unwrap();
            let step = intake.step(source.as_fd(), &target, offset, left.min(100_000), &mut |_| {}).unwrap();
            let Step::Moved(len) = step else { panic!("{route}: {step:?}") };
            offset += len as u64;
        }
        let carried = intake.finish(&target, offset).unwrap();
        assert_same(&content(&target), &pattern(0..size as u64), &route.to_string());
        assert_eq!(carried.by(route.into()), size as u64);
    }
}

#[test]
fn a_full_disk_refuses_the_space_before_anything_is_mapped() {
    if !child::is_child() {
        return child::run(
            &child::own_mounts(),
            "disk_full::a_full_disk_refuses_the_space_before_anything_is_mapped",
        );
    }
    let target = unnamed_in(&mount_small());
    let refused = fallocate(&target, Reserve::Grow, 0, 2 << 20).unwrap_err();
    assert_eq!((refused.call(), refused.errno()), ("fallocate", Errno::NOSPC));
    assert!(WriteMapping::new(&target, 0..1).is_err(), "nothing beyond the end is mapped");
    // Size alone is no space: this is the mapping whose touch was SIGBUS. The kernel, made to touch it, says EFAULT.
    target.set_len(2 << 20).unwrap();
    let mut mapping = WriteMapping::new(&target, 0..2 << 20).unwrap();
    let mut source = File::open("/dev/zero").unwrap();
    let fault = source.read_exact(&mut mapping).unwrap_err();
    assert_eq!(errno_of(&fault), Some(Errno::FAULT));
}

#[test]
fn a_copy_to_a_full_disk_is_an_error() {
    if !child::is_child() {
        return child::run(&child::own_mounts(), "disk_full::a_copy_to_a_full_disk_is_an_error");
    }
    let dir = mount_small();
    let source = patterned(2 * LARGE);
    let target = unnamed_in(&dir);
    let ladder = CopyLadder::new();
    let mut copy = ladder.begin(&source, &target).unwrap();
    let error = loop {
        match copy.step(100_000) {
            Ok(Step::Moved(_)) => {}
            Ok(step) => panic!("{step:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(errno_of(&error), Some(Errno::NOSPC), "{error}");
    assert!(File::open(&dir).is_ok());
}
