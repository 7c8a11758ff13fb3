use std::sync::mpsc;
use std::thread;

use super::*;

#[test]
fn a_job_that_is_alone_is_a_round_of_its_own() {
    let committer = Committer::new();
    assert_eq!(committer.commit(1, |round| round.iter().map(|job| job * 10).collect()), 10);
    assert_eq!(committer.commit(2, |round| round.iter().map(|job| job * 10).collect()), 20);
}

#[test]
fn those_who_come_during_a_round_share_the_next_one() {
    let committer = Committer::new();
    let (began, first_round) = mpsc::channel();
    let (go_on, held) = mpsc::channel::<()>();
    let sizes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let (committer, sizes) = (&committer, &sizes);
        let first = scope.spawn(move || {
            committer.commit(0, |round| {
                began.send(()).expect("the test listens");
                held.recv().expect("the test goes on");
                lock(sizes).push(round.len());
                round
            })
        });
        first_round.recv().expect("the first round begins");
        let later: Vec<_> = (1..=5)
            .map(|job| {
                scope.spawn(move || {
                    committer.commit(job, |round| {
                        lock(sizes).push(round.len());
                        round
                    })
                })
            })
            .collect();
        while committer.waiting_count() < later.len() {
            thread::yield_now();
        }
        go_on.send(()).expect("the first round waits");
        assert_eq!(first.join().expect("no panic"), 0);
        for (job, later) in (1..).zip(later) {
            assert_eq!(later.join().expect("no panic"), job, "everybody gets the outcome of their own job");
        }
    });
    assert_eq!(*lock(&sizes), [1, 5]);
}

#[test]
fn a_round_that_panics_keeps_nobody_waiting() {
    let committer = Committer::<u32, u32>::new();
    let first = thread::scope(|scope| scope.spawn(|| committer.commit(1, |_| panic!("on purpose"))).join());
    assert!(first.is_err());
    assert_eq!(committer.commit(2, |round| round), 2);
}
