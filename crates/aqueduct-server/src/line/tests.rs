#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_store::{Absent, Options};
use tempfile::TempDir;

use super::*;
use crate::workers::Crew;

struct Fixture {
    line: Arc<Line>,
    _crew: Crew,
    _directory: TempDir,
}

fn fixture(sync: SyncPolicy) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { sync, ..Options::default() };
    let store = Store::open(directory.path(), Absent::Make, options).unwrap();
    let crew = Crew::new("writer", 4).unwrap();
    Fixture { line: Line::new(store, crew.workers(), 4), _crew: crew, _directory: directory }
}

fn digest(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(bytes);
    hasher.finish().digest
}

fn named(bytes: &[u8]) -> Write {
    Write { name: Name::Given(digest(bytes)), if_present: true, if_absent: true }
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
                    tokio::spawn(async move { line.store(write, body).await })
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
        assert_eq!(stored(wait(line.store(write, b"right".to_vec()))).outcome, PublishOutcome::New);
        for body in [b"right", b"wrong"] {
            let again = stored(wait(line.store(write, body.to_vec())));
            assert_eq!(again.outcome, PublishOutcome::AlreadyPresent);
            let new = wait(line.store(Write { if_present: false, ..write }, body.to_vec()));
            assert!(matches!(new, Ok(Outcome::Refused(Refusal::PreconditionFailed { .. }))));
        }
    }
}

#[test]
fn a_thread_that_panics_has_a_successor() {
    let Fixture { line, _crew, _directory } = fixture(SyncPolicy::Full);
    // What is larger than a segment is none of its business.
    let huge = Write { name: Name::Found(Algorithm::Sha256), if_present: true, if_absent: true };
    for _ in 0..10 {
        assert!(wait(line.store(huge, vec![0; (4 << 20) + 1])).is_err());
    }
    assert_eq!(stored(wait(line.store(named(b"small"), b"small".to_vec()))).size, 5);
}
