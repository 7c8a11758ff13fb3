//! Blobs that an unclean stop left in doubt, and what else a native connection is about.
//!
//! How long it takes to hash a suspect is for the test to say: a file of so many bytes is hashed until it is cut short.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aqueduct_blob::{Algorithm, Digest};
use aqueduct_store::SyncPolicy;
use aqueduct_wire::native::{Ask, Code, Get, Say, TaskId, limits};
use tempfile::TempDir;

use crate::fixture::{Fixture, digest, pattern};
use crate::frames::{Native, Told, get, put, refused, upload};
use crate::suspects::{image, path};

#[test]
fn only_who_asks_for_a_suspect_waits_for_it_to_be_hashed() {
    // As many as are hashed at once.
    let suspects = [digest(b"never"), digest(b"ever")];
    let (server, held) = doubting(&suspects);
    let bytes = pattern(5 << 20);
    let mut native = Native::connect(server.address);
    let asked = suspects.iter().chain(&suspects);
    let waiting: Vec<_> = asked.map(|name| native.ask(get(*name), &[])).collect();
    let last = native.ask(has(&suspects), &[]);
    held[..2].iter().for_each(Held::wait_for_its_checker);
    let name = server.put(&bytes);
    assert_eq!(native.ask_and_hear(has(&[name]), &[]).say, Say::Presence { present: vec![true] });
    assert!(matches!(native.ask_and_hear(Ask::Stat { digest: name }, &[]).say, Say::Described { .. }));
    let whole = Get { digest: name, ranges: Vec::new(), checkpoints: true, list_only: false };
    let task = native.ask(Ask::Get(whole), &[]);
    assert!(native.bytes(task) == bytes);
    let small = native.ask_and_hear(put(None, 5), b"small");
    assert!(matches!(small.say, Say::Stored { is_new: true, .. }));
    held.iter().for_each(Held::vanish);
    for _ in 0..=waiting.len() {
        let told = native.hear();
        if told.task == last {
            assert_eq!(told.say, Say::Presence { present: vec![false; 2] });
        } else {
            assert!(waiting.contains(&told.task) && refused(&told) == Code::Absent, "{told:?}");
        }
    }
}

#[test]
fn what_was_cleared_is_answered_beside_suspects_that_are_hashed_next() {
    let names = [digest(b"first"), digest(b"second"), digest(b"third")];
    let (server, held) = doubting(&names);
    let mut natives: Vec<_> = (0..3).map(|_| Native::connect(server.address)).collect();
    for (native, suspect) in natives.iter_mut().zip(&held).take(2) {
        native.ask(get(suspect.digest), &[]);
        suspect.wait_for_its_checker();
    }
    // Nobody hashes the third yet. It gets in line meanwhile, and has the place of the first once that is free.
    natives[2].ask(get(held[2].digest), &[]);
    for _ in 0..50 {
        let nobodys = has(&[digest(b"nobody's")]);
        assert_eq!(natives[2].ask_and_hear(nobodys, &[]).say, Say::Presence { present: vec![false] });
    }
    held[0].vanish();
    assert_eq!(refused(&natives[0].hear()), Code::Absent);
}

#[test]
fn a_suspect_whose_asker_has_gone_is_hashed_by_one_for_those_who_come() {
    let (server, held) = doubting(&[digest(b"first"), digest(b"second")]);
    let [first, second, _] = &held[..] else { panic!("two, and one behind them") };
    let mut gone = Native::connect(server.address);
    gone.ask(get(first.digest), &[]);
    first.wait_for_its_checker();
    gone.ask(has(&[digest(b"nobody's")]), &[]);
    gone.peer.stream.peek(&mut [0]).unwrap();
    // With an answer unread, which resets the connection (RFC 2525 section 2.17).
    drop(gone);
    let mut native = Native::connect(server.address);
    for name in [first.digest, second.digest] {
        for _ in 0..50 {
            native.ask_and_hear(has(&[digest(b"nobody's")]), &[]);
        }
        native.ask(get(name), &[]);
    }
    second.wait_for_its_checker();
}

#[test]
fn more_than_may_wait_to_be_hashed_is_refused_and_the_rest_goes_on() {
    let (server, held) = doubting(&[digest(b"never")]);
    let mut native = Native::connect(server.address);
    let names = vec![held[0].digest; limits::DIGEST_COUNT_MAX];
    let asked: Vec<_> = (0..65).map(|_| native.ask(has(&names), &[])).collect();
    // Several workers look at them at once, so that it need not be the last.
    let told = native.hear();
    assert_eq!(refused(&told), Code::Busy);
    assert!(matches!(native.ask_and_hear(put(None, 5), b"small").say, Say::Stored { .. }));
    held.iter().for_each(Held::vanish);
    let absent = Say::Presence { present: vec![false; limits::DIGEST_COUNT_MAX] };
    let mut answered: Vec<TaskId> = (0..64)
        .map(|_| {
            let Told { task, say, .. } = native.hear();
            assert!(say == absent, "{say:?}");
            task
        })
        .collect();
    answered.push(told.task);
    answered.sort_unstable();
    assert_eq!(answered, asked);
}

#[test]
fn a_put_that_names_a_suspect_has_it_replaced_without_waiting() {
    for len in [5, 100_000] {
        let bytes = pattern(len);
        let name = digest(&bytes);
        let (server, _held) = doubting(&[name]);
        let mut native = Native::connect(server.address);
        let told = native.ask_and_hear(put(Some(name), len), &bytes);
        let stored = Say::Stored { digest: name, size: len as u64, is_new: true, received: len as u64 };
        assert_eq!(told.say, stored);
        let task = native.ask(get(name), &[]);
        assert!(native.bytes(task) == bytes);
    }
}

#[test]
fn an_upload_that_names_a_suspect_keeps_no_other_task_waiting() {
    let bytes = pattern(100_000);
    let name = digest(&bytes);
    let (server, _held) = doubting(&[name]);
    let mut native = Native::connect(server.address);
    let task = native.ask(upload([7; 16], Some(name), bytes.len()), &[]);
    // Another is told while the upload is open.
    let small = b"another blob";
    let other = native.ask(put(None, small.len()), small);
    assert!(matches!(native.hear(), Told { task: told, say: Say::Opened { .. }, .. } if told == task));
    assert!(matches!(native.hear(), Told { task: told, say: Say::Stored { .. }, .. } if told == other));
    native.say(task, Ask::Data { offset: 0 }, &bytes);
    native.say(task, Ask::End { digest: None }, &[]);
    let stored = Say::Stored { digest: name, size: 100_000, is_new: true, received: 100_000 };
    assert_eq!(native.hear().say, stored);
    let task = native.ask(get(name), &[]);
    assert!(native.bytes(task) == bytes);
}

#[test]
fn a_suspect_as_large_as_what_came_is_hashed_by_no_writer() {
    let blob = pattern(70_000);
    let image = store_with_a_blob();
    std::fs::write(path(&image, &digest(&blob)), vec![0; blob.len()]).unwrap();
    // Those who hash suspects are held up: one looks through the store, and two are there for whoever asks.
    let asked = [digest(b"never"), digest(b"ever")];
    let names = [Digest::new(Algorithm::Sha256, [0; 32]), asked[0], asked[1]];
    let held = names.map(|name| Held::new(&image, name));
    let server = Fixture::over(image, SyncPolicy::None, |_| {});
    let mut native = Native::connect(server.address);
    for name in asked {
        native.ask(get(name), &[]);
    }
    held.iter().for_each(Held::wait_for_its_checker);
    let mut native = Native::connect(server.address);
    let task = native.ask(put(Some(digest(&blob)), blob.len()), &blob);
    // Another put of the same peer is done, many times over, and this one is not: nobody else hashes what is in its place.
    for _ in 0..50 {
        let small = native.ask(put(None, 5), b"small");
        assert!(matches!(native.hear(), Told { task, say: Say::Stored { .. }, .. } if task == small));
    }
    held.iter().for_each(Held::vanish);
    assert!(
        matches!(native.hear(), Told { task: told, say: Say::Stored { is_new: true, .. }, .. } if told == task)
    );
    let task = native.ask(get(digest(&blob)), &[]);
    assert!(native.bytes(task) == blob);
}

fn has(digests: &[Digest]) -> Ask {
    Ask::Has { digests: digests.to_vec() }
}

/// The image of a store that was not closed.
fn store_with_a_blob() -> TempDir {
    let before =
        Fixture::over(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap(), SyncPolicy::None, |_| {});
    before.put(b"what makes it a store with blobs");
    image(before.root())
}

/// A server over a store in which these are in doubt, and hashed as long as the test wants, and one more behind them.
fn doubting(names: &[Digest]) -> (Fixture, Vec<Held>) {
    let image = store_with_a_blob();
    // What the server hashes in the background, in the order of digests, before any of those that matter.
    let first = Digest::new(Algorithm::Sha256, [0; 32]);
    let held: Vec<_> = names.iter().chain([&first]).map(|name| Held::new(&image, *name)).collect();
    let server = Fixture::over(image, SyncPolicy::None, |_| {});
    held[names.len()].wait_for_its_checker();
    (server, held)
}

/// A suspect.
struct Held {
    digest: Digest,
    path: PathBuf,
    file: File,
}

impl Held {
    fn new(image: &TempDir, digest: Digest) -> Self {
        let path = path(image, &digest);
        let file = File::create_new(&path).unwrap();
        file.set_len(HELD_SIZE).unwrap();
        Self { digest, path: path.canonicalize().unwrap(), file }
    }

    /// Waits until somebody else has it open.
    fn wait_for_its_checker(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
            let count = open
                .filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|path| path == self.path))
                .count();
            if count > 1 {
                return;
            }
            assert!(Instant::now() < deadline, "nobody hashes {}", self.digest);
            std::thread::yield_now();
        }
    }

    /// Ends its being hashed, and takes it out of the store before anybody can ask what came of that.
    fn vanish(&self) {
        std::fs::remove_file(&self.path).unwrap();
        self.file.set_len(0).unwrap();
    }
}

impl Drop for Held {
    /// Whoever reads it comes to its end.
    fn drop(&mut self) {
        self.file.set_len(0).unwrap();
    }
}

/// Hours to hash on any machine, and no bytes on the disk.
const HELD_SIZE: u64 = 1 << 42;

const PATIENCE: Duration = Duration::from_secs(60);
