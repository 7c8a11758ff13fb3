#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_store::{Absent, Options};
use tempfile::TempDir;

use super::*;
use crate::asked::Door;
use crate::workers::Crew;

struct Fixture {
    line: Arc<Line>,
    _crew: Crew,
    _directory: TempDir,
}

fn fixture(sync: SyncPolicy) -> Fixture {
    with_crew(sync, Crew::new("writer", 4).unwrap(), 4)
}

fn with_crew(sync: SyncPolicy, crew: Crew, worker_count: usize) -> Fixture {
    with_room(sync, crew, worker_count, usize::MAX)
}

fn with_room(sync: SyncPolicy, crew: Crew, worker_count: usize, request_count_max: usize) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { sync, ..Options::default() };
    let store = Store::open(directory.path(), Absent::Make, options).unwrap();
    let options = crate::Options { request_count_max, ..crate::Options::default() };
    let line = Line::new(store, crew.workers(), worker_count, Arc::new(Running::new(&options)));
    Fixture { line, _crew: crew, _directory: directory }
}

/// Keeps the only thread of a crew busy until what it returns is dropped.
fn busy(line: &Line) -> mpsc::Sender<()> {
    let (gate, opened) = mpsc::channel();
    line.workers.leave(move || assert!(opened.recv().is_err()));
    gate
}

/// Has so many blobs wait, of which each is its number.
async fn queued(line: &Arc<Line>, count: u32) -> Vec<tokio::task::JoinHandle<Result<Outcome, Close>>> {
    let store = |bytes: [u8; 4]| {
        let line = Arc::clone(line);
        tokio::spawn(async move { line.store(named(&bytes), bytes.to_vec(), None).await })
    };
    let tasks = (0..count).map(u32::to_le_bytes).map(store).collect();
    while line.waiting().blobs.len() < count as usize {
        tokio::task::yield_now().await;
    }
    tasks
}

fn digest(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(bytes);
    hasher.finish().digest
}

fn named(bytes: &[u8]) -> Write {
    Write { name: Name::Given(digest(bytes)), door: Door::Blobs, if_present: true, if_absent: true }
}

/// Outside of a runtime, in which a crew cannot end.
fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn stored(outcome: Result<Outcome, Close>) -> Published {
    match outcome.unwrap() {
        Outcome::Stored(published) => published,
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_many_at_once_each_has_its_own_outcome() {
    for sync in [SyncPolicy::None, SyncPolicy::Full] {
        let Fixture { line, _crew, _directory } = fixture(sync);
        let bodies: Vec<_> = (0..100_u8).map(|index| vec![index; 1000]).collect();
        let outcomes = wait(async {
            let tasks: Vec<_> = (bodies.iter().cloned().enumerate())
                .map(|(index, body)| {
                    let line = Arc::clone(&line);
                    let write = if index % 10 == 3 { named(b"other") } else { named(&body) };
                    tokio::spawn(async move { line.store(write, body, None).await })
                })
                .collect();
            let mut outcomes = Vec::new();
            for task in tasks {
                outcomes.push(task.await.unwrap());
            }
            outcomes
        });
        for (index, (outcome, body)) in outcomes.into_iter().zip(&bodies).enumerate() {
            if index % 10 == 3 {
                assert!(matches!(outcome, Ok(Outcome::Refused(Refusal::Mismatch { .. }))), "{index}");
                continue;
            }
            let published = stored(outcome);
            assert_eq!(published.digest, digest(body));
            assert_eq!(line.store.blob(&published.digest).unwrap().unwrap().size(), 1000);
        }
        assert!(!line.store.has(&digest(b"other")).unwrap());
    }
}

#[test]
fn a_blob_that_is_here_is_so_whatever_is_sent_and_whoever_wanted_it_new_is_refused() {
    for sync in [SyncPolicy::None, SyncPolicy::Full] {
        let Fixture { line, _crew, _directory } = fixture(sync);
        let write = named(b"right");
        assert_eq!(stored(wait(line.store(write, b"right".to_vec(), None))).outcome, PublishOutcome::New);
        for body in [b"right", b"wrong"] {
            let again = stored(wait(line.store(write, body.to_vec(), None)));
            assert_eq!(again.outcome, PublishOutcome::AlreadyPresent);
            let new = wait(line.store(Write { if_present: false, ..write }, body.to_vec(), None));
            assert!(matches!(new, Ok(Outcome::Refused(Refusal::PreconditionFailed { .. }))));
        }
    }
}

#[test]
fn a_thread_that_panics_has_a_successor() {
    let Fixture { line, _crew, _directory } = fixture(SyncPolicy::Full);
    // What is larger than a segment is none of its business.
    let huge =
        Write { name: Name::Found(Algorithm::Sha256), door: Door::Blobs, if_present: true, if_absent: true };
    for _ in 0..10 {
        assert!(wait(line.store(huge, vec![0; (4 << 20) + 1], None)).is_err());
    }
    assert_eq!(stored(wait(line.store(named(b"small"), b"small".to_vec(), None))).size, 5);
}

#[test]
fn however_many_blobs_wait_other_jobs_have_their_turn() {
    for (sync, count) in [(SyncPolicy::Full, 4), (SyncPolicy::None, 400)] {
        let Fixture { line, _crew, _directory } = with_crew(sync, Crew::new("writer", 1).unwrap(), 1);
        wait(async {
            let gate = busy(&line);
            let tasks = queued(&line, count).await;
            let look = Arc::clone(&line);
            let other = line.workers.run(move || look.waiting().blobs.len());
            drop(gate);
            let left = other.await.unwrap();
            assert!(0 < left && left < count as usize, "{sync:?}: {left}");
            for task in tasks {
                assert_eq!(stored(task.await.unwrap()).size, 4);
            }
        });
    }
}

#[test]
fn where_as_many_wait_as_may_one_more_is_refused_at_once_and_those_are_stored() {
    for sync in [SyncPolicy::None, SyncPolicy::Full] {
        let Fixture { line, _crew, _directory } = with_room(sync, Crew::new("writer", 1).unwrap(), 1, 40);
        wait(async {
            let gate = busy(&line);
            let tasks = queued(&line, 40).await;
            let refused = line.store(named(b"late"), b"late".to_vec(), None).await;
            assert!(matches!(refused, Ok(Outcome::Refused(Refusal::Overloaded))), "{refused:?}");
            drop(gate);
            for task in tasks {
                assert_eq!(stored(task.await.unwrap()).size, 4);
            }
            assert_eq!(stored(line.store(named(b"late"), b"late".to_vec(), None).await).size, 4);
        });
    }
}

#[test]
fn what_nobody_waits_for_any_more_is_not_stored() {
    for sync in [SyncPolicy::None, SyncPolicy::Full] {
        let Fixture { line, _crew, _directory } = with_crew(sync, Crew::new("writer", 1).unwrap(), 1);
        wait(async {
            let gate = busy(&line);
            let mut tasks = queued(&line, 40).await;
            let last = tasks.pop().unwrap();
            for gone in tasks {
                gone.abort();
                assert!(gone.await.unwrap_err().is_cancelled());
            }
            drop(gate);
            assert_eq!(stored(last.await.unwrap()).digest, digest(&39_u32.to_le_bytes()));
        });
        for gone in 0..39_u32 {
            assert!(!line.store.has(&digest(&gone.to_le_bytes())).unwrap(), "{sync:?}: {gone}");
        }
    }
}

#[test]
fn a_thread_that_cannot_be_had_does_not_count() {
    // No thread can have that name.
    let Fixture { line, _crew, _directory } = with_crew(SyncPolicy::Full, Crew::new("\0", 1).unwrap(), 1);
    for _ in 0..3 {
        let store = AssertUnwindSafe(|| wait(line.store(named(b"small"), b"small".to_vec(), None)));
        assert!(catch_unwind(store).is_err());
        assert_eq!(line.waiting().thread_count, 0);
    }
}
