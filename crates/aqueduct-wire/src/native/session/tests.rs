use aqueduct_blob::{Algorithm, UploadId};
use proptest::prelude::*;

use super::super::{Get, sample};
use super::*;

#[test]
fn hello_comes_first() {
    for ask in [Ask::Stat { digest: digest() }, Ask::Put(put(None)), Ask::Cancel, bad()] {
        let closing = Session::new().take(request(1, ask), 0).unwrap_err();
        assert_eq!(closing.code, Code::NoHello);
    }
}

#[test]
fn hello_is_passed_on() {
    let hello = Hello { agent: "a test".to_owned(), ..Hello::default() };
    let turn = Session::new().take(request(0, Ask::Hello(hello.clone())), 0);
    assert_eq!(turn, Ok(Turn::Hello(hello)));
}

#[test]
fn a_second_hello_closes() {
    assert_eq!(closes(&mut greeted(), 0, Ask::Hello(Hello::default())), Code::HelloTwice);
}

#[test]
fn a_hello_of_a_task_closes() {
    assert_eq!(closes(&mut Session::new(), 1, Ask::Hello(Hello::default())), Code::WrongState);
}

#[test]
fn task_0_has_nothing_but_a_hello() {
    for ask in [Ask::Stat { digest: digest() }, Ask::Put(put(None)), Ask::Cancel, bad()] {
        assert_eq!(closes(&mut greeted(), 0, ask), Code::WrongState);
    }
}

#[test]
fn questions_begin_tasks_and_are_passed_on() {
    let questions = [
        Ask::Get(Get { digest: digest(), ranges: Vec::new(), checkpoints: false, list_only: false }),
        Ask::Has { digests: vec![digest()] },
        Ask::Stat { digest: digest() },
        Ask::List { after: None, limit: 1 },
        Ask::Remove { digest: digest() },
        Ask::ListUploads { after: None, limit: 1 },
        Ask::DropUpload { upload: UploadId::new([0; 16]) },
    ];
    let mut session = greeted();
    for (task, ask) in (1..).zip(questions) {
        let turn = session.take(request(task, ask.clone()), 0);
        assert_eq!(turn, Ok(Turn::Begin { task: TaskId(task), ask }));
        assert_eq!(session.task_count(), usize::try_from(task).unwrap());
    }
    assert!(!session.has_open_puts());
}

#[test]
fn ids_grow_and_may_leave_gaps() {
    let mut session = greeted();
    begin(&mut session, 5);
    begin(&mut session, u64::MAX);
    assert_eq!(session.task_count(), 2);
}

#[test]
fn an_id_that_is_not_larger_than_all_before_closes() {
    for task in [1, 4, 5] {
        let mut session = greeted();
        begin(&mut session, 5);
        session.end(TaskId(5));
        assert_eq!(closes(&mut session, task, Ask::Stat { digest: digest() }), Code::DuplicateTask);
        let mut session = greeted();
        begin(&mut session, 5);
        assert_eq!(closes(&mut session, task, Ask::Put(put(None))), Code::DuplicateTask);
    }
}

#[test]
fn what_is_said_of_a_task_that_has_not_begun_closes() {
    for ask in pieces() {
        let mut session = greeted();
        begin(&mut session, 5);
        assert_eq!(closes(&mut session, 6, ask), Code::WrongState);
    }
}

#[test]
fn what_is_said_of_a_task_that_has_ended_is_skipped() {
    let mut session = greeted();
    begin(&mut session, 5);
    session.end(TaskId(5));
    for ask in pieces() {
        assert_eq!(session.take(request(5, ask), 0), Ok(Turn::Skip { len: 0 }));
    }
    // 3 has never begun; a larger one has, so it never will.
    for task in [3, 5] {
        assert_eq!(session.take(request(task, Ask::Data { offset: 7 }), 9), Ok(Turn::Skip { len: 9 }));
    }
}

#[test]
fn a_question_takes_nothing_but_a_cancel() {
    for ask in pieces().into_iter().filter(|ask| *ask != Ask::Cancel) {
        let mut session = greeted();
        begin(&mut session, 1);
        assert_eq!(closes(&mut session, 1, ask), Code::WrongState);
    }
}

#[test]
fn a_cancel_is_passed_on_once_and_ends_nothing_by_itself() {
    let mut session = greeted();
    begin(&mut session, 1);
    assert_eq!(session.take(request(1, Ask::Cancel), 0), Ok(Turn::Cancel { task: TaskId(1) }));
    assert_eq!(session.take(request(1, Ask::Cancel), 0), Ok(Turn::Skip { len: 0 }));
    assert_eq!(session.task_count(), 1);
    session.end(TaskId(1));
    assert_eq!(session.task_count(), 0);
}

#[test]
fn what_is_said_after_a_cancel_is_skipped() {
    for put in [put(None), put(Some(10)), upload(10)] {
        let mut session = greeted();
        begin_put(&mut session, 1, put, 0);
        session.take(request(1, Ask::Cancel), 0).unwrap();
        assert!(!session.has_open_puts());
        for ask in pieces() {
            assert_eq!(session.take(request(1, ask), 0), Ok(Turn::Skip { len: 0 }));
        }
    }
}

#[test]
fn one_task_too_many_is_refused_and_the_others_go_on() {
    let mut session = greeted();
    for task in 1..=TASK_COUNT_MAX as u64 {
        begin(&mut session, task);
    }
    let next = TASK_COUNT_MAX as u64 + 1;
    assert_eq!(refuses(&mut session, next, Ask::Stat { digest: digest() }, 0), (Code::Busy, 0));
    assert_eq!(refuses(&mut session, next + 1, Ask::Put(put(None)), 3), (Code::Busy, 3));
    assert_eq!(session.task_count(), TASK_COUNT_MAX);
    // The bytes that were on their way to the refused one.
    let late = session.take(request(next + 1, Ask::Data { offset: 3 }), 4);
    assert_eq!(late, Ok(Turn::Skip { len: 4 }));
    session.end(TaskId(1));
    begin(&mut session, next + 2);
}

#[test]
fn a_bad_message_refuses_the_task_it_would_have_begun() {
    let mut session = greeted();
    assert_eq!(refuses(&mut session, 3, bad(), 5), (Code::UnknownMessage, 5));
    assert_eq!(session.task_count(), 0);
    assert_eq!(session.take(request(3, Ask::Data { offset: 0 }), 5), Ok(Turn::Skip { len: 5 }));
    assert_eq!(closes(&mut session, 3, Ask::Stat { digest: digest() }), Code::DuplicateTask);
}

#[test]
fn a_bad_message_ends_the_task_it_is_of() {
    let mut session = greeted();
    begin_put(&mut session, 3, put(None), 0);
    assert_eq!(refuses(&mut session, 3, bad(), 5), (Code::UnknownMessage, 5));
    assert_eq!(session.task_count(), 0);
}

#[test]
fn a_bad_message_of_a_task_that_has_ended_is_skipped() {
    let mut session = greeted();
    begin(&mut session, 3);
    session.end(TaskId(3));
    assert_eq!(session.take(request(3, bad()), 5), Ok(Turn::Skip { len: 5 }));
}

#[test]
fn a_bad_message_of_a_task_that_listens_no_more_is_skipped() {
    let mut session = greeted();
    begin(&mut session, 1);
    begin_put(&mut session, 2, put(Some(3)), 3);
    begin_put(&mut session, 3, put(None), 0);
    session.take(request(3, Ask::Cancel), 0).unwrap();
    for task in [1, 2, 3] {
        assert_eq!(session.take(request(task, bad()), 5), Ok(Turn::Skip { len: 5 }));
    }
    assert_eq!(session.task_count(), 3);
}

#[test]
fn what_comes_for_a_task_that_is_answered_is_skipped() {
    for put in [put(None), put(Some(10)), upload(10)] {
        let mut session = greeted();
        begin_put(&mut session, 1, put, 0);
        assert!(session.answered(TaskId(1)));
        assert!(!session.has_open_puts());
        for ask in pieces() {
            assert_eq!(session.take(request(1, ask), 0), Ok(Turn::Skip { len: 0 }));
        }
        assert_eq!(session.take(request(1, Ask::Data { offset: 77 }), 5), Ok(Turn::Skip { len: 5 }));
        assert_eq!(session.take(request(1, bad()), 5), Ok(Turn::Skip { len: 5 }));
        assert_eq!(session.task_count(), 1);
        session.end(TaskId(1));
        assert_eq!(session.task_count(), 0);
    }
}

#[test]
fn a_task_is_answered_once() {
    let mut session = greeted();
    begin_put(&mut session, 1, put(None), 0);
    assert!(session.answered(TaskId(1)));
    assert!(!session.answered(TaskId(1)));
    session.end(TaskId(1));
    assert!(!session.answered(TaskId(1)));
}

#[test]
fn what_is_refused_here_is_answered_by_that() {
    let mut session = greeted();
    begin_put(&mut session, 1, upload(10), 0);
    session.take(request(1, Ask::End { digest: None }), 0).unwrap();
    assert_eq!(piece(&mut session, 1, 10, 1), Err((Code::BadOffset, 1)));
    assert!(!session.answered(TaskId(1)), "whoever ends the upload is too late");
}

#[test]
fn a_task_that_was_cancelled_is_still_answered() {
    let mut session = greeted();
    begin(&mut session, 1);
    session.take(request(1, Ask::Cancel), 0).unwrap();
    assert!(session.answered(TaskId(1)));
}

#[test]
fn a_payload_where_there_is_none_closes() {
    let mut questions = pieces();
    questions.retain(|ask| !matches!(ask, Ask::Data { .. }));
    questions.extend([
        Ask::Stat { digest: digest() },
        Ask::Get(Get { digest: digest(), ranges: Vec::new(), checkpoints: false, list_only: false }),
        Ask::Put(upload(10)),
        Ask::Hello(Hello::default()),
    ]);
    for ask in questions {
        let closing = greeted().take(request(1, ask), 1).unwrap_err();
        assert_eq!(closing.code, Code::UnexpectedPayload);
    }
}

#[test]
fn a_put_with_all_its_bytes_is_whole_at_once() {
    for len in [0, 1, 4096] {
        let mut session = greeted();
        let turn = session.take(request(1, Ask::Put(put(Some(len)))), len);
        let expected = Turn::BeginPut { task: TaskId(1), put: put(Some(len)), len, is_whole: true };
        assert_eq!(turn, Ok(expected));
        assert!(!session.has_open_puts());
        assert_eq!(session.task_count(), 1);
    }
}

#[test]
fn a_put_of_a_known_size_is_whole_with_its_last_byte() {
    let mut session = greeted();
    begin_put(&mut session, 1, put(Some(10)), 3);
    assert!(session.has_open_puts());
    assert_eq!(piece(&mut session, 1, 3, 6), Ok((6, false)));
    assert_eq!(piece(&mut session, 1, 9, 1), Ok((1, true)));
    assert!(!session.has_open_puts());
}

#[test]
fn what_comes_after_a_whole_put_is_skipped() {
    let mut session = greeted();
    begin_put(&mut session, 1, put(Some(3)), 3);
    assert_eq!(session.take(request(1, Ask::End { digest: None }), 0), Ok(Turn::Skip { len: 0 }));
    assert_eq!(session.take(request(1, Ask::Data { offset: 3 }), 1), Ok(Turn::Skip { len: 1 }));
}

#[test]
fn a_whole_put_can_be_cancelled_until_it_is_answered() {
    let mut session = greeted();
    begin_put(&mut session, 1, put(Some(3)), 3);
    assert_eq!(session.take(request(1, Ask::Cancel), 0), Ok(Turn::Cancel { task: TaskId(1) }));
}

#[test]
fn a_put_of_an_unknown_size_ends_when_it_says_so() {
    let mut session = greeted();
    begin_put(&mut session, 1, put(None), 0);
    assert_eq!(piece(&mut session, 1, 0, 5), Ok((5, false)));
    let end = Ask::End { digest: Some(digest()) };
    let turn = session.take(request(1, end.clone()), 0);
    assert_eq!(turn, Ok(Turn::End { task: TaskId(1), digest: Some(digest()) }));
    assert!(!session.has_open_puts());
    assert_eq!(session.take(request(1, end), 0), Ok(Turn::Skip { len: 0 }));
}

#[test]
fn bytes_of_a_plain_put_go_on_where_the_others_ended() {
    for offset in [0, 2, 4] {
        let mut session = greeted();
        begin_put(&mut session, 1, put(Some(10)), 3);
        assert_eq!(piece(&mut session, 1, offset, 1), Err((Code::BadOffset, 1)));
        assert_eq!(session.task_count(), 0);
    }
}

#[test]
fn more_bytes_than_were_said_are_refused() {
    let mut session = greeted();
    assert_eq!(refuses(&mut session, 1, Ask::Put(put(Some(3))), 4), (Code::SizeMismatch, 4));
    begin_put(&mut session, 2, put(Some(3)), 2);
    assert_eq!(piece(&mut session, 2, 2, 2), Err((Code::SizeMismatch, 2)));
    assert_eq!(session.task_count(), 0);
}

#[test]
fn fewer_bytes_than_were_said_are_refused() {
    let mut session = greeted();
    begin_put(&mut session, 1, put(Some(3)), 2);
    let end = Ask::End { digest: None };
    assert_eq!(refuses(&mut session, 1, end, 0), (Code::SizeMismatch, 0));
    assert_eq!(session.task_count(), 0);
}

#[test]
fn no_bytes_at_all_say_nothing() {
    let mut session = greeted();
    begin_put(&mut session, 1, put(None), 3);
    begin_put(&mut session, 2, upload(3), 0);
    assert_eq!(session.take(request(1, Ask::Data { offset: 3 }), 0), Ok(Turn::Skip { len: 0 }));
    assert_eq!(session.take(request(2, Ask::Data { offset: 3 }), 0), Ok(Turn::Skip { len: 0 }));
    assert_eq!(piece(&mut session, 1, 3, 1), Ok((1, false)));
    assert_eq!(session.task_count(), 2);
}

#[test]
fn a_plain_put_takes_no_checkpoints_and_is_not_left() {
    for ask in [Ask::Leave, Ask::Checkpoints { first: 0, entries: Vec::new() }] {
        for size in [None, Some(10)] {
            let mut session = greeted();
            begin_put(&mut session, 1, put(size), 0);
            assert_eq!(closes(&mut session, 1, ask.clone()), Code::WrongState);
        }
    }
}

#[test]
fn the_segments_of_an_upload_come_in_any_order() {
    let size = 3 * SEGMENT_LEN;
    let mut session = greeted();
    begin_put(&mut session, 1, upload(size), 0);
    for offset in [2 * SEGMENT_LEN, 0, SEGMENT_LEN, 0] {
        assert_eq!(piece(&mut session, 1, offset, SEGMENT_LEN), Ok((SEGMENT_LEN, false)));
    }
    assert!(session.has_open_puts());
}

#[test]
fn bytes_of_an_upload_lie_within_one_segment() {
    for (offset, len) in [(SEGMENT_LEN - 1, 2), (1, SEGMENT_LEN), (0, 2 * SEGMENT_LEN)] {
        let mut session = greeted();
        begin_put(&mut session, 1, upload(3 * SEGMENT_LEN), 0);
        assert_eq!(piece(&mut session, 1, offset, len), Err((Code::BadOffset, len)));
    }
}

#[test]
fn bytes_of_an_upload_lie_within_its_size() {
    for (offset, len) in [(10, 1), (9, 2), (11, 0), (u64::MAX, 1), (u64::MAX, 0)] {
        let mut session = greeted();
        begin_put(&mut session, 1, upload(10), 0);
        assert_eq!(piece(&mut session, 1, offset, len), Err((Code::BadOffset, len)));
    }
}

#[test]
fn checkpoints_of_an_upload_are_passed_on() {
    let mut session = greeted();
    begin_put(&mut session, 1, upload(10), 0);
    let (first, entries) = (7, vec![[1; 32], [2; 32]]);
    let turn = session.take(request(1, Ask::Checkpoints { first, entries: entries.clone() }), 0);
    assert_eq!(turn, Ok(Turn::Checkpoints { task: TaskId(1), first, entries }));
}

#[test]
fn an_upload_goes_on_after_its_end_because_something_may_be_asked_for_again() {
    let mut session = greeted();
    begin_put(&mut session, 1, upload(10), 0);
    for _ in 0..2 {
        let turn = session.take(request(1, Ask::End { digest: None }), 0);
        assert_eq!(turn, Ok(Turn::End { task: TaskId(1), digest: None }));
        assert_eq!(piece(&mut session, 1, 0, 10), Ok((10, false)));
    }
}

#[test]
fn what_comes_after_an_upload_was_left_is_skipped() {
    let mut session = greeted();
    begin_put(&mut session, 1, upload(10), 0);
    assert_eq!(session.take(request(1, Ask::Leave), 0), Ok(Turn::Leave { task: TaskId(1) }));
    assert!(!session.has_open_puts());
    assert_eq!(session.take(request(1, Ask::Data { offset: 0 }), 10), Ok(Turn::Skip { len: 10 }));
}

#[test]
fn a_closing_is_an_answer_of_task_0() {
    let closing = Closing::from(FrameError::BadPreamble);
    let say = Say::Closing { code: Code::BadPreamble, message: closing.message.clone() };
    assert_eq!(Answer::from(closing), Answer { task: TaskId::CONNECTION, say });
}

proptest! {
    #[test]
    fn whatever_is_said_every_byte_is_spoken_for(
        frames in proptest::collection::vec((0..4_u64, sample::ask(), 0..20_u64, any::<bool>()), 1..40),
    ) {
        let mut session = greeted();
        for (task, ask, len, ends) in frames {
            match session.take(request(task, ask), len) {
                Ok(turn) => prop_assert_eq!(spoken_for(&turn), len),
                Err(_) => break,
            }
            if ends {
                session.end(TaskId(task));
            }
            prop_assert!(session.task_count() <= 3);
        }
    }
}

fn spoken_for(turn: &Turn) -> u64 {
    match turn {
        Turn::BeginPut { len, .. } | Turn::Data { len, .. } | Turn::Skip { len } => *len,
        Turn::Refuse { skip, .. } => *skip,
        _ => 0,
    }
}

fn greeted() -> Session {
    let mut session = Session::new();
    session.take(request(0, Ask::Hello(Hello::default())), 0).unwrap();
    session
}

fn begin(session: &mut Session, task: u64) {
    let turn = session.take(request(task, Ask::Stat { digest: digest() }), 0).unwrap();
    assert!(matches!(turn, Turn::Begin { .. }), "{turn:?}");
}

fn begin_put(session: &mut Session, task: u64, put: Put, len: u64) {
    let turn = session.take(request(task, Ask::Put(put)), len).unwrap();
    assert!(matches!(turn, Turn::BeginPut { .. }), "{turn:?}");
}

/// The length and whether it was the last, or the code and what is to be skipped.
fn piece(session: &mut Session, task: u64, at: u64, payload_len: u64) -> Result<(u64, bool), (Code, u64)> {
    match session.take(request(task, Ask::Data { offset: at }), payload_len).unwrap() {
        Turn::Data { task: told, offset, len, is_last } => {
            assert_eq!((told, offset), (TaskId(task), at));
            Ok((len, is_last))
        }
        Turn::Refuse { code, skip, .. } => Err((code, skip)),
        other => panic!("{other:?} is no piece"),
    }
}

fn closes(session: &mut Session, task: u64, ask: Ask) -> Code {
    session.take(request(task, ask), 0).unwrap_err().code
}

fn refuses(session: &mut Session, task: u64, ask: Ask, payload_len: u64) -> (Code, u64) {
    match session.take(request(task, ask), payload_len).unwrap() {
        Turn::Refuse { task: told, code, skip, .. } => {
            assert_eq!(told, TaskId(task));
            (code, skip)
        }
        other => panic!("{other:?} is no refusal"),
    }
}

/// Everything that is said of a task that has begun.
fn pieces() -> Vec<Ask> {
    vec![
        Ask::Data { offset: 0 },
        Ask::Checkpoints { first: 0, entries: vec![[0; 32]] },
        Ask::End { digest: None },
        Ask::Leave,
        Ask::Cancel,
    ]
}

fn bad() -> Ask {
    Ask::Bad { code: Code::UnknownMessage, message: "?".to_owned() }
}

fn put(size: Option<u64>) -> Put {
    Put { algorithm: Algorithm::Sha256, digest: None, size, upload: None }
}

fn upload(size: u64) -> Put {
    Put { upload: Some(UploadId::new([7; 16])), ..put(Some(size)) }
}

fn request(task: u64, ask: Ask) -> Request {
    Request { task: TaskId(task), ask }
}

fn digest() -> Digest {
    Digest::new(Algorithm::Sha256, [1; 32])
}
