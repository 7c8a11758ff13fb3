use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use aqueduct_blob::SEGMENT_LEN;
use proptest::prelude::*;

use super::*;
use crate::real_disk::RealDisk;

const HERE: Boot = Boot([1; 32]);
const ELSEWHERE: Boot = Boot([2; 32]);

fn plan() -> UploadPlan {
    UploadPlan { algorithm: Algorithm::Blake3, digest: None, size: 4 * SEGMENT_LEN }
}

fn head() -> Head {
    Head { id: UploadId::new([9; 16]), plan: plan() }
}

fn segment(index: u64) -> Entry {
    Entry::Segment(Record { index, before: [0; 32], after: [u8::try_from(index).unwrap(); 32] })
}

fn named() -> Entry {
    Entry::Named(Digest::new(Algorithm::Blake3, [5; 32]))
}

/// A journal's bytes.
fn written(head: &Head, entries: &[Entry]) -> Vec<u8> {
    let contents: Vec<_> = [head.content(), Entry::Session(HERE).content()]
        .into_iter()
        .chain(entries.iter().map(Entry::content))
        .collect();
    Journal { count: 0, check: Check::default(), session: None }.encode(&contents).0
}

fn bytes_of(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The segments that are held when the journal is read on `boot`.
fn held(bytes: &[u8], boot: Boot) -> Vec<u64> {
    let told = read(bytes, boot).unwrap();
    (0..4).filter(|index| told.assembly.is_held(*index)).collect()
}

#[test]
fn what_is_written_is_read_back() {
    let digest = Some(Digest::new(Algorithm::Sha256, [3; 32]));
    for (algorithm, digest) in [(Algorithm::Sha256, digest), (Algorithm::Blake3, None)] {
        let head = Head { plan: UploadPlan { algorithm, digest, ..plan() }, ..head() };
        let told = read(&written(&head, &[segment(0), segment(3)]), HERE).unwrap();
        assert_eq!(told.head, head);
        assert!(told.is_current);
        assert_eq!(told.named, None);
        assert_eq!(told.assembly.held_len(), 2 * SEGMENT_LEN);
        assert_eq!(told.journal.count(), 4);
    }
}

#[test]
fn the_blocks_lie_where_the_drawing_says() {
    let bytes = written(&head(), &[segment(2)]);
    assert_eq!(bytes.len(), 3 * 96);
    assert_eq!(&bytes[..8], b"AQUPLD\x01\x02");
    assert_eq!(bytes[8..16], (4 * SEGMENT_LEN).to_le_bytes());
    assert_eq!(bytes[16..32], [9; 16]);
    assert_eq!(bytes[32..80], [0; 48]);
    assert_eq!(bytes[96..104], 1_u64.to_le_bytes());
    assert_eq!(bytes[112..144], HERE.0);
    assert_eq!(bytes[192..208], [2_u64.to_le_bytes(), 2_u64.to_le_bytes()].concat());
    assert_eq!(bytes[240..272], [2; 32]);
    let check = |block: usize, before: &[u8]| {
        let mut hasher = Hasher::new(Algorithm::Blake3);
        hasher.update(before);
        hasher.update(&bytes[block * 96..][..80]);
        hasher.finish().digest.as_bytes()[..16].to_vec()
    };
    assert_eq!(bytes[80..96], check(0, &[0; 16]));
    assert_eq!(bytes[176..192], check(1, &bytes[80..96]));
}

#[test]
fn on_the_same_boot_everything_counts() {
    let bytes = written(&head(), &[segment(0), Entry::Synced(3), segment(1), Entry::Dropped(0), segment(2)]);
    assert_eq!(held(&bytes, HERE), [1, 2]);
}

#[test]
fn on_another_boot_what_a_mark_covers_counts() {
    let bytes = written(&head(), &[segment(0), segment(1), Entry::Synced(4), segment(2)]);
    assert_eq!(held(&bytes, ELSEWHERE), [0, 1]);
    assert!(!read(&bytes, ELSEWHERE).unwrap().is_current);
    assert_eq!(held(&written(&head(), &[segment(0)]), ELSEWHERE), [] as [u64; 0]);
}

#[test]
fn a_mark_covers_what_was_there_before_the_sync_and_not_what_came_meanwhile() {
    let bytes = written(&head(), &[segment(0), segment(1), Entry::Synced(3)]);
    assert_eq!(held(&bytes, ELSEWHERE), [0]);
}

#[test]
fn what_no_mark_covers_is_counted_once_and_as_long_as_it_is_held() {
    let unsynced = |entries: &[Entry], boot| read(&written(&head(), entries), boot).unwrap().unsynced_len;
    let entries = [segment(0), Entry::Synced(3), segment(1), segment(2), Entry::Dropped(2), segment(2)];
    assert_eq!(unsynced(&entries, HERE), 2 * SEGMENT_LEN);
    assert_eq!(unsynced(&entries[..5], HERE), SEGMENT_LEN);
    assert_eq!(unsynced(&entries[..2], HERE), 0);
    assert_eq!(unsynced(&entries, ELSEWHERE), 0);
}

#[test]
fn a_later_session_does_not_make_an_earlier_one_count() {
    let entries = [segment(0), Entry::Session(ELSEWHERE), segment(1), Entry::Synced(5)];
    let bytes = written(&head(), &entries);
    assert_eq!(held(&bytes, ELSEWHERE), [1]);
    assert_eq!(held(&bytes, HERE), [1]);
    let back = written(&head(), &[segment(0), Entry::Session(ELSEWHERE), Entry::Session(HERE), segment(1)]);
    assert_eq!(held(&back, HERE), [1]);
}

#[test]
fn what_was_dropped_stays_dropped_on_another_boot() {
    let dropped = [segment(0), Entry::Synced(3), Entry::Dropped(0)];
    assert_eq!(held(&written(&head(), &dropped), ELSEWHERE), [] as [u64; 0]);
    // What came in its place was not synced.
    let replaced = [segment(0), Entry::Synced(3), Entry::Dropped(0), segment(0)];
    assert_eq!(held(&written(&head(), &replaced), ELSEWHERE), [] as [u64; 0]);
    assert_eq!(held(&written(&head(), &replaced), HERE), [0]);
    let covered = [segment(0), Entry::Dropped(0), segment(0), Entry::Synced(5)];
    assert_eq!(held(&written(&head(), &covered), ELSEWHERE), [0]);
}

#[test]
fn a_name_counts_as_its_bytes_do() {
    let all = [segment(0), segment(1), segment(2), segment(3)];
    let name = |more: &[Entry], boot| read(&written(&head(), &[&all, more].concat()), boot).unwrap().named;
    assert!(name(&[named()], HERE).is_some());
    assert!(name(&[named()], ELSEWHERE).is_none());
    assert!(name(&[named(), Entry::Synced(6)], ELSEWHERE).is_none());
    assert!(name(&[named(), Entry::Synced(7)], ELSEWHERE).is_some());
}

#[test]
fn a_name_that_is_covered_stays_so_when_it_is_said_again() {
    let all = [segment(0), segment(1), segment(2), segment(3), named(), Entry::Synced(7)];
    let anew = Entry::Session(ELSEWHERE);
    for more in [&[named()][..], &[anew, named()], &[anew, anew, named()]] {
        let bytes = written(&head(), &[&all, more].concat());
        assert!(read(&bytes, Boot([3; 32])).unwrap().named.is_some(), "{more:?}");
    }
}

#[test]
fn a_session_that_is_yet_to_be_written_counts_before_the_entry_that_it_is_written_with() {
    let directory = tempfile::tempdir().unwrap();
    let disk = RealDisk::open(directory.path()).unwrap().unwrap();
    let mut file = disk.stage_writable().unwrap();
    let mut journal = Journal::begin(&disk, &file, &head(), HERE).unwrap();
    journal.begin_session(ELSEWHERE);
    let place = journal.count();
    journal.append(&disk, &file, &[named(), Entry::Synced(place + 1)]).unwrap();
    assert_eq!(journal.count(), place + 2);
    assert!(read(&bytes_of(&mut file), HERE).unwrap().named.is_some());
}

#[test]
fn a_journal_is_read_up_to_where_it_is_torn() {
    let bytes = written(&head(), &[segment(0), segment(1), segment(2)]);
    for len in 0..bytes.len() {
        let told = read(&bytes[..len], HERE);
        let blocks = len as u64 / 96;
        assert_eq!(told.as_ref().map(|told| told.journal.count()), (blocks > 0).then_some(blocks));
        let held = told.map_or(0, |told| told.assembly.held_len());
        assert_eq!(held, blocks.saturating_sub(2) * SEGMENT_LEN);
    }
}

#[test]
fn a_journal_that_was_torn_goes_on_where_it_makes_sense() {
    let directory = tempfile::tempdir().unwrap();
    let disk = RealDisk::open(directory.path()).unwrap().unwrap();
    let mut file = disk.stage_writable().unwrap();
    let mut journal = Journal::begin(&disk, &file, &head(), HERE).unwrap();
    journal.append(&disk, &file, &[segment(0), segment(1), segment(2)]).unwrap();
    let mut bytes = bytes_of(&mut file);
    // One block is lost, and the one behind it is not.
    bytes[3 * 96..4 * 96].fill(0);
    let mut told = read(&bytes, HERE).unwrap();
    assert_eq!(told.journal.count(), 3);
    told.journal.append(&disk, &file, &[segment(3)]).unwrap();
    // The old block behind the new one is none of this journal's.
    assert_eq!(held(&bytes_of(&mut file), HERE), [0, 3]);
}

#[test]
fn a_record_of_a_segment_that_there_is_not_ends_the_journal() {
    let bytes = written(&head(), &[segment(0), segment(4), segment(1)]);
    assert_eq!(held(&bytes, HERE), [0]);
    let bytes = written(&head(), &[segment(0), Entry::Dropped(4), segment(1)]);
    assert_eq!(held(&bytes, HERE), [0]);
}

#[test]
fn what_is_appended_is_what_is_encoded() {
    let directory = tempfile::tempdir().unwrap();
    let disk = RealDisk::open(directory.path()).unwrap().unwrap();
    let mut file = disk.stage_writable().unwrap();
    let mut journal = Journal::begin(&disk, &file, &head(), HERE).unwrap();
    journal.append(&disk, &file, &[segment(1)]).unwrap();
    journal.append(&disk, &file, &[segment(0), Entry::Synced(4)]).unwrap();
    assert_eq!(bytes_of(&mut file), written(&head(), &[segment(1), segment(0), Entry::Synced(4)]));
    assert_eq!(journal.count(), 5);
}

#[test]
fn a_journal_of_another_version_or_algorithm_is_none() {
    for (place, value) in [(0, b'B'), (6, 2), (7, 3), (7, 0)] {
        let mut content: Content = *written(&head(), &[]).first_chunk().unwrap();
        content[place] = value;
        let mut bytes = content.to_vec();
        bytes.extend_from_slice(&next_check(Check::default(), &content));
        assert!(read(&bytes, HERE).is_none(), "byte {place} is {value}");
    }
}

#[test]
fn an_append_that_fails_is_none_and_the_next_takes_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let disk = RealDisk::open(directory.path()).unwrap().unwrap();
    let mut file = disk.stage_writable().unwrap();
    let mut journal = Journal::begin(&disk, &file, &head(), HERE).unwrap();
    // Nothing can be written to a directory.
    let elsewhere = File::open(Path::new("/")).unwrap();
    journal.append(&disk, &elsewhere, &[segment(0)]).unwrap_err();
    journal.append(&disk, &file, &[segment(1)]).unwrap();
    assert_eq!(held(&bytes_of(&mut file), HERE), [1]);
}

fn any_entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        1 => prop_oneof![Just(Entry::Session(HERE)), Just(Entry::Session(ELSEWHERE))],
        4 => (0..4_u64).prop_map(segment),
        2 => (0..4_u64).prop_map(Entry::Dropped),
        2 => any::<u8>().prop_map(|count| Entry::Synced(u64::from(count % 50))),
        1 => Just(named()),
    ]
}

proptest! {
    #[test]
    fn whatever_is_said_another_boot_believes_no_more_than_the_same(
        entries in prop::collection::vec(any_entry(), 0..40),
    ) {
        let bytes = written(&head(), &entries);
        let (same, other) = (held(&bytes, HERE), held(&bytes, Boot([3; 32])));
        let ends_here = entries.iter().rev().find_map(|entry| match entry {
            Entry::Session(boot) => Some(*boot == HERE),
            _ => None,
        });
        if ends_here.unwrap_or(true) {
            prop_assert!(other.iter().all(|index| same.contains(index)));
        }
        // Whoever goes on after all of it, on whichever boot, finds the same again.
        let told = read(&bytes, HERE).unwrap();
        prop_assert_eq!(told.journal.count(), 2 + entries.len() as u64);
    }

    #[test]
    fn a_flipped_bit_ends_the_journal_before_it(place in 0..5_usize * 96, bit in 0..8_u8) {
        let mut bytes = written(&head(), &[segment(0), segment(1), segment(2)]);
        bytes[place] ^= 1 << bit;
        let told = read(&bytes, HERE);
        let blocks = place as u64 / 96;
        prop_assert_eq!(told.map_or(0, |told| told.journal.count()), blocks);
    }
}
