//! Blobs that go out: known, unknown, streams, and what a server may say in between.

use std::fs::{self, File};
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use aqueduct_blob::Algorithm;
use aqueduct_client::{Client, Error, ErrorKind, Options, Source, Uploaded};
use aqueduct_flow::Route;
use tempfile::NamedTempFile;

use crate::peer::{Conversation, Peer, Talk, digest_of, field, noise, quick, stored, talk};

fn file(bytes: &[u8]) -> NamedTempFile {
    let file = NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::write(file.path(), bytes).unwrap();
    file
}

fn source(file: &NamedTempFile) -> Source {
    Source::new(File::open(file.path()).unwrap()).unwrap()
}

/// Puts bytes under their digest, and checks that progress adds up.
fn put(client: &Client, bytes: &[u8]) -> Result<Uploaded, Error> {
    let mut observed = 0;
    let uploaded = client.put(&digest_of(bytes), &source(&file(bytes)), &mut |len| observed += len)?;
    assert_eq!(observed, uploaded.sent);
    Ok(uploaded)
}

fn put_unnamed(client: &Client, bytes: &[u8]) -> Result<Uploaded, Error> {
    client.put_unnamed(Algorithm::Sha256, &source(&file(bytes)), &mut |_| {})
}

#[test]
fn a_file_goes_out_by_sendfile_with_its_length() {
    let bytes = noise((5 << 20) + 3);
    let expected = bytes.clone();
    let peer = Peer::new(vec![talk(move |talk| {
        for answer in ["201 Created", "200 OK"] {
            let heard = talk.hear();
            assert!(heard.head.starts_with(&format!("PUT /blobs/{} HTTP/1.1\r\n", digest_of(&expected))));
            assert_eq!(field(&heard.head, "expect"), None);
            assert!(heard.body == expected);
            talk.answer(answer, stored(&expected));
        }
    })]);
    let client = peer.client();
    let uploaded = put(&client, &bytes).unwrap();
    assert_eq!((uploaded.digest, uploaded.size), (digest_of(&bytes), bytes.len() as u64));
    assert_eq!((uploaded.is_new, uploaded.sent), (true, bytes.len() as u64));
    assert_eq!(uploaded.carried.by(Route::Sendfile), bytes.len() as u64);
    assert!(!put(&client, &bytes).unwrap().is_new);
    peer.finish();
}

/// An upload and a question at the same time, in whichever order they come.
fn race(
    upload: impl Fn(&mut Talk) + Send + Sync + 'static,
    question: impl Fn(&mut Talk, String) + Send + Sync + 'static,
) -> Vec<Conversation> {
    let both = Arc::new((upload, question));
    let either = || {
        let both = Arc::clone(&both);
        talk(move |talk: &mut Talk| {
            let head = talk.hear_head();
            if head.starts_with("POST /blobs/missing ") {
                let asked = talk.hear_body(field(&head, "content-length").unwrap().parse().unwrap());
                both.1(talk, String::from_utf8(asked).unwrap());
            } else {
                assert!(head.starts_with("POST /blobs?digest=sha256 HTTP/1.1\r\n"), "{head}");
                both.0(talk);
            }
        })
    };
    vec![either(), either()]
}

#[test]
fn an_unknown_file_is_hashed_while_it_is_sent() {
    let bytes = noise(100_000);
    let expected = bytes.clone();
    let upload = move |talk: &mut Talk| {
        assert!(talk.hear_body(100_000) == expected);
        talk.answer("201 Created", stored(&expected));
    };
    // Whether it is asked for meanwhile depends on who is faster.
    let absent = format!(r#"{{"missing":["{}"]}}"#, digest_of(&bytes));
    let peer = Peer::new(race(upload, move |talk, _| talk.answer("200 OK", &absent)));
    let client = peer.client();
    let uploaded = put_unnamed(&client, &bytes).unwrap();
    assert_eq!((uploaded.digest, uploaded.is_new), (digest_of(&bytes), true));
    // Somebody has to come for the last conversation, if nobody did.
    drop(client);
    let _ = peer.client().missing(&[uploaded.digest]);
    peer.finish();
}

#[test]
fn a_file_that_proves_to_be_there_is_not_sent_to_its_end() {
    // More than the sockets between us hold.
    let bytes = noise(64 << 20);
    let digest = digest_of(&bytes);
    let peer = Peer::new(race(Talk::hang, move |talk, asked| {
        assert!(asked.contains(&digest.to_string()));
        talk.answer("200 OK", r#"{"missing":[]}"#);
    }));
    let uploaded = put_unnamed(&peer.client(), &bytes).unwrap();
    assert_eq!((uploaded.digest, uploaded.is_new), (digest, false));
    assert!(uploaded.sent < bytes.len() as u64);
    assert_eq!(uploaded.carried.by(Route::Sendfile), uploaded.sent, "in vain, and counted all the same");
    peer.finish();
}

#[test]
fn a_server_that_cannot_be_asked_gets_everything() {
    let bytes = noise(64 << 20);
    let expected = bytes.clone();
    let (asked, was_asked) = mpsc::channel::<()>();
    let was_asked = Mutex::new(was_asked);
    let upload = move |talk: &mut Talk| {
        was_asked.lock().unwrap().recv().unwrap();
        assert!(talk.hear_body(expected.len()) == expected);
        talk.answer("201 Created", stored(&expected));
    };
    let peer = Peer::new(race(upload, move |talk, _| {
        talk.answer("403 Forbidden", "");
        asked.send(()).unwrap();
    }));
    assert!(put_unnamed(&peer.client(), &bytes).unwrap().is_new);
    peer.finish();
}

#[test]
fn an_early_answer_is_heard_before_everything_is_sent() {
    let bytes = noise(64 << 20);
    for (status, kind, does_close) in [
        ("413 Content Too Large", ErrorKind::TooLarge, false),
        ("507 Insufficient Storage", ErrorKind::NoSpace, false),
        ("401 Unauthorized", ErrorKind::Refused, true),
        ("400 Bad Request", ErrorKind::Protocol, true),
    ] {
        let peer = Peer::new(vec![talk(move |talk| {
            talk.hear_head();
            // An interim answer is not yet one.
            talk.say("HTTP/1.1 100 Continue\r\n\r\n");
            talk.hear_some();
            talk.answer(status, r#"{"detail":"Because."}"#);
            if !does_close {
                talk.hang();
            }
        })]);
        let began = Instant::now();
        let error = put(&peer.client(), &bytes).unwrap_err();
        assert_eq!(error.kind(), kind, "{status}: {error:?}");
        assert!(error.to_string().ends_with("Because."), "{error}");
        assert!(began.elapsed() < Duration::from_secs(15), "{status}: it was not the timeout");
        peer.finish();
    }
}

#[test]
fn an_early_answer_that_it_is_there_spares_the_rest() {
    let bytes = noise(64 << 20);
    let expected = bytes.clone();
    let peer = Peer::new(vec![
        talk(move |talk| {
            talk.hear_head();
            talk.answer("200 OK", stored(&expected));
            talk.hang();
        }),
        talk(|talk| {
            talk.hear_head();
            talk.answer("404 Not Found", "");
        }),
    ]);
    let client = peer.client();
    let uploaded = put(&client, &bytes).unwrap();
    assert!(!uploaded.is_new && uploaded.sent < bytes.len() as u64);
    assert!(!client.remove(&digest_of(b"")).unwrap(), "over another connection: that one owes its body");
    peer.finish();
}

#[test]
fn a_broken_upload_begins_again() {
    let bytes = noise(8 << 20);
    let expected = bytes.clone();
    let peer = Peer::new(vec![
        talk(|talk| {
            talk.hear_head();
        }),
        talk(move |talk| {
            assert!(talk.hear().body == expected);
            talk.answer("201 Created", stored(&expected));
        }),
    ]);
    assert!(put(&peer.client(), &bytes).unwrap().is_new);
    peer.finish();
}

#[test]
fn a_server_that_reads_nothing_is_given_up_in_time() {
    let peer = Peer::new(vec![talk(|talk| {
        talk.hear_head();
        talk.hang();
    })]);
    let options = Options { timeout: Duration::from_millis(300), retry_count_max: 0, ..quick() };
    let error = put(&peer.client_with(options), &noise(64 << 20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    peer.finish();
}

#[test]
fn a_server_that_stored_something_else_is_a_mismatch() {
    let answer = |talk: &mut Talk| {
        talk.hear();
        talk.answer("201 Created", stored(b"abd"));
    };
    let peer = Peer::new(vec![talk(answer)]);
    assert_eq!(put(&peer.client(), b"abc").unwrap_err().kind(), ErrorKind::Mismatch);
    peer.finish();
    let peer = Peer::new(vec![talk(|talk| {
        talk.hear();
        talk.answer(
            "400 Bad Request",
            r#"{"type":"urn:aqueduct:problem:digest-mismatch","detail":"It is not."}"#,
        );
    })]);
    let error = put(&peer.client(), b"abc").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch);
    peer.finish();
}

#[test]
fn a_source_that_changes_is_not_believed() {
    let (changed, was_changed) = mpsc::channel();
    let peer = Peer::new(vec![talk(move |talk| {
        talk.hear();
        was_changed.recv().unwrap();
        talk.answer("201 Created", stored(b"abc"));
    })]);
    let file = file(b"abc");
    let source = source(&file);
    fs::write(file.path(), "abd").unwrap();
    changed.send(()).unwrap();
    let error = peer.client().put(&digest_of(b"abc"), &source, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
    peer.finish();
}

#[test]
fn a_source_that_shrinks_is_a_change_and_not_a_wait() {
    let file = file(&noise(1 << 20));
    let source = source(&file);
    File::options().write(true).open(file.path()).unwrap().set_len(1000).unwrap();
    assert_eq!(source.hash(Algorithm::Sha256).unwrap_err().kind(), ErrorKind::Changed);
    let peer = Peer::new(vec![talk(|talk| {
        talk.hear_all();
    })]);
    let error = peer.client().put(&digest_of(b"abc"), &source, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
    peer.finish();
}

#[test]
fn a_stream_goes_out_in_chunks_and_is_hashed_on_its_way() {
    let bytes = noise((1 << 20) + 1);
    let expected = bytes.clone();
    let peer = Peer::new(vec![talk(move |talk| {
        let head = talk.hear_head();
        assert!(head.starts_with("POST /blobs?digest=sha256 "));
        assert_eq!(field(&head, "transfer-encoding"), Some("chunked"));
        assert_eq!(field(&head, "content-length"), None);
        assert!(talk.hear_chunks() == expected);
        talk.answer("201 Created", stored(&expected));
    })]);
    let mut observed = 0;
    let uploaded =
        peer.client().put_stream(Algorithm::Sha256, &mut &bytes[..], &mut |len| observed += len).unwrap();
    assert_eq!((uploaded.digest, uploaded.size), (digest_of(&bytes), bytes.len() as u64));
    assert_eq!(observed, uploaded.size);
    peer.finish();
}

#[test]
fn a_stream_that_takes_its_time_to_begin_keeps_no_server_waiting() {
    struct Late(Arc<AtomicBool>);
    impl Read for Late {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            assert!(!self.0.load(Ordering::SeqCst), "somebody was connected to before the first byte");
            Ok(0)
        }
    }
    let is_connected = Arc::new(AtomicBool::new(false));
    let connected = Arc::clone(&is_connected);
    let peer = Peer::new(vec![talk(move |talk| {
        connected.store(true, Ordering::SeqCst);
        talk.hear_head();
        assert!(talk.hear_chunks().is_empty());
        talk.answer("201 Created", stored(b""));
    })]);
    let uploaded = peer.client().put_stream(Algorithm::Sha256, &mut Late(is_connected), &mut |_| {}).unwrap();
    assert_eq!((uploaded.digest, uploaded.size), (digest_of(b""), 0));
    peer.finish();
}

#[test]
fn a_stream_stops_where_the_server_has_answered() {
    struct Endless;
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            Ok(buffer.len())
        }
    }
    for does_close in [true, false] {
        let peer = Peer::new(vec![talk(move |talk| {
            talk.hear_head();
            talk.answer("413 Content Too Large", r#"{"detail":"Too large."}"#);
            if !does_close {
                talk.hang();
            }
        })]);
        let error = peer.client().put_stream(Algorithm::Sha256, &mut Endless, &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        peer.finish();
    }
}

#[test]
fn a_stream_that_breaks_is_not_begun_again() {
    struct Broken(usize);
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            // The second time.
            match std::mem::take(&mut self.0) {
                0 => Err(io::ErrorKind::PermissionDenied.into()),
                len => Ok(len),
            }
        }
    }
    let peer = Peer::new(vec![talk(|talk| {
        talk.hear_all();
    })]);
    let error = peer.client().put_stream(Algorithm::Sha256, &mut Broken(3), &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local);
    peer.finish();
    let peer = Peer::new(vec![talk(|talk| drop(talk.hear_head()))]);
    let error = peer.client().put_stream(Algorithm::Sha256, &mut &b"abc"[..], &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost);
    peer.finish();
}
