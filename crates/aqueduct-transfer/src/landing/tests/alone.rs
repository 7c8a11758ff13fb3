//! A single file, which is staged alone where nobody else can write.

use std::os::unix::fs::{PermissionsExt, symlink as make_symlink};

use super::*;
use crate::ErrorKind;
use crate::landing::journal;

const SIZE: u64 = 3 * 4_194_304 + 12_345;

/// Where a file is to come that has no holes.
fn site() -> Site {
    let mut site = Site::of(&["file"]);
    site.offer.size = Some(SIZE);
    site.offer.file_count = Some(1);
    site.offer.room = Some(SIZE);
    site
}

fn part(site: &Site) -> PathBuf {
    site.staging()
}

fn journal_path(site: &Site) -> PathBuf {
    site.dir.path().join(crate::landing::staging::journal_of(site.staging().file_name().unwrap()))
}

fn staged(site: &Site) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    vec![name(part(site)), name(journal_path(site))]
}

fn begin_file(landing: &Landing) -> std::sync::Arc<Arriving> {
    landing.file(&file(1, 0, "file", SIZE, 1)).unwrap().unwrap()
}

/// Lands these segments, and no more.
fn leave(site: &Site, bytes: &[u8], segments: &[u64]) {
    let landing = site.begin();
    let arriving = begin_file(&landing);
    for index in segments {
        land_segment(&arriving, site.offer.algorithm, bytes, *index);
    }
}

/// Lands what is missing, and returns which segments that were.
fn land(landing: &Landing, bytes: &[u8]) -> Vec<u64> {
    let arriving = begin_file(landing);
    let held: Vec<u64> = arriving.restored().iter().map(|record| record.index).collect();
    let missing: Vec<u64> = (0..segment_count(SIZE)).filter(|index| !held.contains(index)).collect();
    for index in &missing {
        land_segment(&arriving, Algorithm::Blake3, bytes, *index);
    }
    arriving.finish(SIZE).unwrap();
    missing
}

#[track_caller]
fn finish(site: &Site, bytes: &[u8]) -> Vec<u64> {
    let landing = site.begin();
    let missing = land(&landing, bytes);
    landing.finish().unwrap();
    drop(landing);
    assert_eq!(site.names(), ["file"]);
    assert!(fs::read(site.path("file")).unwrap() == bytes);
    missing
}

#[test]
fn a_file_is_staged_beside_its_place_and_leaves_nothing_else() {
    let (site, bytes) = (site(), pattern(1, SIZE));
    let landing = site.begin();
    drop(begin_file(&landing));
    assert_eq!(site.names(), staged(&site));
    assert_eq!(fs::metadata(part(&site)).unwrap().permissions().mode() & 0o777, 0o600);
    drop(landing);
    assert_eq!(finish(&site, &bytes), [0, 1, 2, 3]);
}

#[test]
fn an_attempt_that_ends_before_the_file_came_leaves_nothing() {
    let site = site();
    let landing = site.begin();
    assert!(journal_path(&site).exists());
    drop(landing);
    assert_eq!(site.names(), [""; 0]);
}

#[test]
fn what_is_left_of_a_file_is_gone_on_with() {
    let (site, bytes) = (site(), pattern(1, SIZE));
    leave(&site, &bytes, &[0, 2]);
    assert_eq!(site.names(), staged(&site));
    assert!(site.begin().resumes());
    assert_eq!(finish(&site, &bytes), [1, 3]);
}

#[test]
fn a_part_without_its_journal_comes_again_and_so_does_what_has_a_journal_alone() {
    for lost in [part, journal_path] {
        let (site, bytes) = (site(), pattern(1, SIZE));
        leave(&site, &bytes, &[0, 2]);
        fs::remove_file(lost(&site)).unwrap();
        assert_eq!(finish(&site, &bytes), [0, 1, 2, 3]);
    }
}

#[test]
fn what_a_recheck_finds_is_written_down_before_anything_comes() {
    let (mut site, bytes) = (site(), pattern(1, SIZE));
    leave(&site, &bytes, &[0, 1, 2]);
    let file = fs::File::options().write(true).open(part(&site)).unwrap();
    file.write_all_at(b"damage", 4_194_304).unwrap();
    site.recheck = true;
    let landing = site.begin();
    let told = journal::read(&fs::read(journal_path(&site)).unwrap()).unwrap();
    assert_eq!(told.large[&0].records.keys().copied().collect::<Vec<_>>(), [0, 2]);
    drop(landing);
    site.recheck = false;
    assert_eq!(finish(&site, &bytes), [1, 3]);
}

#[test]
fn whoever_has_finished_leaves_alone_what_the_next_one_has_begun() {
    for names in [&["file"][..], &["file", "other"]] {
        let mut site = Site { existing: Existing::Replace, ..site() };
        site.offer.names = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let bytes = pattern(1, SIZE);
        let first = site.begin();
        land(&first, &bytes);
        first.finish().unwrap();
        let second = site.begin();
        let arriving = begin_file(&second);
        drop(first);
        let error = site.try_begin().unwrap_err();
        assert!(error.to_string().contains("another process receives the same"), "{error}");
        drop(arriving);
        drop(second);
        finish(&site, &bytes);
    }
}

#[test]
fn where_others_can_write_a_file_is_staged_in_a_directory_that_they_cannot_enter() {
    for mode in [0o775, 0o757, 0o1777] {
        let (site, bytes) = (site(), pattern(1, SIZE));
        fs::set_permissions(site.dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        leave(&site, &bytes, &[0]);
        let found = fs::metadata(part(&site)).unwrap();
        assert!(found.is_dir() && found.permissions().mode() & 0o777 == 0o700, "{mode:o}");
        assert!(!journal_path(&site).exists());
        assert_eq!(finish(&site, &bytes), [1, 2, 3]);
    }
}

#[test]
fn nothing_but_the_file_that_was_offered_is_staged() {
    let site = site();
    let landing = site.begin();
    for entry in [directory(1, 0, "file"), symlink(2, 0, "file", "/etc/passwd")] {
        let error = landing.entry(&entry).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    }
    assert_eq!(site.names(), &staged(&site)[1..]);
}

#[test]
fn a_link_in_the_place_of_the_part_is_not_followed() {
    let (site, bytes) = (site(), pattern(1, SIZE));
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "kept").unwrap();
    make_symlink(outside.path().join("file"), part(&site)).unwrap();
    assert_eq!(finish(&site, &bytes), [0, 1, 2, 3]);
    assert_eq!(fs::read(outside.path().join("file")).unwrap(), b"kept");
}

#[test]
fn what_was_staged_in_another_way_is_gone_on_with_or_makes_room() {
    let (site, bytes) = (site(), pattern(1, SIZE));
    let set_mode = |mode| fs::set_permissions(site.dir.path(), fs::Permissions::from_mode(mode)).unwrap();
    set_mode(0o775);
    leave(&site, &bytes, &[0]);
    set_mode(0o755);
    assert!(part(&site).is_dir());
    assert_eq!(finish(&site, &bytes), [1, 2, 3]);
    fs::remove_file(site.path("file")).unwrap();

    leave(&site, &bytes, &[0]);
    assert!(part(&site).is_file());
    set_mode(0o775);
    assert_eq!(finish(&site, &bytes), [0, 1, 2, 3]);
}

#[test]
fn a_journal_that_is_not_ours_alone_is_not_written_to() {
    let plant: [fn(&Path, &Path); 3] = [
        |journal, other| fs::hard_link(other, journal).unwrap(),
        |journal, other| make_symlink(other, journal).unwrap(),
        |journal, _| assert!(std::process::Command::new("mkfifo").arg(journal).status().unwrap().success()),
    ];
    for plant in plant {
        let site = site();
        let other = site.path("other");
        fs::write(&other, "kept").unwrap();
        plant(&journal_path(&site), &other);
        assert_eq!(site.try_begin().map(drop).unwrap_err().kind(), ErrorKind::Local);
        assert_eq!(fs::read(&other).unwrap(), b"kept");
    }
}

/// A name that begins like what is staged of it goes on like that for as long as it is looked at.
#[test]
fn what_is_staged_alone_is_not_what_is_offered() {
    let mut site = site();
    let name = [&".aqueduct-".repeat(8)[..74], "-30313233.part.journal"].concat();
    site.offer.names = vec![name.clone().into_bytes()];
    assert_eq!(journal_path(&site), site.path(&name));
    assert_eq!(site.try_begin().map(drop).unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(site.names(), [""; 0]);
}

/// Somebody who is killed leaves the journal as it is: here, what it was when the attempt had begun.
#[test]
fn what_a_journal_says_of_what_is_gone_is_not_said_of_what_comes_next() {
    for is_finished in [false, true] {
        let (site, bytes) = (site(), pattern(1, SIZE));
        let landing = site.begin();
        if is_finished {
            land(&landing, &bytes);
        } else {
            land_segment(&begin_file(&landing), Algorithm::Blake3, &bytes, 2);
        }
        drop(landing);
        fs::remove_file(part(&site)).unwrap();
        let landing = site.begin();
        drop(begin_file(&landing));
        let killed = fs::read(journal_path(&site)).unwrap();
        drop(landing);
        fs::write(journal_path(&site), killed).unwrap();
        assert_eq!(finish(&site, &bytes), [0, 1, 2, 3], "{is_finished}");
    }
}

/// Only root gives files away.
#[test]
fn a_file_that_has_its_owner_already_is_gone_on_with() {
    let (mut site, bytes) = (site(), pattern(1, SIZE));
    site.preserve.owner = true;
    let mut owned = file(1, 0, "file", SIZE, 1);
    owned.meta.owner = Some((12345, 23456));
    let landing = site.begin();
    let arriving = landing.file(&owned).unwrap().unwrap();
    for index in 0..segment_count(SIZE) {
        land_segment(&arriving, Algorithm::Blake3, &bytes, index);
    }
    arriving.finish(SIZE).unwrap();
    drop(arriving);
    // Of the same size, so that it may be the same.
    fs::write(site.path("file"), pattern(2, SIZE)).unwrap();
    assert_eq!(landing.finish().unwrap_err().kind(), ErrorKind::Exists);
    drop(landing);
    site.existing = Existing::Replace;
    let landing = site.begin();
    assert!(landing.file(&owned).unwrap().unwrap().is_whole());
    landing.finish().unwrap();
    assert!(fs::read(site.path("file")).unwrap() == bytes);
}
