//! Blobs that come whole, in part, broken, too long, too short, and wrong.

use std::fs::File;
use std::time::Duration;

use aqueduct_blob::Digest;
use aqueduct_client::{Client, Error, ErrorKind, Options, Received};
use aqueduct_flow::{ReceiveRoute, Route};

use crate::peer::{Peer, Talk, digest_of, field, noise, quick, talk};

/// A file as a download needs it.
fn file() -> File {
    tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Receives a blob into a file, and reads it back.
fn receive(client: &Client, digest: &Digest) -> Result<(Received, Vec<u8>), Error> {
    let file = file();
    let mut observed = 0;
    let received = client.get(digest, None)?.unwrap().receive(&file, &mut |len| observed += len)?;
    assert_eq!(observed, received.len);
    Ok((received, content(file)))
}

fn content(mut file: File) -> Vec<u8> {
    use std::io::{Read, Seek};
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Reads a blob to its end.
fn read(client: &Client, digest: &Digest) -> Result<Vec<u8>, Error> {
    let mut download = client.get(digest, None)?.unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 10_000]);
    loop {
        match download.read(&mut buffer)? {
            0 => return Ok(bytes),
            len => bytes.extend_from_slice(&buffer[..len]),
        }
    }
}

#[test]
fn a_blob_arrives_by_splice_and_is_verified() {
    let bytes = noise((3 << 20) + 7);
    let digest = digest_of(&bytes);
    let sent = bytes.clone();
    let peer = Peer::new(vec![talk(move |talk| {
        assert!(talk.hear_head().starts_with(&format!("GET /blobs/{digest} HTTP/1.1\r\n")));
        talk.answer("200 OK", &sent);
        // The connection is as good as new.
        talk.hear_head();
        talk.answer("200 OK", &sent);
    })]);
    let client = peer.client();
    let (received, arrived) = receive(&client, &digest).unwrap();
    assert!(arrived == bytes);
    assert_eq!((received.len, received.is_verified), (bytes.len() as u64, true));
    assert_eq!(received.carried.main_route(), Some(Route::Splice), "{}", received.carried);
    assert!(read(&client, &digest).unwrap() == bytes);
    peer.finish();
}

#[test]
fn a_blob_arrives_by_every_route() {
    let bytes = noise((3 << 20) + 7);
    let digest = digest_of(&bytes);
    for route in ReceiveRoute::ALL {
        let sent = bytes.clone();
        let peer = Peer::new(vec![talk(move |talk| {
            talk.hear_head();
            talk.answer("200 OK", &sent);
        })]);
        let (received, arrived) =
            receive(&peer.client_with(Options { receive_route: route, ..quick() }), &digest).unwrap();
        assert!(arrived == bytes, "{route}");
        assert_eq!(received.carried.main_route(), Some(route.into()));
        peer.finish();
    }
}

#[test]
fn an_empty_blob_arrives() {
    let digest = digest_of(b"");
    let peer = Peer::new(vec![talk(|talk| {
        talk.hear_head();
        talk.answer("200 OK", "");
    })]);
    assert_eq!(receive(&peer.client(), &digest).unwrap().0.len, 0);
    peer.finish();
}

#[test]
fn a_blob_that_is_not_there_is_none() {
    let peer = Peer::new(vec![talk(|talk| {
        talk.hear_head();
        talk.answer("404 Not Found", "{}");
    })]);
    assert!(peer.client().get(&digest_of(b"abc"), None).unwrap().is_none());
    peer.finish();
}

#[test]
fn what_breaks_goes_on_where_it_stopped() {
    let bytes = noise(1_000_000);
    let digest = digest_of(&bytes);
    let size = bytes.len();
    for way in [true, false] {
        let from = |start: usize, end: usize, sent: &[u8]| {
            let part = sent[start..end].to_vec();
            talk(move |talk: &mut Talk| {
                let head = talk.hear_head();
                assert_eq!(field(&head, "range"), Some(format!("bytes={start}-{}", size - 1).as_str()));
                talk.say(format!(
                    "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{}/{size}\r\nContent-Length: {}\r\n\r\n",
                    size - 1,
                    size - start
                ));
                talk.say(part);
            })
        };
        let first = bytes[..300_000].to_vec();
        let peer = Peer::new(vec![
            talk(move |talk| {
                assert_eq!(field(&talk.hear_head(), "range"), None);
                talk.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n"));
                talk.say(first);
            }),
            // Accepted, and closed without a word.
            talk(|talk| drop(talk.hear_head())),
            from(300_000, 300_001, &bytes),
            from(300_001, 999_999, &bytes),
            from(999_999, size, &bytes),
        ]);
        let arrived = match way {
            true => receive(&peer.client(), &digest).unwrap().1,
            false => read(&peer.client(), &digest).unwrap(),
        };
        assert!(arrived == bytes);
        peer.finish();
    }
}

#[test]
fn without_progress_it_is_given_up_after_some_tries() {
    let bytes = noise(1000);
    let digest = digest_of(&bytes);
    let mut conversations = vec![talk(move |talk| {
        talk.hear_head();
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        talk.say(&bytes[..10]);
    })];
    for _ in 0..3 {
        conversations.push(talk(|talk| drop(talk.hear_head())));
    }
    let peer = Peer::new(conversations);
    let error = receive(&peer.client(), &digest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost);
    peer.finish();
}

#[test]
fn a_silence_in_the_middle_is_a_timeout() {
    let digest = digest_of(b"abcdef");
    let peer = Peer::new(vec![talk(|talk| {
        talk.hear_head();
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
        talk.hang();
    })]);
    let options = Options { timeout: Duration::from_millis(100), retry_count_max: 0, ..quick() };
    let error = receive(&peer.client_with(options), &digest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    peer.finish();
}

#[test]
fn wrong_bytes_are_a_mismatch_with_both_digests() {
    let digest = digest_of(b"abc");
    for way in [true, false] {
        let peer = Peer::new(vec![talk(|talk| {
            talk.hear_head();
            talk.answer("200 OK", "abd");
        })]);
        let error = match way {
            true => receive(&peer.client(), &digest).unwrap_err(),
            false => read(&peer.client(), &digest).unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Mismatch);
        let text = error.to_string();
        assert!(
            text.contains(&digest.to_string()) && text.contains(&digest_of(b"abd").to_string()),
            "{text}"
        );
        peer.finish();
    }
}

#[test]
fn bytes_behind_the_end_belong_to_nobody() {
    let digest = digest_of(b"abc");
    let peer = Peer::new(vec![
        talk(|talk| {
            talk.hear_head();
            talk.say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef");
            talk.hang();
        }),
        talk(|talk| {
            talk.hear_head();
            talk.answer("200 OK", "abc");
        }),
    ]);
    let client = peer.client();
    assert_eq!(receive(&client, &digest).unwrap().1, b"abc");
    assert_eq!(receive(&client, &digest).unwrap().1, b"abc", "over another connection");
    peer.finish();
}

#[test]
fn chunks_are_put_together() {
    let bytes = noise(200_000);
    let digest = digest_of(&bytes);
    let answer = {
        let bytes = bytes.clone();
        move |talk: &mut Talk| {
            talk.hear_head();
            talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for chunk in bytes.chunks(70_000).chain([&b""[..]]) {
                talk.say(format!("{:x};name=value\r\n", chunk.len()));
                talk.say(chunk);
                if !chunk.is_empty() {
                    talk.say("\r\n");
                }
            }
            talk.say("Trailer: value\r\n\r\n");
        }
    };
    let again = answer.clone();
    let peer = Peer::new(vec![talk(move |talk| {
        answer(talk);
        again(talk);
    })]);
    let client = peer.client();
    let (received, arrived) = receive(&client, &digest).unwrap();
    assert!(received.is_verified && arrived == bytes);
    assert!(read(&client, &digest).unwrap() == bytes);
    peer.finish();
}

#[test]
fn chunks_that_break_go_on_with_a_range() {
    let peer = Peer::new(vec![
        talk(|talk| {
            talk.hear_head();
            talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\nd");
        }),
        talk(|talk| {
            assert_eq!(field(&talk.hear_head(), "range"), Some("bytes=4-"));
            talk.say("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 4-5/6\r\nTransfer-Encoding: chunked\r\n\r\n");
            talk.say("2\r\nef\r\n0\r\n\r\n");
        }),
    ]);
    assert_eq!(read(&peer.client(), &digest_of(b"abcdef")).unwrap(), b"abcdef");
    peer.finish();
}

#[test]
fn a_part_is_the_range_that_was_asked_for() {
    let digest = digest_of(b"0123456789");
    let peer = Peer::new(vec![talk(|talk| {
        assert_eq!(field(&talk.hear_head(), "range"), Some("bytes=2-4"));
        talk.say(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/10\r\nContent-Length: 3\r\n\r\n234",
        );
    })]);
    let file = file();
    let client = peer.client();
    let download = client.get(&digest, Some(&(2..5))).unwrap().unwrap();
    assert_eq!(download.len(), Some(3));
    let received = download.receive(&file, &mut |_| {}).unwrap();
    assert_eq!((received.len, received.is_verified), (3, false));
    assert_eq!(content(file), b"234");
    peer.finish();
}

#[test]
fn another_part_than_was_asked_for_is_refused() {
    let digest = digest_of(b"0123456789");
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\n\r\n234",
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 3-5/10\r\nContent-Length: 3\r\n\r\n345",
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-5/10\r\nContent-Length: 4\r\n\r\n2345",
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/10\r\nContent-Length: 4\r\n\r\n2345",
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/10\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n2345\r\n0\r\n\r\n",
        "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */1\r\nContent-Length: 0\r\n\r\n",
    ] {
        let peer = Peer::new(vec![talk(move |talk| {
            talk.hear_head();
            talk.say(answer);
        })]);
        let client = peer.client();
        let got = client.get(&digest, Some(&(2..5))).map(Option::unwrap);
        let error = got.and_then(|download| download.receive(&file(), &mut |_| {})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{answer:?}: {error:?}");
        peer.finish();
    }
}

#[test]
fn a_body_that_ends_with_its_connection_is_held_against_the_digest() {
    for (said, is_right) in [("abc", true), ("ab", false)] {
        let peer = Peer::new(vec![talk(move |talk| {
            talk.hear_head();
            talk.say(format!("HTTP/1.0 200 OK\r\n\r\n{said}"));
        })]);
        let got = read(&peer.client(), &digest_of(b"abc"));
        assert_eq!(got.is_ok(), is_right);
        assert!(is_right || got.unwrap_err().kind() == ErrorKind::Mismatch);
        peer.finish();
    }
}

#[test]
fn a_file_that_cannot_be_written_is_a_failure_of_this_machine() {
    let peer = Peer::new(vec![talk(|talk| {
        talk.hear_head();
        talk.answer("200 OK", noise(100_000));
    })]);
    let client = peer.client();
    let read_only = File::open("/dev/null").unwrap();
    let error = client.get(&digest_of(b"abc"), None).unwrap().unwrap().receive(&read_only, &mut |_| {});
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Local);
    peer.finish();
}
