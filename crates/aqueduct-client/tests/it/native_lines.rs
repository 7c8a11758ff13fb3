//! Lines of the native protocol: greeted, kept, damaged, closed, silent.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use aqueduct_client::{ErrorKind, Options};
use aqueduct_wire::native::{Answer, Ask, Code, Say, TaskId, greeting};

use crate::peer::{Peer, Talk, digest_of, quick, talk};
use crate::speaker::{speak, welcome};

fn stat() -> Ask {
    Ask::Stat { digest: digest_of(b"abc") }
}

fn described() -> Say {
    Say::Described { size: 3, published: 0, checkpoint_count: 0 }
}

fn answer(talk: &mut Talk) {
    let task = talk.hear_ask(&stat());
    talk.tell(task, described());
}

#[test]
fn a_token_goes_with_the_hello_and_nothing_is_waited_for() {
    let peer = Peer::new(vec![talk(|talk| {
        // All of it is there before the peer says a word.
        talk.hear_body(8);
        let (hello, _) = talk.hear_frame();
        let Ask::Hello(hello) = hello.ask else { panic!("no Hello") };
        assert_eq!(hello.token.as_deref(), Some("s3cret"));
        let task = talk.hear_ask(&stat());
        talk.say(greeting());
        talk.tell(TaskId::CONNECTION, welcome());
        talk.tell(task, described());
    })]);
    let options = Options { token: Some("s3cret".parse().unwrap()), ..quick() };
    assert_eq!(peer.native_client_with(options).size(&digest_of(b"abc")).unwrap(), Some(3));
    peer.finish();
}

#[test]
fn a_line_is_kept_and_replaced_where_it_was_closed() {
    // The first is closed while it is kept; the second after the next question was heard, when nobody can know it yet.
    let peer = Peer::new(vec![
        speak(|talk| {
            answer(talk);
            answer(talk);
        }),
        speak(|talk| {
            answer(talk);
            talk.hear_ask(&stat());
        }),
        speak(answer),
    ]);
    let client = peer.native_client();
    for _ in 0..4 {
        assert_eq!(client.size(&digest_of(b"abc")).unwrap(), Some(3));
    }
    peer.finish();
}

#[test]
fn who_does_not_speak_so_is_told_apart() {
    let http = || {
        talk(|talk| {
            talk.hear_some();
            talk.say("HTTP/1.1 400 Bad Request\r\n\r\n");
        })
    };
    let newer = || {
        talk(|talk| {
            let mut greeting = greeting();
            greeting[7] = 2;
            talk.say(greeting);
            talk.hear_all();
        })
    };
    for conversations in [vec![http(), http(), http()], vec![newer(), newer(), newer()]] {
        let peer = Peer::new(conversations);
        let began = Instant::now();
        let error = peer.native_client().size(&digest_of(b"abc")).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Protocol, false), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(10), "it is not waited for");
        peer.finish();
    }
}

#[test]
fn what_is_damaged_on_its_way_costs_one_reconnect() {
    for damaged in 0..42 {
        let peer = Peer::new(vec![
            speak(move |talk| {
                let task = talk.hear_ask(&stat());
                let mut frame = Vec::new();
                Answer { task, say: described() }.write(0, &mut frame);
                let place = damaged % frame.len();
                frame[place] ^= 1 << (damaged % 8);
                talk.say(frame);
                talk.hear_all();
            }),
            speak(answer),
        ]);
        assert_eq!(peer.native_client().size(&digest_of(b"abc")).unwrap(), Some(3));
        peer.finish();
    }
    // What the server found damaged, it says.
    let peer = Peer::new(vec![
        speak(|talk| {
            talk.hear_frame();
            let message = "the header does not agree with its check".to_owned();
            talk.tell(TaskId::CONNECTION, Say::Closing { code: Code::BadHeader, message });
        }),
        speak(answer),
    ]);
    assert_eq!(peer.native_client().size(&digest_of(b"abc")).unwrap(), Some(3));
    peer.finish();
}

#[test]
fn a_closing_is_the_error_in_the_servers_words() {
    for (code, kind) in [
        (Code::NoHello, ErrorKind::Protocol),
        (Code::WrongState, ErrorKind::Protocol),
        (Code::NeedsToken, ErrorKind::Refused),
        (Code::Unknown(99), ErrorKind::Protocol),
    ] {
        let peer = Peer::new(vec![speak(move |talk| {
            talk.hear_frame();
            let message = "Not so\u{1b}[2J.".to_owned();
            talk.tell(TaskId::CONNECTION, Say::Closing { code, message });
        })]);
        let error = peer.native_client().size(&digest_of(b"abc")).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (kind, false), "{code}");
        assert!(error.to_string().ends_with("Not so[2J."), "{error}");
        peer.finish();
    }
}

#[test]
fn a_server_that_stops_or_is_busy_is_asked_again() {
    let closing = |talk: &mut Talk| {
        talk.hear_frame();
        talk.tell(TaskId::CONNECTION, Say::Closing { code: Code::Stopped, message: String::new() });
    };
    let busy = |talk: &mut Talk| {
        let task = talk.hear_ask(&stat());
        talk.tell(task, Say::Refused { code: Code::Busy, message: "Later.".to_owned(), actual: None });
    };
    let peer = Peer::new(vec![speak(closing), speak(busy), speak(answer)]);
    assert_eq!(peer.native_client().size(&digest_of(b"abc")).unwrap(), Some(3));
    peer.finish();
    let peer = Peer::new(vec![speak(busy), speak(busy), speak(busy), speak(busy)]);
    let error = peer.native_client().size(&digest_of(b"abc")).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Server, true));
    assert!(error.to_string().ends_with("Later."), "{error}");
    peer.finish();
}

#[test]
fn answers_that_make_no_sense_are_protocol_errors() {
    let rude: [fn(&mut Talk, TaskId); 6] = [
        // Of a task that was never begun.
        |talk, task| talk.tell(TaskId(task.0 + 1), described()),
        |talk, _| talk.tell(TaskId::CONNECTION, described()),
        // To another question.
        |talk, task| talk.tell(task, Say::Removed),
        // Again who it is.
        |talk, _| talk.tell(TaskId::CONNECTION, welcome()),
        // Bytes, where there are none to come.
        |talk, task| talk.tell_bytes(task, 0, 3, b"abc", true),
        |talk, task| {
            let mut frame = Vec::new();
            Answer { task, say: described() }.write(3, &mut frame);
            talk.say(frame);
            talk.say("abc");
        },
    ];
    for (number, rude) in rude.into_iter().enumerate() {
        let peer = Peer::new(vec![speak(move |talk| {
            let task = talk.hear_ask(&stat());
            rude(talk, task);
            talk.hear_all();
        })]);
        let error = peer.native_client().size(&digest_of(b"abc")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{number}: {error:?}");
        peer.finish();
    }
}

#[test]
fn the_first_word_has_to_be_who_it_is() {
    let peer = Peer::new(vec![talk(|talk| {
        talk.say(greeting());
        talk.tell(TaskId(1), described());
        talk.hear_all();
    })]);
    let error = peer.native_client().size(&digest_of(b"abc")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    peer.finish();
}

#[test]
fn silence_and_a_drip_end_in_time() {
    let silent = |talk: &mut Talk| {
        talk.hear_frame();
        talk.hang();
    };
    let dripping = |talk: &mut Talk| {
        let task = talk.hear_ask(&stat());
        let mut frame = Vec::new();
        Answer { task, say: described() }.write(0, &mut frame);
        talk.say(&frame[..frame.len() - 1]);
        talk.hang();
    };
    for peer in [Peer::new(vec![speak(silent)]), Peer::new(vec![speak(dripping)])] {
        let options = Options { answer_timeout: Duration::from_millis(100), retry_count_max: 0, ..quick() };
        let error = peer.native_client_with(options).size(&digest_of(b"abc")).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true));
        peer.finish();
    }
}

#[test]
fn a_question_that_met_with_silence_is_asked_again() {
    let silent = |talk: &mut Talk| {
        talk.hear_frame();
        talk.hang();
    };
    let peer = Peer::new(vec![speak(silent), speak(answer)]);
    let options = Options { answer_timeout: Duration::from_secs(1), ..quick() };
    assert_eq!(peer.native_client_with(options).size(&digest_of(b"abc")).unwrap(), Some(3));
    peer.finish();
}

#[test]
fn a_kept_line_that_has_died_in_silence_is_replaced_before_an_answer_would_be_due() {
    // Two are kept, of which neither answers again: only one of them is tried.
    let both_are_open = Arc::new(Barrier::new(2));
    let count = Arc::new(AtomicU32::new(0));
    let dying = || {
        let (both_are_open, count) = (Arc::clone(&both_are_open), Arc::clone(&count));
        speak(move |talk: &mut Talk| {
            let task = talk.hear_ask(&stat());
            both_are_open.wait();
            talk.tell(task, described());
            while talk.hear_frame_if_any().is_some() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let peer = Peer::new(vec![dying(), dying(), speak(answer)]);
    let (timeout, answer_timeout) = (Duration::from_secs(1), Duration::from_secs(120));
    let client = peer.native_client_with(Options { timeout, answer_timeout, retry_count_max: 0, ..quick() });
    let ask = || assert_eq!(client.size(&digest_of(b"abc")).unwrap(), Some(3));
    thread::scope(|scope| {
        scope.spawn(ask);
        scope.spawn(ask);
    });
    let began = Instant::now();
    ask();
    assert!(began.elapsed() < answer_timeout / 2);
    peer.finish();
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn a_greeting_is_not_waited_for_as_long_as_an_answer() {
    let peer = Peer::new(vec![talk(|talk| talk.hang())]);
    let (timeout, answer_timeout) = (Duration::from_millis(100), Duration::from_secs(60));
    let options = Options { timeout, answer_timeout, retry_count_max: 0, ..quick() };
    let began = Instant::now();
    let error = peer.native_client_with(options).size(&digest_of(b"abc")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(began.elapsed() < answer_timeout / 2);
    peer.finish();
}

#[test]
fn a_kept_line_that_proves_to_be_closed_is_replaced_although_nothing_is_tried_again() {
    let close: fn(&mut Talk) = |talk| {
        talk.hear_ask(&stat());
    };
    // It had been told to stop before the question came.
    let stop: fn(&mut Talk) = |talk| {
        talk.hear_ask(&stat());
        talk.tell(TaskId::CONNECTION, Say::Closing { code: Code::Stopped, message: String::new() });
    };
    for end in [close, stop] {
        let first = speak(move |talk| {
            answer(talk);
            end(talk);
        });
        let peer = Peer::new(vec![first, speak(answer), speak(end)]);
        let client = peer.native_client_with(Options { retry_count_max: 0, ..quick() });
        assert_eq!(client.size(&digest_of(b"abc")).unwrap(), Some(3));
        assert_eq!(client.size(&digest_of(b"abc")).unwrap(), Some(3));
        // A new one that ends so is a failure.
        let client = peer.native_client_with(Options { retry_count_max: 0, ..quick() });
        assert_eq!(client.size(&digest_of(b"abc")).unwrap_err().kind(), ErrorKind::Lost);
        peer.finish();
    }
}
