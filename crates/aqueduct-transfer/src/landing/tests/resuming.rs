//! A transfer that goes on with what an earlier attempt has left. A kill is a landing that is dropped: what is in the
//! kernel stays, and so does what was written of the journal.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use super::*;
use crate::ErrorKind;
use crate::landing::Took;
use aqueduct_wire::transfer::HeldFile;

const SIZE: u64 = 5 * 4_194_304 + 12_345;

/// Lands these segments of a large file and two small ones, and no more.
fn begin_tree(site: &Site, bytes: &[u8], segments: &[u64]) -> Vec<Record> {
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    small(&landing, 2, 1, "one", "1");
    small(&landing, 3, 1, "two", "2");
    let arriving = landing.file(&file(4, 1, "large", SIZE, 4)).unwrap().unwrap();
    segments.iter().map(|index| land_segment(&arriving, site.offer.algorithm, bytes, *index)).collect()
}

/// Sends all of it again, as far as it has to be, and returns which segments that were.
#[track_caller]
fn finish_tree(site: &Site, bytes: &[u8], heard: &Heard) -> (Took, Vec<u64>) {
    let landing = site.begin_heard(heard).unwrap();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    let took = small(&landing, 2, 1, "one", "1");
    assert_eq!(small(&landing, 3, 1, "two", "2"), took);
    let arriving = landing.file(&file(4, 1, "large", SIZE, 4)).unwrap().unwrap();
    let held: Vec<u64> = arriving.restored().iter().map(|record| record.index).collect();
    let missing: Vec<u64> = (0..segment_count(SIZE)).filter(|index| !held.contains(index)).collect();
    for index in &missing {
        land_segment(&arriving, site.offer.algorithm, bytes, *index);
    }
    arriving.finish(SIZE).unwrap();
    landing.finish().unwrap();
    assert_eq!(site.names(), ["tree", "tree/large", "tree/one", "tree/two"]);
    assert!(fs::read(site.path("tree/large")).unwrap() == bytes);
    assert_eq!(site.read("tree/one"), "1");
    (took, missing)
}

fn pretend_another_boot(site: &Site) {
    // What tells one life of the machine from another is in the last session of the journal: a journal whose last session is
    // another one's is what another boot finds.
    let path = site.staging().join("journal");
    let bytes = fs::read(&path).unwrap();
    let told = crate::landing::journal::read(&bytes).unwrap();
    let file = fs::File::options().read(true).write(true).open(&path).unwrap();
    let journal = crate::landing::journal::Journal::resume(file, &told).unwrap();
    let other = crate::landing::journal::Boot(*b"another boot id.");
    journal.append_now(&crate::landing::journal::Entry::Session(other)).unwrap();
}

#[test]
fn what_is_held_is_told_and_not_sent_again() {
    let site = Site::of(&["tree"]);
    let bytes = pattern(1, SIZE);
    let records = begin_tree(&site, &bytes, &[0, 1, 3]);
    assert!(!site.path("tree").exists());

    let landing = site.begin();
    assert!(landing.resumes());
    let asked: Vec<Identity> = [9, 4, 2, 3].map(identity_of).to_vec();
    let whole = |place| HeldFile { place, whole: true, segments: Vec::new() };
    let partial = HeldFile { place: 1, whole: false, segments: vec![0..2, 3..4] };
    assert_eq!(landing.held(&asked), [partial, whole(2), whole(3)]);
    landing.entry(&directory(1, 0, "tree")).unwrap();
    let arriving = landing.file(&file(4, 1, "large", SIZE, 4)).unwrap().unwrap();
    assert_eq!(arriving.restored(), records);
    drop((arriving, landing));

    let heard = Heard::default();
    assert_eq!(finish_tree(&site, &bytes, &heard), (Took::There, vec![2, 4, 5]));
    assert_eq!(*heard.0.lock().unwrap(), [], "nothing was hashed again");
}

#[test]
fn a_small_file_that_is_there_may_come_as_one_that_is_finished() {
    let site = Site::of(&["tree"]);
    begin_tree(&site, &pattern(1, SIZE), &[]);
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    let arriving = landing.file(&file(2, 1, "one", 1, 2)).unwrap().unwrap();
    assert!(arriving.is_whole());
    arriving.finish(1).unwrap();
    drop(arriving);
    landing.finish().unwrap();
    assert_eq!(site.read("tree/one"), "1");
    assert_eq!(site.names(), ["tree", "tree/one"], "what was not said again is not there any more");
}

#[test]
fn what_changed_at_the_source_meanwhile_comes_again() {
    let site = Site::of(&["tree"]);
    begin_tree(&site, &pattern(1, SIZE), &[0, 1]);
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    // Another file under the name of one, a directory in the place of another, a file that is named as a third was.
    assert_eq!(landing.small(&file(2, 1, "one", 3, 22), b"new").unwrap(), Took::New);
    landing.entry(&directory(3, 1, "large")).unwrap();
    let moved = landing.file(&file(4, 3, "two", SIZE, 4)).unwrap().unwrap();
    assert_eq!(moved.restored(), []);
    moved.finish(SIZE).unwrap();
    // Once it was said again, it is as new as the others: it does not come twice.
    assert_eq!(landing.small(&file(5, 1, "one", 3, 22), b"new").unwrap_err().kind(), ErrorKind::Protocol);
    drop(moved);
    landing.finish().unwrap();
    assert_eq!(site.names(), ["tree", "tree/large", "tree/large/two", "tree/one"]);
    assert_eq!(site.read("tree/one"), "new");
}

#[test]
fn what_the_journal_does_not_know_is_removed_and_what_is_not_there_is_not_held() {
    let site = Site::of(&["tree"]);
    let bytes = pattern(1, SIZE);
    begin_tree(&site, &bytes, &[0, 1, 2]);
    let tree = site.staging().join("tree/tree");
    fs::write(tree.join("half of a small file"), "ha").unwrap();
    std::os::unix::fs::symlink("/etc", tree.join("a link")).unwrap();
    fs::create_dir(tree.join("a directory")).unwrap();
    fs::remove_file(tree.join("large")).unwrap();
    assert_eq!(finish_tree(&site, &bytes, &Heard::default()), (Took::There, vec![0, 1, 2, 3, 4, 5]));
}

#[test]
fn a_segment_that_was_forgotten_is_not_held() {
    let site = Site::of(&["tree"]);
    let bytes = pattern(1, SIZE);
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    let arriving = landing.file(&file(4, 1, "large", SIZE, 4)).unwrap().unwrap();
    for index in 0..3 {
        land_segment(&arriving, Algorithm::Blake3, &bytes, index);
    }
    arriving.forget(1).unwrap();
    drop((arriving, landing));
    assert_eq!(finish_tree(&site, &bytes, &Heard::default()), (Took::New, vec![1, 3, 4, 5]));
}

#[test]
fn a_file_that_was_discarded_is_not_held() {
    let site = Site::of(&["tree"]);
    let bytes = pattern(1, SIZE);
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    let arriving = landing.file(&file(4, 1, "large", SIZE, 4)).unwrap().unwrap();
    land_segment(&arriving, Algorithm::Blake3, &bytes, 0);
    landing.discard(EntryId(4)).unwrap();
    // A thread that had not heard of it yet.
    land_segment(&arriving, Algorithm::Blake3, &bytes, 1);
    drop((arriving, landing));
    let landing = site.begin();
    assert_eq!(landing.held(&[identity_of(4)]), []);
    drop(landing);
}

#[test]
fn another_start_of_the_machine_has_everything_hashed_and_drops_what_is_not_as_it_was() {
    for algorithm in Algorithm::ALL {
        let mut site = Site::of(&["tree"]);
        site.offer.algorithm = algorithm;
        let bytes = pattern(1, SIZE);
        begin_tree(&site, &bytes, &[0, 1, 2, 3, 4, 5]);
        pretend_another_boot(&site);
        let large = site.staging().join("tree/tree/large");
        let file = fs::File::options().write(true).open(large).unwrap();
        file.write_all_at(&[!bytes[9_000_000]], 9_000_000).unwrap();
        let heard = Heard::default();
        // Small files have no digest that they could be held against.
        assert_eq!(finish_tree(&site, &bytes, &heard), (Took::New, vec![2]), "{algorithm:?}");
        assert_eq!(*heard.0.lock().unwrap(), [Phase::Recheck]);
    }
}

#[test]
fn a_file_that_lost_its_end_in_a_power_cut_lost_those_segments_alone() {
    let site = Site::of(&["tree"]);
    let bytes = pattern(1, SIZE);
    begin_tree(&site, &bytes, &[0, 1, 2, 3, 4, 5]);
    pretend_another_boot(&site);
    let large = site.staging().join("tree/tree/large");
    fs::File::options().write(true).open(large).unwrap().set_len(3 * 4_194_304 + 1).unwrap();
    assert_eq!(finish_tree(&site, &bytes, &Heard::default()), (Took::New, vec![3, 4, 5]));
}

#[test]
fn a_recheck_that_is_broken_off_is_made_again() {
    let site = Site::of(&["tree"]);
    let bytes = pattern(1, SIZE);
    begin_tree(&site, &bytes, &[0, 1]);
    pretend_another_boot(&site);
    let large = site.staging().join("tree/tree/large");
    fs::File::options().write(true).open(large).unwrap().write_all_at(b"damage", 100).unwrap();
    // It ends after the journal heard of what is wrong, and before it says that the rest is right.
    let path = site.staging().join("journal");
    let before = fs::read(&path).unwrap();
    drop(site.begin());
    let after = fs::read(&path).unwrap();
    let session_len = 1 + 16 + 8;
    fs::write(&path, &after[..after.len() - session_len]).unwrap();
    assert!(after.len() > before.len() + session_len);
    let heard = Heard::default();
    assert_eq!(finish_tree(&site, &bytes, &heard), (Took::New, vec![0, 2, 3, 4, 5]));
    assert_eq!(*heard.0.lock().unwrap(), [Phase::Recheck]);
}

#[test]
fn whoever_asks_for_it_has_everything_hashed_on_the_same_boot() {
    let mut site = Site::of(&["tree"]);
    let bytes = pattern(1, SIZE);
    begin_tree(&site, &bytes, &[1, 3]);
    let large = site.staging().join("tree/tree/large");
    fs::File::options().write(true).open(large).unwrap().write_all_at(b"damage", 3 * 4_194_304).unwrap();
    site.recheck = true;
    assert_eq!(finish_tree(&site, &bytes, &Heard::default()), (Took::New, vec![0, 2, 3, 4, 5]));
}

#[test]
fn what_nobody_verified_is_not_believed_after_another_start() {
    let mut site = Site::of(&["tree"]);
    site.offer.verify = Verify::None;
    let bytes = pattern(1, SIZE);
    begin_tree(&site, &bytes, &[1, 3]);
    pretend_another_boot(&site);
    assert_eq!(finish_tree(&site, &bytes, &Heard::default()), (Took::New, vec![0, 1, 2, 3, 4, 5]));
}

#[test]
fn an_attempt_of_another_kind_or_one_that_is_not_wanted_is_thrown_away() {
    type Change = fn(&mut Site);
    let changes: [Change; 4] = [
        |site| site.resume = false,
        |site| site.offer.verify = Verify::Wire,
        |site| site.offer.algorithm = Algorithm::Sha256,
        // The name of the staging directory has its first four bytes alone.
        |site| site.offer.transfer[15] = b'X',
    ];
    for change in changes {
        let mut site = Site::of(&["tree"]);
        let bytes = pattern(1, SIZE);
        begin_tree(&site, &bytes, &[0, 1, 2]);
        change(&mut site);
        let landing = site.begin();
        assert!(!landing.resumes());
        drop(landing);
        assert_eq!(finish_tree(&site, &bytes, &Heard::default()), (Took::New, vec![0, 1, 2, 3, 4, 5]));
    }
}

#[test]
fn two_do_not_receive_the_same_at_once() {
    let site = Site::of(&["tree"]);
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    let arriving = landing.file(&file(2, 1, "large", SIZE, 2)).unwrap().unwrap();
    let error = site.try_begin().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(error.to_string().starts_with("another process receives the same"), "{error}");
    // Whatever thread is last.
    thread::scope(|scope| _ = scope.spawn(move || drop((landing, arriving))));
    site.begin();
}

#[test]
fn a_file_that_came_whole_is_held_as_a_whole_and_its_directories_stay_open() {
    let site = Site::of(&["tree"]);
    let bytes = pattern(1, SIZE);
    let landing = site.begin();
    let mut top = directory(1, 0, "tree");
    top.meta.mode = 0o500;
    landing.entry(&top).unwrap();
    let arriving = landing.file(&file(4, 1, "large", SIZE, 4)).unwrap().unwrap();
    for index in 0..segment_count(SIZE) {
        land_segment(&arriving, Algorithm::Blake3, &bytes, index);
    }
    arriving.finish(SIZE).unwrap();
    drop(arriving);
    // It fails when everything is there, and directories have their modes.
    fs::create_dir(site.path("tree")).unwrap();
    assert_eq!(landing.finish().unwrap_err().kind(), ErrorKind::Exists);
    drop(landing);
    fs::remove_dir(site.path("tree")).unwrap();

    let landing = site.begin();
    let whole = HeldFile { place: 0, whole: true, segments: Vec::new() };
    assert_eq!(landing.held(&[identity_of(4)]), [whole]);
    landing.entry(&top).unwrap();
    let arriving = landing.file(&file(4, 1, "large", SIZE, 4)).unwrap().unwrap();
    assert!(arriving.is_whole());
    arriving.finish(SIZE).unwrap();
    small(&landing, 5, 1, "another", "x");
    drop(arriving);
    landing.finish().unwrap();
    assert!(fs::read(site.path("tree/large")).unwrap() == bytes);
}

#[test]
fn a_file_of_which_all_is_there_is_not_whole_before_it_was_finished() {
    let site = Site::of(&["tree"]);
    let bytes = pattern(1, SIZE);
    let mut entry = file(4, 1, "large", SIZE, 4);
    entry.meta.mode = 0o400;
    let begin = || {
        let landing = site.begin();
        landing.entry(&directory(1, 0, "tree")).unwrap();
        let arriving = landing.file(&entry).unwrap().unwrap();
        (landing, arriving)
    };
    let (landing, arriving) = begin();
    for index in 0..segment_count(SIZE) {
        land_segment(&arriving, Algorithm::Blake3, &bytes, index);
    }
    drop((landing, arriving));

    let (landing, arriving) = begin();
    let all = HeldFile { place: 0, whole: false, segments: std::iter::once(0..6).collect() };
    assert_eq!(landing.held(&[identity_of(4)]), [all]);
    assert_eq!((arriving.is_whole(), arriving.restored().len()), (false, 6));
    arriving.finish(SIZE).unwrap();
    drop((landing, arriving));

    let (landing, arriving) = begin();
    assert!(arriving.is_whole());
    // What was finished and is damaged can be written to again, whatever its mode.
    arriving.forget(2).unwrap();
    drop((landing, arriving));
    let (landing, arriving) = begin();
    assert_eq!((arriving.is_whole(), arriving.restored().len()), (false, 5));
    let path = site.staging().join("tree/tree/large");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    land_segment(&arriving, Algorithm::Blake3, &bytes, 2);
    arriving.finish(SIZE).unwrap();
    drop(arriving);
    landing.finish().unwrap();
    assert_eq!(fs::metadata(site.path("tree/large")).unwrap().permissions().mode() & 0o777, 0o400);
}

#[test]
fn what_is_there_needs_no_room_again() {
    let site = Site::of(&["tree"]);
    begin_tree(&site, &pattern(1, SIZE), &[0, 1]);
    let landing = site.begin();
    let free = landing.free().unwrap();
    // Two segments, and two bytes of small files.
    landing.reserve(free / 2 + 2 * 4_194_304 + 2).unwrap();
    let error = landing.reserve(u64::MAX).unwrap_err().to_string();
    let missing: u64 = error.split(' ').find_map(|word| word.parse().ok()).unwrap();
    let expected = u64::MAX - 2 * 4_194_304 - 2 - free;
    // Others write to the same disk.
    assert!(missing.abs_diff(expected) < 1 << 40, "{error}");
}

#[test]
fn an_empty_file_is_never_said_to_be_held() {
    let site = Site::of(&["tree"]);
    let landing = site.begin();
    landing.entry(&directory(1, 0, "tree")).unwrap();
    small(&landing, 2, 1, "empty", "");
    drop(landing);
    assert_eq!(site.begin().held(&[identity_of(2)]), []);
}

#[test]
fn a_journal_that_is_cut_anywhere_loses_the_newest_alone() {
    let site = Site::of(&["tree"]);
    let bytes = pattern(1, SIZE);
    begin_tree(&site, &bytes, &[0, 1, 3]);
    let path = site.staging().join("journal");
    let journal = fs::read(&path).unwrap();
    let mut counts = Vec::new();
    for len in 0..=journal.len() {
        let told = crate::landing::journal::read(&journal[..len]);
        let count = told.map_or(0, |told| {
            told.small.len() + told.large.values().map(|large| large.records.len()).sum::<usize>()
        });
        counts.push(count);
    }
    assert!(counts.is_sorted());
    assert_eq!(counts.last(), Some(&5));
    // And a landing takes whatever is there, and finishes.
    for len in [0, 1, 20, journal.len() / 2, journal.len() - 1] {
        let site = Site::of(&["tree"]);
        begin_tree(&site, &bytes, &[0, 1, 3]);
        let path = site.staging().join("journal");
        let journal = fs::read(&path).unwrap();
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(&journal[..len]).unwrap();
        file.write_all(b"what a torn write leaves").unwrap();
        drop(file);
        finish_tree(&site, &bytes, &Heard::default());
    }
}
