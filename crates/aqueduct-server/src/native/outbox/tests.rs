use std::iter;

use aqueduct_wire::native::Ask;

use super::*;

fn question(task: u64) -> Question {
    Question { task: TaskId(task), ask: Ask::Leave }
}

fn fill(outbox: &Outbox) {
    let mut task = 0;
    while !outbox.is_full() {
        task += 1;
        outbox.end_with(&mut iter::once((TaskId(task), vec![0; 60 << 10].into())));
    }
}

#[test]
fn what_is_held_for_a_peer_that_does_not_read_is_bounded() {
    let outbox = Outbox::default();
    fill(&outbox);
    assert!(outbox.len() < SAID_LEN_MAX + (64 << 10));
    outbox.postpone(question(100));
    assert!(outbox.take_postponed(1).is_empty(), "there is no room yet");
}

#[test]
fn what_was_postponed_is_taken_up_once_the_peer_has_read() {
    let outbox = Outbox::default();
    fill(&outbox);
    outbox.postpone(question(100));
    outbox.postpone(question(101));
    let batch = outbox.take().expect("there is something to say");
    assert!(outbox.is_full(), "what was taken has not left yet");
    outbox.left(&batch.ended);
    assert_eq!(outbox.take_postponed(1).len(), 2);
    assert!(outbox.take_postponed(1).is_empty(), "once is enough");
}

#[test]
fn the_last_answers_of_tasks_are_told_with_what_leaves() {
    let outbox = Outbox::default();
    outbox.say(TaskId(1), Say::Done);
    outbox.end(TaskId(2), Say::Done);
    let batch = outbox.take().expect("there is something to say");
    assert_eq!(batch.ended, [TaskId(2)]);
    assert!(outbox.take().is_none());
}

#[test]
fn blobs_that_wait_for_others_are_taken_up_as_there_is_room() {
    let outbox = Outbox::default();
    for task in 1..4 {
        outbox.queue(question(task));
    }
    assert!(outbox.take_postponed(0).is_empty());
    let tasks =
        |questions: Vec<Question>| questions.iter().map(|question| question.task.0).collect::<Vec<_>>();
    assert_eq!(tasks(outbox.take_postponed(2)), [1, 2]);
    assert_eq!(tasks(outbox.take_postponed(2)), [3]);
}

#[test]
fn nothing_follows_the_last_frame() {
    let outbox = Outbox::default();
    outbox.close(Say::Closing { code: Code::BadPreamble, message: String::new() });
    let said = outbox.take().expect("there is something to say").said;
    outbox.say(TaskId(1), Say::Done);
    outbox.end(TaskId(2), Say::Done);
    assert!(!said.is_empty() && outbox.take().is_none());
}

#[test]
fn of_many_blobs_only_those_are_said_for_which_there_is_room() {
    let outbox = Outbox::default();
    let mut blobs = (0..100).map(|task| (TaskId(task), vec![0; 60 << 10].into()));
    outbox.end_with(&mut blobs);
    assert!(outbox.is_full() && outbox.len() < SAID_LEN_MAX + (64 << 10));
    let said = outbox.take().expect("there is something to say").ended.len();
    assert_eq!(blobs.count(), 100 - said, "the others are left to be said later");
}
