//! Asking: what is missing, how large, what there is, and what is to go.

use aqueduct_client::{EntryKey, ErrorKind, Options};

use crate::peer::{Peer, Talk, digest_of, field, quick, talk};

#[test]
fn missing_is_asked_in_batches_on_one_connection() {
    let digests: Vec<_> = (0..10_001_u32).map(|index| digest_of(&index.to_le_bytes())).collect();
    let (first, last) = (digests[0], digests[10_000]);
    let peer = Peer::new(vec![talk(move |talk| {
        let heard = talk.hear();
        assert!(heard.head.starts_with("POST /blobs/missing HTTP/1.1\r\n"));
        let asked: serde_json::Value = serde_json::from_slice(&heard.body).unwrap();
        assert_eq!(asked["digests"].as_array().unwrap().len(), 10_000);
        assert!(heard.body.len() < 1 << 20, "what a server takes");
        talk.answer("200 OK", format!(r#"{{"missing":["{first}"]}}"#));
        let asked: serde_json::Value = serde_json::from_slice(&talk.hear().body).unwrap();
        assert_eq!(asked["digests"][0], last.to_string());
        talk.answer("200 OK", format!(r#"{{"missing":["{last}"]}}"#));
    })]);
    assert_eq!(peer.client().missing(&digests).unwrap(), [first, last]);
    assert_eq!(peer.client().missing(&[]).unwrap(), [], "nobody is asked");
    peer.finish();
}

#[test]
fn only_what_was_asked_for_is_missing_and_in_that_order() {
    let [one, two, other] = [b"1", b"2", b"3"].map(|bytes| digest_of(bytes));
    let peer = Peer::new(vec![talk(move |talk| {
        talk.hear();
        talk.answer("200 OK", format!(r#"{{"missing":["{other}","{two}","{one}"]}}"#));
    })]);
    assert_eq!(peer.client().missing(&[one, two]).unwrap(), [one, two]);
    peer.finish();
}

#[test]
fn the_host_and_the_token_go_with_every_request_and_the_token_nowhere_else() {
    let peer = Peer::new(vec![talk(|talk| {
        let head = talk.hear_head();
        assert_eq!(field(&head, "authorization"), Some("Bearer s3cret"));
        assert!(field(&head, "host").unwrap().starts_with("127.0.0.1:"));
        talk.answer("403 Forbidden", r#"{"detail":"This needs a write token."}"#);
    })]);
    let client = peer.client_with(Options { token: Some("s3cret".parse().unwrap()), ..quick() });
    let error = client.remove(&digest_of(b"abc")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().ends_with("This needs a write token."), "{error}");
    assert!(!format!("{error:?} {client:?}").contains("s3cret"));
    peer.finish();
}

#[test]
fn a_size_is_that_of_the_head_alone() {
    let peer = Peer::new(vec![talk(|talk| {
        assert!(talk.hear_head().starts_with("HEAD /blobs/sha256:"));
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 5368709120\r\n\r\n");
        talk.hear_head();
        talk.say("HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\n");
    })]);
    let client = peer.client();
    assert_eq!(client.size(&digest_of(b"abc")).unwrap(), Some(5 << 30));
    assert_eq!(client.size(&digest_of(b"def")).unwrap(), None);
    peer.finish();
}

#[test]
fn a_list_is_paged() {
    let (one, two) = (digest_of(b"1"), digest_of(b"2"));
    let (one, two) = (one.min(two), one.max(two));
    let peer = Peer::new(vec![talk(move |talk| {
        assert!(talk.hear_head().starts_with("GET /blobs?limit=10000 "), "no more than a server gives");
        let blob = |digest| format!(r#"{{"digest":"{digest}","size":1,"published":-5}}"#);
        talk.answer("200 OK", format!(r#"{{"blobs":[{}],"next":"{one}"}}"#, blob(one)));
        assert!(talk.hear_head().starts_with(&format!("GET /blobs?after={one}&limit=1 ")));
        talk.answer("200 OK", format!(r#"{{"blobs":[{}],"next":null}}"#, blob(two)));
        talk.hear_head();
        talk.answer("200 OK", format!(r#"{{"blobs":[],"next":"{one}"}}"#));
    })]);
    let client = peer.client();
    let page = client.list(None, usize::MAX).unwrap();
    assert_eq!((page.blobs[0].digest, page.blobs[0].size, page.blobs[0].published), (one, 1, -5));
    let page = client.list(page.next.as_ref(), 1).unwrap();
    assert_eq!((page.blobs[0].digest, page.next), (two, None));
    let error = client.list(Some(&two), 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "a list that goes backwards never ends");
    peer.finish();
}

#[test]
fn a_blob_is_removed_or_was_not_there() {
    // Each over a connection of its own.
    let peer = Peer::new(vec![
        talk(|talk| {
            assert!(talk.hear_head().starts_with("DELETE /blobs/sha256:"));
            talk.say("HTTP/1.1 204 No Content\r\n\r\n");
        }),
        talk(|talk| {
            talk.hear_head();
            talk.answer("404 Not Found", "");
        }),
        talk(|talk| {
            talk.hear_head();
            talk.answer("503 Service Unavailable", r#"{"title":"Read-only"}"#);
        }),
    ]);
    let client = peer.client();
    assert!(client.remove(&digest_of(b"abc")).unwrap());
    assert!(!client.remove(&digest_of(b"abc")).unwrap());
    let error = client.remove(&digest_of(b"abc")).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Server, false));
    peer.finish();
}

#[test]
fn an_answer_that_makes_no_sense_is_a_protocol_error() {
    for answer in [
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"missing\":[\"x\"]}",
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
    ] {
        let peer = Peer::new(vec![talk(move |talk| {
            talk.hear();
            talk.say(answer);
            talk.hang();
        })]);
        let error = peer.client().missing(&[digest_of(b"abc")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{answer:?}: {error:?}");
        assert!(!error.is_retryable());
        peer.finish();
    }
}

#[test]
fn an_answer_without_end_is_cut() {
    let peer = Peer::new(vec![talk(|talk| {
        talk.hear();
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        for _ in 0..64 {
            talk.say(vec![b' '; 1 << 20]);
        }
    })]);
    let error = peer.client().missing(&[digest_of(b"abc")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    peer.finish();
}

#[test]
fn a_status_is_given_as_it_came_and_what_is_none_is_no_status() {
    let saying = |talk: &mut Talk| {
        assert!(talk.hear_head().starts_with("GET /status HTTP/1.1\r\n"));
        talk.answer("200 OK", r#"{"version":"9.9.9","new":[1]}"#);
        talk.hear_head();
        talk.answer("200 OK", r#"{"status":"up"}"#);
        talk.hear_head();
        talk.answer("404 Not Found", r#"{"detail":"There is nothing at this path."}"#);
    };
    let refusing = |talk: &mut Talk| {
        talk.hear_head();
        talk.answer("403 Forbidden", r#"{"detail":"This needs a token."}"#);
    };
    let peer = Peer::new(vec![talk(saying), talk(refusing)]);
    let client = peer.client();
    assert_eq!(client.status().unwrap()["new"][0], 1);
    assert_eq!(client.status().unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(client.status().unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(client.status().unwrap_err().kind(), ErrorKind::Refused);
    peer.finish();
}

#[test]
fn a_list_of_entries_is_paged_and_names_are_told_from_what_separates_them() {
    let (value, other) = (digest_of(b"1"), digest_of(b"2"));
    let peer = Peer::new(vec![talk(move |talk| {
        assert!(talk.hear_head().starts_with("GET /entries?limit=10000 "), "no more than a server gives");
        talk.answer(
            "200 OK",
            format!(
                r#"{{"entries":[{{"namespace":"ac/a b&c","key":"k","digest":"{value}","size":1,"references":["{other}"],
                "written":5}}],"next":{{"namespace":"ac/a b&c","key":"k"}}}}"#
            ),
        );
        let head = talk.hear_head();
        let target =
            "GET /entries?limit=1&namespace=ac%2Fa%20b%26c&after-namespace=ac%2Fa%20b%26c&after-key=k ";
        assert!(head.starts_with(target), "{head}");
        talk.answer("200 OK", r#"{"entries":[],"next":null}"#);
        talk.hear_head();
        talk.answer("200 OK", r#"{"entries":[],"next":{"namespace":"ac","key":"z"}}"#);
    })]);
    let client = peer.client();
    let page = client.entries(None, None, usize::MAX).unwrap();
    let entry = &page.entries[0];
    assert_eq!((entry.digest, entry.size, entry.written), (value, 1, 5));
    assert_eq!(entry.references, [other]);
    let next = page.next.unwrap();
    assert_eq!(next, entry.name);
    let page = client.entries(Some("ac/a b&c"), Some(&next), 1).unwrap();
    assert_eq!((page.entries.len(), page.next), (0, None));
    let error = client.entries(None, Some(&next), 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "a list that goes backwards never ends");
    peer.finish();
}

#[test]
fn an_entry_is_removed_or_was_not_there() {
    // Each over a connection of its own.
    let peer = Peer::new(vec![
        talk(|talk| {
            assert!(talk.hear_head().starts_with("DELETE /entries?namespace=ccache%2Fmain&key=0a "));
            talk.say("HTTP/1.1 204 No Content\r\n\r\n");
        }),
        talk(|talk| {
            talk.hear_head();
            talk.answer("404 Not Found", "");
        }),
        talk(|talk| {
            talk.hear_head();
            talk.answer("403 Forbidden", "");
        }),
    ]);
    let client = peer.client();
    let name = EntryKey { namespace: "ccache/main".to_owned(), key: "0a".to_owned() };
    assert!(client.remove_entry(&name).unwrap());
    assert!(!client.remove_entry(&name).unwrap());
    assert_eq!(client.remove_entry(&name).unwrap_err().kind(), ErrorKind::Refused);
    peer.finish();
}

#[test]
fn many_entries_are_removed_at_once_and_told_of_in_order() {
    let names: Vec<_> =
        (0..40_u32).map(|number| EntryKey { namespace: "nx".to_owned(), key: number.to_string() }).collect();
    let is_there = |number: u32| number.is_multiple_of(3);
    // Whichever comes first.
    let answer = move |talk: &mut Talk| {
        let head = talk.hear_head();
        let key = head.split("&key=").nth(1).unwrap().split(' ').next().unwrap();
        let status = if is_there(key.parse().unwrap()) {
            "204 No Content"
        } else {
            "404 Not Found\r\nContent-Length: 0"
        };
        talk.say(format!("HTTP/1.1 {status}\r\n\r\n"));
    };
    let peer = Peer::new(names.iter().map(|_| talk(answer)).collect());
    let removed: Vec<_> = peer.client().remove_entries(&names).into_iter().map(Result::unwrap).collect();
    assert_eq!(removed, (0..40).map(is_there).collect::<Vec<_>>());
    assert_eq!(peer.client().remove_entries(&[]).len(), 0, "nobody is asked");
    peer.finish();
}

#[test]
fn entries_that_make_no_sense_are_a_protocol_error() {
    let digest = digest_of(b"1");
    let entry = |name: &str| {
        format!(
            r#"{{"entries":[{{{name},"digest":"{digest}","size":1,"references":[],"written":5}}],"next":null}}"#
        )
    };
    let answers = [
        ("404 Not Found", String::new()),
        ("200 OK", "{}".to_owned()),
        ("200 OK", entry(r#""namespace":"ac""#)),
        ("200 OK", entry(r#""namespace":"ac","key":"""#)),
        // On a terminal it would be obeyed.
        ("200 OK", entry(r#""namespace":"ac","key":"\u001b[2J""#)),
        ("200 OK", r#"{"entries":[],"next":{"namespace":"ac"}}"#.to_owned()),
    ];
    let peer = Peer::new(vec![talk({
        let answers = answers.clone();
        move |talk| {
            for (status, body) in answers {
                talk.hear_head();
                talk.answer(status, body);
            }
        }
    })]);
    let client = peer.client();
    for answer in &answers {
        assert_eq!(client.entries(None, None, 1).unwrap_err().kind(), ErrorKind::Protocol, "{answer:?}");
    }
    peer.finish();
}
