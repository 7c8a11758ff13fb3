//! Stores that have a limit, and pins.

use std::time::Duration;

use aqueduct_store::{Absent, Limits, Options, Store};
use tempfile::TempDir;

use crate::fixture::{Fixture, Reply, digest, pattern};

/// What the store has room for beside itself: one blob of [`HALF`], with what is made ahead of those who need it (which
/// happens once a second, at any time of a test) and what the databases may yet grow by.
const ROOM: u64 = 8 << 20;

/// What two blobs take that have no room beside each other.
const HALF: usize = 5 << 20;

fn limited(lease: Duration) -> Fixture {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let options = |size_max| Options {
        limits: Limits { size_max: Some(size_max), lease, ..Limits::default() },
        ..Options::default()
    };
    // Its databases are as large as they will be.
    let store = Store::open(directory.path(), Absent::Make, options(u64::MAX)).unwrap();
    store.pin(&digest(b"any")).unwrap();
    store.unpin(&digest(b"any")).unwrap();
    store.keep_room(&|| true).unwrap();
    store.close().unwrap();
    let store = Store::open(directory.path(), Absent::Refuse, options(u64::MAX)).unwrap();
    let empty = store.allocated();
    store.close().unwrap();
    Fixture::of(directory, options(empty + ROOM), |_| {})
}

fn put(server: &Fixture, bytes: &[u8]) -> Reply {
    let mut peer = server.connect();
    let len = bytes.len();
    peer.say(&format!(
        "PUT /blobs/{} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: {len}\r\n\r\n",
        digest(bytes)
    ));
    let first = peer.reply();
    if first.status != 100 {
        return first;
    }
    peer.say_bytes(bytes);
    peer.reply()
}

fn pin(server: &Fixture, method: &str, target: &str) -> Reply {
    server.ask(&format!("{method} /pins{target} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
}

#[test]
fn a_full_store_refuses_a_blob_before_it_is_sent_and_keeps_what_it_promised() {
    let server = limited(Duration::from_secs(600));
    let promised = server.put(&pattern(HALF));
    let mut other = pattern(HALF);
    other[0] ^= 1;
    let refused = put(&server, &other);
    refused.assert_problem(507, "no-space");
    assert!(server.has(&promised));
    assert!(!server.has(&digest(&other)));
    // A small one still fits.
    server.put(b"small");
}

#[test]
fn what_was_evicted_is_not_answered_from_memory() {
    let server = limited(Duration::ZERO);
    // They take what is left beside the room that is made ahead.
    let small: Vec<_> = (0..100)
        .map(|number| {
            let mut bytes = pattern(60 << 10);
            bytes[0] = number;
            server.put(&bytes)
        })
        .collect();
    let get = |digest: &_| server.ask(&format!("GET /blobs/{digest} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    for digest in &small {
        assert_eq!(get(digest).status, 200);
        assert_eq!(get(digest).status, 200, "from memory");
    }
    assert_eq!(put(&server, &pattern(HALF)).status, 201);
    let gone: Vec<_> = small.iter().filter(|digest| get(digest).status == 404).collect();
    // More may go at any time, as the databases grow.
    assert!((40..small.len()).contains(&gone.len()), "{} of {} went to make room", gone.len(), small.len());
    assert!(!server.has(gone[0]));
}

#[test]
fn whoever_asks_with_head_is_promised_what_is_there() {
    // Longer than this test takes, and shorter than anybody would wait.
    let server = limited(Duration::from_secs(600));
    let asked = server.put(&pattern(HALF));
    assert!(server.has(&asked));
    assert!(server.has(&asked), "it is there, whoever asks, and how often");
    let mut other = pattern(HALF);
    other[0] ^= 1;
    put(&server, &other).assert_problem(507, "no-space");
    assert!(server.has(&asked));
}

#[test]
fn names_are_pinned_listed_and_unpinned() {
    let server = limited(Duration::ZERO);
    let here = server.put(&pattern(HALF));
    let absent = digest(b"not here");
    assert_eq!(pin(&server, "PUT", &format!("/{absent}")).status, 201);
    let again = pin(&server, "PUT", &format!("/{absent}"));
    assert_eq!(again.status, 200);
    assert_eq!(again.json(), serde_json::json!({ "digest": absent.to_string(), "present": false }));
    let pinned = pin(&server, "PUT", &format!("/{here}"));
    assert_eq!((pinned.status, &pinned.json()["present"]), (201, &true.into()));
    let mut names = [absent.to_string(), here.to_string()];
    names.sort();
    let page = pin(&server, "GET", "?limit=1").json();
    assert_eq!(page, serde_json::json!({ "pins": [names[0]], "next": names[0] }));
    let page = pin(&server, "GET", &format!("?after={}", names[0])).json();
    assert_eq!(page, serde_json::json!({ "pins": [names[1]], "next": null }));
    // It is in the way of this one, and stays.
    let mut other = pattern(HALF);
    other[0] ^= 1;
    put(&server, &other).assert_problem(507, "no-space");
    assert_eq!(pin(&server, "DELETE", &format!("/{here}")).status, 204);
    pin(&server, "DELETE", &format!("/{here}")).assert_problem(404, "not-pinned");
    assert_eq!(put(&server, &other).status, 201);
    assert!(!server.has(&here));
}

#[test]
fn what_is_wrong_with_a_pin_is_said() {
    let server = Fixture::new();
    pin(&server, "PUT", "/sha256:short").assert_problem(400, "bad-digest");
    pin(&server, "POST", "").assert_problem(405, "method-not-allowed");
    pin(&server, "GET", &format!("/{}", digest(b"x"))).assert_problem(405, "method-not-allowed");
    pin(&server, "GET", "?limit=0").assert_problem(400, "bad-query");
    pin(&server, "GET", "ned").assert_problem(404, "no-such-path");
}
