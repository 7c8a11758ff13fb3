use aqueduct_wire::native::Ask;

use super::*;

fn question(task: u64) -> Question {
    Question { task: TaskId(task), ask: Ask::Leave }
}

fn fill(outbox: &Outbox) {
    let mut task = 0;
    while !outbox.is_full() {
        task += 1;
        outbox.end_with(TaskId(task), Say::Done, &[0; 60 << 10]);
    }
}

#[test]
fn what_is_held_for_a_peer_that_does_not_read_is_bounded() {
    let outbox = Outbox::default();
    fill(&outbox);
    assert!(outbox.len() < SAID_LEN_MAX + (64 << 10));
    outbox.postpone([question(100)].into_iter());
    assert!(outbox.take_postponed().is_empty(), "there is no room yet");
}

#[test]
fn what_was_postponed_is_taken_up_once_the_peer_has_read() {
    let outbox = Outbox::default();
    fill(&outbox);
    outbox.postpone([question(100), question(101)].into_iter());
    let batch = outbox.take().expect("there is something to say");
    assert!(outbox.is_full(), "what was taken has not left yet");
    outbox.left(&batch.ended);
    assert_eq!(outbox.take_postponed().len(), 2);
    assert!(outbox.take_postponed().is_empty(), "once is enough");
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
