use std::time::Duration;

use aqueduct_blob::{Algorithm, Digest};
use aqueduct_wire::native::{Ask, TaskId};
use tokio::time::timeout;

use super::*;

/// Time stands still in these tests as long as there is anything to do: this passes once there is not.
const IDLE: Duration = Duration::from_secs(1);

fn question(task: u64, weight: usize) -> Question {
    let digests = vec![Digest::new(Algorithm::Sha256, [0; 32]); weight];
    Question { task: TaskId(task), ask: Ask::Has { digests } }
}

#[test]
fn what_waits_is_bounded_by_what_it_weighs() {
    let (doubtful, _line) = line();
    for task in 0..64 {
        doubtful.push(question(task, QUESTION_WEIGHT)).expect("there is room");
    }
    assert!(doubtful.push(question(64, 1)).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_few_are_answered_at_once_and_the_others_after_them() {
    let (doubtful, line) = line();
    for task in 0..4 {
        doubtful.push(question(task, 1)).expect("there is room");
    }
    let (began, mut begun) = unbounded_channel();
    let turns = Arc::new(Semaphore::new(0));
    let answer = |question: Question| {
        let (began, turns) = (began.clone(), Arc::clone(&turns));
        async move {
            began.send(question.task.0).expect("the test listens");
            turns.acquire().await.expect("nobody closes it").forget();
        }
    };
    let watch = async {
        assert_eq!((begun.recv().await, begun.recv().await), (Some(0), Some(1)));
        assert!(timeout(IDLE, begun.recv()).await.is_err(), "as many as there may be are under way");
        turns.add_permits(1);
        assert_eq!(begun.recv().await, Some(2));
    };
    tokio::select! {
        never = line.work_off(answer) => match never {},
        () = watch => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_lets_go_of_whatever_waits_for_it() {
    let (doubtful, line) = line();
    for task in 0..4 {
        doubtful.push(question(task, QUESTION_WEIGHT)).expect("there is room");
    }
    let hash_for_ever = |question| async move {
        future::pending::<()>().await;
        drop(question);
    };
    assert!(timeout(IDLE, line.work_off(hash_for_ever)).await.is_err());
    let all = u32::try_from(WEIGHT_MAX).expect("few enough");
    assert!(timeout(IDLE, doubtful.room.acquire_many(all)).await.is_ok(), "some are held still");
}
