//! A disk that fills.

use std::process::Command;

use super::*;
use crate::ErrorKind;
use crate::landing::Took;
use crate::landing::tests::child;

#[test]
fn a_disk_that_is_too_small_is_known_before_anything_comes() {
    let site = Site::of(&["file"]);
    let landing = site.begin();
    let free = landing.free().unwrap();
    landing.reserve(free / 2).unwrap();
    let error = landing.reserve(u64::MAX / 2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert!(error.to_string().contains("bytes more are needed"), "{error}");
}

/// In a mount namespace of the test's own.
fn mount_tmpfs(site: &Site, options: &str) {
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(site.dir.path()).status();
    assert!(mounted.unwrap().success(), "{options}");
}

#[test]
fn room_for_a_file_is_taken_first_and_is_not_missing_to_whoever_goes_on() {
    if !child::is_child() {
        return child::run(
            &child::own_mounts(),
            "landing::tests::room::room_for_a_file_is_taken_first_and_is_not_missing_to_whoever_goes_on",
        );
    }
    const SIZE: u64 = 16 << 20;
    let mut site = Site::of(&["file"]);
    site.offer.size = Some(SIZE);
    site.offer.room = Some(SIZE);
    mount_tmpfs(&site, "size=24m");

    let landing = site.begin();
    landing.reserve(SIZE).unwrap();
    landing.file(&file(1, 0, "file", SIZE, 1)).unwrap().unwrap();
    assert!(landing.free().unwrap() < 9 << 20, "it is taken");
    drop(landing);
    let landing = site.begin();
    landing.reserve(SIZE).unwrap();
    landing.reserve(SIZE + (9 << 20)).unwrap_err();
    drop(landing);

    // A file of another size than was offered is believed when its bytes come.
    site.offer.names = vec![b"other".to_vec()];
    site.offer.size = Some(1);
    site.offer.room = Some(1);
    let landing = site.begin();
    let free = landing.free().unwrap();
    landing.file(&file(1, 0, "other", SIZE, 2)).unwrap().unwrap();
    assert!(free - landing.free().unwrap() < 1 << 20);
}

#[test]
fn a_disk_that_fills_keeps_what_came_and_the_rest_comes_when_there_is_room() {
    if !child::is_child() {
        return child::run(
            &child::own_mounts(),
            "landing::tests::room::a_disk_that_fills_keeps_what_came_and_the_rest_comes_when_there_is_room",
        );
    }
    let mut site = Site::of(&["tree"]);
    site.offer.size = Some(400 * 4096);
    mount_tmpfs(&site, "size=1m");
    let bytes = "x".repeat(4096);

    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    let mut landed = 0;
    let error = loop {
        match landing.small(&file(2 + landed, 1, &landed.to_string(), 4096, 2 + landed), bytes.as_bytes()) {
            Ok(took) => assert_eq!(took, Took::New),
            Err(error) => break error,
        }
        landed += 1;
    };
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert!(error.is_resumable());
    assert!(error.to_string().contains("bytes more are needed"), "{error}");
    assert!(landed > 200, "most of the disk was used");
    drop(landing);

    mount_tmpfs(&site, "remount,size=4m");
    let landing = site.begin();
    assert!(landing.resumes());
    landing.entry(&directory(1, 0, "tree")).unwrap();
    let mut there = 0;
    for at in 0..400 {
        let took = landing.small(&file(2 + at, 1, &at.to_string(), 4096, 2 + at), bytes.as_bytes()).unwrap();
        there += u64::from(took == Took::There);
    }
    // The journal, too, could not be written any more: its last piece may be lost.
    assert!(there <= landed);
    landing.finish().unwrap();
    assert_eq!(fs::read_dir(site.path("tree")).unwrap().count(), 400);
    assert!(
        fs::read_dir(site.path("tree"))
            .unwrap()
            .all(|entry| entry.unwrap().metadata().unwrap().len() == 4096)
    );
}
