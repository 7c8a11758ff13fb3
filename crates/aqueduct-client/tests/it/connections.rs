//! Connections that are kept, closed, refused, or silent.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use aqueduct_client::{Client, ErrorKind, Options};

use crate::peer::{Peer, digest_of, quick, talk};

#[test]
fn nobody_listening_is_told_at_once() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::new(format!("http://{address}").parse().unwrap(), Options::default());
    let began = Instant::now();
    let error = client.size(&digest_of(b"abc")).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Connect, true));
    assert!(error.to_string().contains(&address.to_string()));
    assert!(began.elapsed() < Duration::from_secs(5), "a server that was never there is not waited for");
}

#[test]
fn a_name_without_address_is_a_failure_to_connect() {
    let client = Client::new("http://blobs.invalid:7070".parse().unwrap(), quick());
    let error = client.size(&digest_of(b"abc")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
}

#[test]
fn a_kept_connection_that_was_closed_is_replaced() {
    let answer = |talk: &mut crate::peer::Talk| {
        talk.hear_head();
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
    };
    // The first is closed at once; the second after the next request was heard, when the client cannot know it yet.
    let peer = Peer::new(vec![
        talk(answer),
        talk(move |talk| {
            answer(talk);
            talk.hear_head();
        }),
        talk(answer),
    ]);
    let client = peer.client();
    for _ in 0..3 {
        assert_eq!(client.size(&digest_of(b"abc")).unwrap(), Some(3));
    }
    peer.finish();
}

#[test]
fn a_removal_goes_over_a_connection_of_its_own_and_is_never_repeated() {
    let peer = Peer::new(vec![
        talk(|talk| {
            talk.hear_head();
            talk.say("HTTP/1.1 204 No Content\r\n\r\n");
        }),
        // Heard, perhaps done, and never answered.
        talk(|talk| {
            talk.hear_head();
        }),
    ]);
    let client = peer.client();
    assert!(client.remove(&digest_of(b"abc")).unwrap());
    assert_eq!(client.remove(&digest_of(b"abc")).unwrap_err().kind(), ErrorKind::Lost);
    peer.finish();
}

#[test]
fn a_server_that_was_there_is_waited_for_when_nobody_answers_there() {
    let peer = Peer::new(vec![talk(|talk| {
        talk.hear_head();
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n");
    })]);
    let pause = Duration::from_millis(50);
    let client = peer.client_with(Options { pause, retry_count_max: 2, ..quick() });
    let digest = digest_of(b"abc");
    assert_eq!(client.size(&digest).unwrap(), Some(3));
    peer.finish();
    // That it was waited for in vain once is no reason not to wait another time.
    for _ in 0..2 {
        let began = Instant::now();
        assert_eq!(client.size(&digest).unwrap_err().kind(), ErrorKind::Connect);
        // Once, and once more after twice as long.
        assert!(began.elapsed() >= pause * 3, "it was not waited for");
    }
}

#[test]
fn a_question_that_met_with_silence_is_asked_again() {
    let peer = Peer::new(vec![
        talk(|talk| {
            talk.hear_head();
            talk.hang();
        }),
        talk(|talk| {
            talk.hear_head();
            talk.say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
        }),
    ]);
    let client = peer.client_with(Options { answer_timeout: Duration::from_secs(1), ..quick() });
    assert_eq!(client.size(&digest_of(b"abc")).unwrap(), Some(3));
    peer.finish();
}

#[test]
fn a_connection_that_the_server_gives_up_is_not_kept() {
    let close = |talk: &mut crate::peer::Talk| {
        talk.hear_head();
        talk.say("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        talk.hang();
    };
    let peer = Peer::new(vec![talk(close), talk(close)]);
    let client = peer.client();
    assert!(client.remove(&digest_of(b"abc")).unwrap());
    assert!(client.remove(&digest_of(b"abc")).unwrap());
    peer.finish();
}

#[test]
fn bytes_that_nobody_asked_for_are_no_answer_to_the_next_request() {
    let peer = Peer::new(vec![
        talk(|talk| {
            talk.hear_head();
            talk.say("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            talk.hang();
        }),
        talk(|talk| {
            talk.hear_head();
            talk.say("HTTP/1.1 204 No Content\r\n\r\n");
        }),
    ]);
    let client = peer.client();
    assert!(client.remove(&digest_of(b"abc")).unwrap());
    assert!(client.remove(&digest_of(b"abc")).unwrap());
    peer.finish();
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    let peer = Peer::new(vec![talk(|talk| {
        talk.hear_head();
        talk.hang();
    })]);
    let options = Options { answer_timeout: Duration::from_millis(100), retry_count_max: 0, ..quick() };
    let error = peer.client_with(options).size(&digest_of(b"abc")).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true));
    peer.finish();
}

#[test]
fn a_head_that_drips_is_given_up_in_time() {
    let peer = Peer::new(vec![talk(|talk| {
        talk.hear_head();
        // Interim answers are answers to nothing.
        talk.say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 204 No");
        talk.hang();
    })]);
    let options = Options { answer_timeout: Duration::from_millis(100), ..quick() };
    let error = peer.client_with(options).remove(&digest_of(b"abc")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    peer.finish();
}

#[test]
fn an_early_close_is_lost_after_some_tries() {
    let close = || {
        talk(|talk| {
            talk.hear_head();
            talk.say("HTTP/1.1 200");
        })
    };
    let peer = Peer::new(vec![close(), close(), close(), close()]);
    let error = peer.client().size(&digest_of(b"abc")).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Lost, true));
    peer.finish();
}
