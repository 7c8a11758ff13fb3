//! How much a store takes, and what goes when there is no room.

use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aqueduct_blob::{Algorithm, Digest, UploadId};
use aqueduct_flow::Step;
use aqueduct_store::disk::Room;
use aqueduct_store::{
    Absent, ChangeError, Limits, Options, Outcome, PIN_COUNT_MAX, PinError, PublishError, PutError, Resumed,
    Store, SyncPolicy, UploadPlan, Whole,
};
use aqueduct_sys::Errno;
use aqueduct_testkit::{Plan, SimDisk, Slot};

use crate::fixture::{bytes, digest, put, read};

/// Half of what is evicted at once in the tests.
const BLOB_LEN: usize = 64 << 10;
const LEASE: i64 = 600;

/// A store that is empty, and has room for so many blobs of [`BLOB_LEN`].
struct Ground {
    _slot: Slot,
    disk: SimDisk,
    store: Store,
}

impl Ground {
    fn with_room_for(count: usize) -> Self {
        let mut slot = Slot::new().unwrap();
        let disk = slot.empty().unwrap();
        // Its databases are as large as they will be.
        let store = open(&disk, None);
        put(&store, b"first");
        store.keep_room(&|| true).unwrap();
        store.remove(&digest(b"first")).unwrap();
        store.keep_room(&|| true).unwrap();
        store.close().unwrap();
        let store = open(&disk, None);
        let empty = store.allocated();
        store.close().unwrap();
        let store = open(&disk, Some(empty + (count * BLOB_LEN) as u64));
        assert_eq!(store.allocated(), empty);
        Self { _slot: slot, disk, store }
    }

    /// Puts a blob that nobody else has, and lets a second pass.
    fn put(&self, seed: u64) -> Digest {
        let bytes = bytes(BLOB_LEN, seed);
        assert_eq!(put(&self.store, &bytes), Outcome::New);
        self.disk.advance(1);
        digest(&bytes)
    }

    fn is_there(&self, digest: &Digest) -> bool {
        path_of(&self.disk, digest).exists()
    }

    /// Nobody was told of anything within a lease from now.
    fn let_leases_end(&self) {
        self.disk.advance(LEASE);
    }
}

fn open(disk: &SimDisk, size_max: Option<u64>) -> Store {
    let limits = Limits { size_max: Some(size_max.unwrap_or(u64::MAX)), ..limits() };
    let options = Options { limits, sync: SyncPolicy::None, ..Options::default() };
    Store::open_on(Arc::new(disk.clone()), Absent::Make, options).unwrap()
}

fn limits() -> Limits {
    Limits { lease: Duration::from_secs(LEASE.unsigned_abs()), ..Limits::default() }
}

fn path_of(disk: &SimDisk, digest: &Digest) -> std::path::PathBuf {
    crate::fixture::path(&disk.directory(), "blobs", digest)
}

fn put_whole(store: &Store, bytes: &[u8]) -> Result<Outcome, io::ErrorKind> {
    let whole = Whole { algorithm: Algorithm::Sha256, expected: None, bytes };
    match store.put_all(&[whole]).remove(0) {
        Ok(published) => Ok(published.outcome),
        Err(PutError::Publish(PublishError::Change(ChangeError::Fault(fault)))) => Err(fault.kind()),
        Err(error) => panic!("{error}"),
    }
}

/// What every file under `root` takes, directories included.
fn blocks_under(root: &Path) -> u64 {
    let own = std::fs::symlink_metadata(root).unwrap();
    let below = if own.is_dir() {
        std::fs::read_dir(root).unwrap().map(|entry| blocks_under(&entry.unwrap().path())).sum()
    } else {
        0
    };
    own.blocks() * 512 + below
}

#[test]
fn a_store_that_may_take_less_is_emptied_to_that_and_one_that_may_take_more_is_not() {
    let ground = Ground::with_room_for(8);
    for seed in 0..6 {
        ground.put(seed);
    }
    ground.let_leases_end();
    let held = ground.store.allocated();
    let size_max = held - 3 * BLOB_LEN as u64;
    assert!(ground.store.set_limits(Limits { size_max: Some(size_max), ..limits() }));
    assert!(ground.store.keep_room(&|| true).unwrap() >= 3);
    assert!(ground.store.allocated() <= size_max);
    assert!(ground.store.set_limits(Limits { size_max: Some(held * 4), ..limits() }));
    assert_eq!(ground.store.keep_room(&|| true).unwrap(), 0);
    assert!((10..14).all(|seed| ground.is_there(&ground.put(seed))));
}

#[test]
fn a_store_whose_room_nobody_counts_takes_no_limit_before_it_is_opened_again() {
    let mut slot = Slot::new().unwrap();
    let disk = slot.empty().unwrap();
    let options = Options { limits: limits(), sync: SyncPolicy::None, ..Options::default() };
    let store = Store::open_on(Arc::new(disk.clone()), Absent::Make, options).unwrap();
    put(&store, &bytes(BLOB_LEN, 1));
    disk.advance(LEASE);
    assert!(!store.set_limits(Limits { size_max: Some(1), ..limits() }));
    assert_eq!(store.keep_room(&|| true).unwrap(), 0);
    assert!(!store.evicts());
    put(&store, &bytes(BLOB_LEN, 2));
}

#[test]
fn what_was_used_least_lately_goes_first() {
    let ground = Ground::with_room_for(8);
    let put: Vec<_> = (0..6).map(|seed| ground.put(seed)).collect();
    ground.let_leases_end();
    assert!(read(&ground.store, &put[0]).is_some(), "used again");
    ground.disk.advance(1);
    for seed in 100..103 {
        ground.put(seed);
    }
    assert!(ground.is_there(&put[0]));
    assert!(!ground.is_there(&put[1]), "it was used least lately");
    assert!(ground.is_there(&put[5]));
    assert!(ground.store.evicted_count() >= 1);
}

#[test]
fn room_is_made_before_it_is_needed() {
    let ground = Ground::with_room_for(32);
    for seed in 0..32 {
        ground.put(seed);
    }
    ground.let_leases_end();
    assert_eq!(ground.store.evicted_count(), 0, "it fits");
    let evicted = ground.store.keep_room(&|| true).unwrap();
    assert!((2..=8).contains(&evicted), "{evicted} of 32");
    let evicted_count = ground.store.evicted_count();
    ground.put(100);
    assert_eq!(ground.store.evicted_count(), evicted_count, "there was room");
    assert_eq!(ground.store.keep_room(&|| true).unwrap(), 0, "and there still is");
}

#[test]
fn a_store_without_limits_evicts_nothing() {
    let (_slot, disk, store) = crate::fixture::simulated(SyncPolicy::Full);
    put(&store, b"stays");
    disk.advance(LEASE);
    assert!(!store.evicts());
    assert_eq!(store.keep_room(&|| true).unwrap(), 0);
    assert!(store.has(&digest(b"stays")).unwrap());
}

#[test]
fn a_pinned_blob_is_never_evicted_and_its_pin_outlives_a_kill() {
    let ground = Ground::with_room_for(4);
    let pinned = ground.put(0);
    assert!(ground.store.pin(&pinned).unwrap());
    assert!(!ground.store.pin(&pinned).unwrap(), "it is pinned");
    ground.let_leases_end();
    for seed in 1..6 {
        ground.put(seed);
        ground.let_leases_end();
    }
    assert!(ground.is_there(&pinned));
    ground.disk.kill();
    drop(ground.store);
    ground.disk.revive();
    let store = open(&ground.disk, None);
    assert_eq!(store.pins(None, 10).unwrap(), [pinned]);
    assert!(store.unpin(&pinned).unwrap());
    assert!(!store.unpin(&pinned).unwrap());
    assert_eq!(store.pins(None, 10).unwrap(), []);
}

#[test]
fn a_name_can_be_pinned_before_its_blob_is_here() {
    let ground = Ground::with_room_for(4);
    let early = bytes(BLOB_LEN, 7);
    assert!(ground.store.pin(&digest(&early)).unwrap());
    ground.put(7);
    for seed in 10..15 {
        ground.let_leases_end();
        ground.put(seed);
    }
    assert!(ground.is_there(&digest(&early)));
}

#[test]
fn pins_are_listed_in_pages() {
    let (_slot, _disk, store) = crate::fixture::simulated(SyncPolicy::Full);
    let mut names: Vec<_> = (0_u8..5).map(|byte| digest(&[byte])).collect();
    for name in &names {
        store.pin(name).unwrap();
    }
    names.sort_unstable();
    assert_eq!(store.pins(None, 2).unwrap(), names[..2]);
    assert_eq!(store.pins(Some(&names[1]), 10).unwrap(), names[2..]);
    // Of the limit itself: too many to make in a test.
    let full = PinError::TooMany { limit: PIN_COUNT_MAX };
    assert!(full.to_string().contains("100000"));
}

#[test]
fn what_somebody_was_told_of_stays_for_a_lease() {
    let ground = Ground::with_room_for(4);
    let (asked, put_again, other) = (ground.put(0), ground.put(1), ground.put(2));
    ground.let_leases_end();
    assert!(ground.store.has(&asked).unwrap());
    assert_eq!(put(&ground.store, &bytes(BLOB_LEN, 1)), Outcome::AlreadyPresent);
    ground.put(3);
    ground.put(4);
    assert!(!ground.is_there(&other), "nobody was told of it lately");
    assert!(ground.is_there(&asked));
    assert!(ground.is_there(&put_again));
    let refused = put_whole(&ground.store, &bytes(BLOB_LEN, 5));
    assert_eq!(refused, Err(io::ErrorKind::StorageFull), "all that is here was promised to somebody");
    ground.let_leases_end();
    assert_eq!(put_whole(&ground.store, &bytes(BLOB_LEN, 5)), Ok(Outcome::New));
}

#[test]
fn what_is_promised_while_others_evict_is_there() {
    let ground = Ground::with_room_for(64);
    let names: Vec<_> = (0..60).map(|seed| ground.put(seed)).collect();
    ground.let_leases_end();
    // Half of them may go in any case, and whoever writes needs as much room.
    let asked = &names[..30];
    assert!(ground.store.has(&asked[29]).unwrap());
    let promised = std::thread::scope(|scope| {
        let store = &ground.store;
        for writer in 1..3_u64 {
            scope.spawn(move || {
                for seed in 0..15 {
                    assert_eq!(put_whole(store, &bytes(BLOB_LEN, 1000 * writer + seed)), Ok(Outcome::New));
                }
            });
        }
        asked.iter().filter(|name| store.has(name).unwrap()).collect::<Vec<_>>()
    });
    assert!(promised.contains(&&asked[29]) && promised.iter().all(|name| ground.is_there(name)));
    assert!(ground.store.evicted_count() >= 26, "{}", ground.store.evicted_count());
}

#[test]
fn a_blob_that_is_open_is_not_evicted() {
    let ground = Ground::with_room_for(3);
    let open = ground.put(0);
    for seed in 1..3 {
        ground.put(seed);
    }
    let blob = ground.store.blob(&open).unwrap().unwrap();
    ground.let_leases_end();
    // Used least lately all the same.
    for seed in 1..3 {
        ground.store.used(&digest(&bytes(BLOB_LEN, seed)));
    }
    ground.disk.advance(1);
    ground.put(10);
    assert!(ground.is_there(&open));
    drop(blob);
    ground.let_leases_end();
    for seed in 11..14 {
        ground.put(seed);
        ground.let_leases_end();
    }
    assert!(!ground.is_there(&open));
}

#[test]
fn a_blob_that_is_open_twice_is_not_evicted_when_one_of_them_is_closed() {
    let ground = Ground::with_room_for(3);
    let open = ground.put(0);
    for seed in 1..3 {
        ground.put(seed);
    }
    let blob = ground.store.blob(&open).unwrap().unwrap();
    drop(ground.store.blob(&open).unwrap().unwrap());
    ground.let_leases_end();
    for seed in 1..3 {
        ground.store.used(&digest(&bytes(BLOB_LEN, seed)));
    }
    ground.disk.advance(1);
    ground.put(10);
    assert!(ground.is_there(&open));
    drop(blob);
}

#[test]
fn an_announced_size_that_fits_nowhere_evicts_nobody_beside_a_free_reserve_either() {
    let mut slot = Slot::new().unwrap();
    let disk = slot.empty().unwrap();
    let limits = Limits { free_min: Some(1 << 20), ..limits() };
    let options = Options { limits, ..Options::default() };
    let store = Store::open_on(Arc::new(disk.clone()), Absent::Make, options).unwrap();
    for seed in 0..5 {
        assert_eq!(put_whole(&store, &bytes(BLOB_LEN, seed)), Ok(Outcome::New));
    }
    disk.advance(LEASE);
    assert!(store.begin(Algorithm::Sha256, Some(1 << 50)).is_err());
    assert_eq!(store.evicted_count(), 0);
}

#[test]
fn an_index_that_could_not_be_written_once_counts_and_evicts_on() {
    let ground = Ground::with_room_for(64);
    let max = ground.store.allocated() + (64 * BLOB_LEN) as u64;
    ground.put(0);
    for verb in 1..4 {
        ground.put(verb);
        ground.disk.plan(Plan { refuse_at: Some((verb, Errno::NOSPC)), ..Plan::default() });
        // What was noted is written first, and that it was not is no fault of anybody who asks.
        drop(ground.store.keep_room(&|| true));
        assert!(ground.disk.count() >= verb, "nothing was refused");
        ground.disk.plan(Plan::default());
    }
    for seed in 100..180 {
        ground.let_leases_end();
        ground.put(seed);
    }
    ground.store.keep_room(&|| true).unwrap();
    assert!(ground.store.evicted_count() >= 20, "{}", ground.store.evicted_count());
    assert!(ground.store.allocated() <= max, "{} of {max}", ground.store.allocated());
    let listed = ground.store.list(None, usize::MAX).unwrap();
    let usage = ground.store.usage().unwrap();
    assert_eq!((usage.count, usage.allocated), (listed.len() as u64, (listed.len() * BLOB_LEN) as u64));
}

#[test]
fn whoever_only_keeps_a_blob_at_hand_lets_go_of_it() {
    let ground = Ground::with_room_for(3);
    let kept = ground.put(0);
    let at_hand = Arc::new(std::sync::Mutex::new(ground.store.blob(&kept).unwrap()));
    let letting_go = Arc::clone(&at_hand);
    ground.store.watch(move |_| drop(letting_go.lock().unwrap().take()));
    for seed in 1..3 {
        ground.put(seed);
    }
    ground.let_leases_end();
    ground.put(3);
    assert!(!ground.is_there(&kept));
}

#[test]
fn whoever_watches_hears_of_what_was_evicted() {
    let ground = Ground::with_room_for(3);
    let gone = ground.put(0);
    let heard = Arc::new(AtomicU64::new(0));
    let hearing = Arc::clone(&heard);
    ground.store.watch(move |digest| {
        hearing.fetch_add(u64::from(*digest == gone), Ordering::Relaxed);
    });
    for seed in 1..3 {
        ground.put(seed);
    }
    ground.let_leases_end();
    ground.put(3);
    assert_eq!(heard.load(Ordering::Relaxed), 1);
    assert_eq!(read(&ground.store, &gone), None);
}

#[test]
fn nobody_is_evicted_for_what_can_never_fit() {
    let ground = Ground::with_room_for(4);
    let (first, pinned) = (ground.put(0), ground.put(1));
    ground.store.pin(&pinned).unwrap();
    ground.let_leases_end();
    // Both would fit into an empty store, but for the pin.
    for count in [4, 100] {
        let too_large = ground.store.begin(Algorithm::Sha256, Some((count * BLOB_LEN) as u64));
        let Err(ChangeError::Fault(fault)) = too_large else { panic!("there is no room for {count}") };
        assert_eq!(fault.kind(), io::ErrorKind::StorageFull);
    }
    assert!(ground.is_there(&first));
    assert_eq!(ground.store.evicted_count(), 0);
}

#[test]
fn a_blob_of_unknown_size_makes_room_as_it_grows_and_stops_at_the_limit() {
    let ground = Ground::with_room_for(200);
    let old = ground.put(0);
    for seed in 1..32 {
        ground.put(seed);
    }
    ground.let_leases_end();
    let mut staging = ground.store.begin(Algorithm::Sha256, None).unwrap();
    let piece = bytes(1 << 20, 9);
    let error = loop {
        let step = staging.fill(&mut |file, offset, observe| {
            file.write_all_at(&piece, offset)?;
            observe(&piece);
            Ok(Step::Moved(piece.len()))
        });
        match step {
            Ok(_) => assert!(staging.len() <= (200 * BLOB_LEN) as u64, "beyond the limit"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
    assert!(staging.len() > (100 * BLOB_LEN) as u64, "only {}", staging.len());
    drop(staging);
    assert!(!ground.is_there(&old), "room was made");
    ground.put(1);
}

#[test]
fn what_is_reserved_counts_until_it_is_dropped() {
    let ground = Ground::with_room_for(8);
    let before = ground.store.allocated();
    let staging = ground.store.begin(Algorithm::Sha256, Some((6 * BLOB_LEN) as u64)).unwrap();
    assert_eq!(ground.store.allocated(), before + (6 * BLOB_LEN) as u64);
    assert_eq!(put_whole(&ground.store, &bytes(3 * BLOB_LEN, 1)), Err(io::ErrorKind::StorageFull));
    drop(staging);
    assert_eq!(ground.store.allocated(), before);
    assert_eq!(put_whole(&ground.store, &bytes(3 * BLOB_LEN, 1)), Ok(Outcome::New));
}

#[test]
fn uploads_count_from_their_beginning_and_across_a_kill() {
    let ground = Ground::with_room_for(200);
    let size = (100 * BLOB_LEN) as u64;
    let plan = UploadPlan { algorithm: Algorithm::Sha256, digest: None, size };
    let id = UploadId::new([7; 16]);
    let before = ground.store.allocated();
    let Resumed::Open(upload) = ground.store.upload(id, &plan).unwrap() else { panic!("it is new") };
    assert!(ground.store.allocated() >= before + size);
    drop(upload);
    ground.disk.kill();
    drop(ground.store);
    ground.disk.revive();
    let store = open(&ground.disk, Some(before + (150 * BLOB_LEN) as u64));
    assert!(store.allocated() >= before + size);
    assert_eq!(put_whole(&store, &bytes(60 * BLOB_LEN, 1)), Err(io::ErrorKind::StorageFull));
    assert!(store.drop_upload(id).unwrap());
    assert_eq!(put_whole(&store, &bytes(60 * BLOB_LEN, 1)), Ok(Outcome::New));
}

#[test]
fn what_is_counted_is_what_the_files_take() {
    let ground = Ground::with_room_for(1000);
    let exact = |store: &Store| {
        store.keep_room(&|| true).unwrap();
        let (counted, there) = (store.allocated(), blocks_under(&ground.disk.directory()));
        assert!(counted.abs_diff(there) <= 64 << 10, "{counted} counted, {there} there");
        let mut blobs = 0;
        for listed in store.list(None, usize::MAX).unwrap() {
            blobs += std::fs::metadata(path_of(&ground.disk, &listed.digest)).unwrap().blocks() * 512;
            let list = crate::fixture::path(&ground.disk.directory(), "checkpoints", &listed.digest);
            blobs += std::fs::metadata(list).map_or(0, |list| list.blocks() * 512);
        }
        assert_eq!(store.usage().unwrap().allocated, blobs);
    };
    exact(&ground.store);
    let put: Vec<_> = (0..20).map(|seed| ground.put(seed)).collect();
    crate::fixture::put(&ground.store, &bytes((4 << 20) + 1, 50));
    exact(&ground.store);
    for digest in &put[..7] {
        ground.store.remove(digest).unwrap();
    }
    exact(&ground.store);
    let blob = std::fs::File::open(path_of(&ground.disk, &put[10])).unwrap();
    drop(blob);
    ground.disk.kill();
    ground.disk.revive();
    let store = open_after_kill(&ground);
    exact(&store);
}

fn open_after_kill(ground: &Ground) -> Store {
    // The lock lasts as long as the dead process's files.
    let copy = ground.disk.clone();
    let limits = Limits { size_max: Some(u64::MAX), ..limits() };
    let options = Options { limits, sync: SyncPolicy::None, ..Options::default() };
    let root = copy.directory();
    std::fs::remove_file(root.join("lock")).unwrap();
    Store::open_on(Arc::new(copy), Absent::Refuse, options).unwrap()
}

#[test]
fn a_lost_index_is_made_anew_before_anything_is_evicted_by_it() {
    let Ground { _slot, disk, store } = Ground::with_room_for(4);
    let max = store.allocated() + (4 * BLOB_LEN) as u64;
    for seed in 0..4 {
        put(&store, &bytes(BLOB_LEN, seed));
        disk.advance(1);
    }
    store.close().unwrap();
    std::fs::remove_file(disk.directory().join("index.redb")).unwrap();
    disk.advance(LEASE);
    let store = open(&disk, Some(max));
    assert_eq!(put_whole(&store, &bytes(BLOB_LEN, 10)), Ok(Outcome::New));
    assert!(!path_of(&disk, &digest(&bytes(BLOB_LEN, 0))).exists(), "published first");
    assert!(path_of(&disk, &digest(&bytes(BLOB_LEN, 3))).exists());
}

#[test]
fn a_filesystem_without_enough_room_is_a_limit_too() {
    let mut slot = Slot::new().unwrap();
    let disk = slot.empty().unwrap();
    let open = || {
        let options =
            Options { limits: Limits { free_min: Some(1 << 30), ..limits() }, ..Options::default() };
        Store::open_on(Arc::new(disk.clone()), Absent::Make, options).unwrap()
    };
    let room = |available| Room { size: 1 << 40, available, inode_count: 1000, inodes_available: 500 };
    let is_there = |seed| path_of(&disk, &digest(&bytes(BLOB_LEN, seed))).exists();
    disk.tell_room(room(2 << 30));
    let store = open();
    for seed in 0..4 {
        assert_eq!(put_whole(&store, &bytes(BLOB_LEN, seed)), Ok(Outcome::New));
        disk.advance(1);
    }
    disk.advance(LEASE);
    // More is missing than all blobs together take.
    disk.tell_room(room(1 << 20));
    assert_eq!(put_whole(&store, &bytes(BLOB_LEN, 9)), Err(io::ErrorKind::StorageFull));
    assert!((0..4).all(is_there), "without them there would be no more room");
    // Less is missing, and the one that went is not enough for this disk.
    disk.tell_room(room((1 << 30) - 1));
    let _ = put_whole(&store, &bytes(BLOB_LEN, 9));
    assert!(!is_there(0), "it went to make room");
    assert!(store.evicted_count() >= 1);
}

#[test]
fn a_filesystem_that_has_hardly_an_inode_left_is_a_limit_too() {
    let ground = Ground::with_room_for(64);
    let oldest = ground.put(0);
    for seed in 1..8 {
        ground.put(seed);
    }
    ground.let_leases_end();
    ground.disk.tell_room(Room {
        size: 1 << 41,
        available: 1 << 40,
        inode_count: 1_000_000,
        inodes_available: 9_000,
    });
    assert!(ground.store.keep_room(&|| true).unwrap() >= 1);
    assert!(!ground.is_there(&oldest));
}

#[test]
fn what_was_found_to_be_futile_is_tried_again_once_a_name_is_unpinned() {
    let ground = Ground::with_room_for(3);
    let (pinned, leased) = (ground.put(0), ground.put(1));
    ground.store.pin(&pinned).unwrap();
    ground.let_leases_end();
    assert!(ground.store.has(&leased).unwrap());
    ground.put(2);
    let refused = || put_whole(&ground.store, &bytes(BLOB_LEN, 3));
    assert_eq!(refused(), Err(io::ErrorKind::StorageFull));
    assert_eq!(refused(), Err(io::ErrorKind::StorageFull));
    ground.store.unpin(&pinned).unwrap();
    assert_eq!(put_whole(&ground.store, &bytes(BLOB_LEN, 3)), Ok(Outcome::New));
    assert!(!ground.is_there(&pinned));
    assert!(ground.is_there(&leased));
}

#[test]
fn counting_anew_ends_when_nobody_waits_for_it_and_is_done_the_next_time() {
    let ground = Ground::with_room_for(100);
    let put: Vec<_> = (0..5).map(|seed| ground.put(seed)).collect();
    ground.disk.kill();
    drop(ground.store);
    ground.disk.revive();
    let store = open(&ground.disk, None);
    store.keep_room(&|| false).unwrap();
    store.close().unwrap();
    let store = open(&ground.disk, None);
    store.keep_room(&|| true).unwrap();
    assert_eq!(store.usage().unwrap().count, put.len() as u64);
}

#[test]
fn several_writers_at_the_limit_evict_no_more_than_they_need() {
    let ground = Ground::with_room_for(64);
    for seed in 0..60 {
        ground.put(seed);
    }
    ground.let_leases_end();
    std::thread::scope(|scope| {
        for writer in 0..4_u64 {
            let store = &ground.store;
            scope.spawn(move || {
                for seed in 0..4 {
                    let put = put_whole(store, &bytes(BLOB_LEN, 1000 + writer * 100 + seed));
                    assert_eq!(put, Ok(Outcome::New));
                }
            });
        }
    });
    // 16 came, 4 had room, and a sixteenth of all goes beyond need.
    assert!((12..=24).contains(&ground.store.evicted_count()), "{}", ground.store.evicted_count());
    assert!(ground.store.allocated() <= blocks_under(&ground.disk.directory()) + (1 << 20));
}

#[test]
fn what_is_suspect_can_be_verified_beside_eviction() {
    let ground = Ground::with_room_for(3);
    let suspect = ground.put(0);
    ground.disk.kill();
    drop(ground.store);
    ground.disk.revive();
    let store = open(&ground.disk, None);
    assert!(store.has(&suspect).unwrap(), "hashed, promised, and nobody waits for ever");
    assert!(store.verify(&suspect, NonZeroUsize::MIN, &|_| {}).unwrap().unwrap().damage.is_empty());
}
