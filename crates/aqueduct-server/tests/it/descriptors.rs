//! Nothing a peer does costs a descriptor for longer than its connection lasts, nor more of them than others can spare.

use std::process::Command;

use aqueduct_blob::{Algorithm, Hasher, UploadId};
use aqueduct_wire::native::{Ask, Say};

use crate::fixture::{Fixture, digest, pattern};
use crate::frames::{Native, get, upload};

const HOST: &str = "Host: localhost\r\n";

const SEGMENT_LEN: usize = 4 << 20;

const CHILD: &str = "AQUEDUCT_TEST_CHILD";

/// Sockets, and files of the store, named or not: what connections own. Pipes belong to workers.
fn owned_count(server: &Fixture) -> usize {
    let links = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| entry.unwrap().path().read_link().ok());
    let root = server.root().to_str().unwrap().to_owned();
    let is_owned = |link: &std::path::PathBuf| {
        let link = link.to_str().unwrap();
        link.starts_with("socket:") || link.starts_with(&root)
    };
    links.filter(is_owned).count()
}

#[test]
fn no_way_to_end_a_connection_leaks_a_descriptor() {
    if !is_child("no_way_to_end_a_connection_leaks_a_descriptor", "exec \"$0\" \"$@\"") {
        return;
    }
    let server = Fixture::new();
    let large = server.put(&pattern(8 << 20));
    let name = digest(b"never whole");
    // It stays open from then on.
    server.ask(&format!("GET /blobs/{large} HTTP/1.1\r\n{HOST}Range: bytes=0-9\r\n\r\n"));
    let before = loop_until_steady(&server);
    for round in 0..20 {
        // Left in a head, in a body, in a chunk, before a reply was read, in the middle of one, and after mistakes.
        for said in [
            "GET / HT".to_owned(),
            format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: 11\r\n\r\nnev"),
            format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\nff\r\nnever"),
            format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: 11\r\nExpect: 100-continue\r\n\r\n"),
            format!("GET /blobs/{large} HTTP/1.1\r\n{HOST}\r\n"),
            format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"),
            format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: 11\r\n\r\nnever holds"),
            "NONSENSE\r\n\r\n".to_owned(),
        ] {
            let mut peer = server.connect();
            peer.say(&said);
            if round % 2 == 0 {
                peer.finish();
            }
        }
    }
    assert_eq!(loop_until(&server, before), before);
}

#[test]
fn uploads_that_wait_give_up_their_descriptors_oldest_first_when_others_need_them() {
    if !is_child("uploads_that_wait_give_up_their_descriptors_oldest_first_when_others_need_them", FEW) {
        return;
    }
    let server = Fixture::new();
    let head = format!("HTTP/1.1\r\n{HOST}Tus-Resumable: 1.0.0\r\n");
    let places = [(); 3].map(|()| {
        let begun = server.ask(&format!("POST /uploads {head}Upload-Length: 100\r\n\r\n"));
        begun.field("Location").unwrap().to_owned()
    });
    let send = |place: &str, offset: usize| {
        let octets = "Content-Type: application/offset+octet-stream\r\nContent-Length: 10\r\n";
        server.ask(&format!("PATCH {place} {head}{octets}Upload-Offset: {offset}\r\n\r\n0123456789"))
    };
    for place in &places {
        assert_eq!(send(place, 0).status, 204);
    }
    let look = |place: &String| {
        let told = server.ask(&format!("HEAD {place} {head}\r\n"));
        told.field("Upload-Offset").unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(places.each_ref().map(look), [0, 10, 10]);
    // Whoever goes on pays with what waits of its own upload.
    for offset in [10, 20] {
        assert_eq!(send(&places[1], offset).status, 204);
    }
    assert_eq!(places.each_ref().map(look), [0, 30, 10]);
}

#[test]
fn what_waits_elsewhere_in_an_upload_does_not_take_the_bytes_of_a_segment_that_is_sent_again() {
    if !is_child(
        "what_waits_elsewhere_in_an_upload_does_not_take_the_bytes_of_a_segment_that_is_sent_again",
        FEW,
    ) {
        return;
    }
    let server = Fixture::new();
    let bytes = pattern(SEGMENT_LEN + 200);
    let head = format!("HTTP/1.1\r\n{HOST}Tus-Resumable: 1.0.0\r\n");
    let begun = server.ask(&format!("POST /uploads {head}Upload-Length: {}\r\n\r\n", bytes.len()));
    let place = begun.field("Location").unwrap();
    let send = |offset: usize, len: usize| {
        let octets = format!("Content-Type: application/offset+octet-stream\r\nContent-Length: {len}\r\n");
        let mut peer = server.connect();
        peer.say(&format!("PATCH {place} {head}{octets}Upload-Offset: {offset}\r\n\r\n"));
        peer.say_bytes(&bytes[offset..offset + len]);
        let reply = peer.reply();
        assert_eq!(reply.status, 204, "{}", reply.text());
        let look = server.ask(&format!("HEAD {place} {head}\r\n"));
        assert_eq!(look.field("Upload-Offset"), Some((offset + len).to_string().as_str()));
    };
    // What waits of the second segment has its files open, and so has the task below: there is room for no others.
    send(0, SEGMENT_LEN + 100);
    let id: UploadId = place.strip_prefix("/uploads/").unwrap().parse().unwrap();
    let mut native = Native::connect(server.address);
    let task = native.ask_and_hear(upload(*id.as_bytes(), None, bytes.len()), &[]).task;
    native.say(task, Ask::Checkpoints { first: 0, entries: vec![[7; 32]] }, &[]);
    assert!(matches!(native.hear().say, Say::Again { segments, .. } if segments == [0]));
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(&bytes);
    let entries = hasher.finish().checkpoints.entries().to_vec();
    native.say(task, Ask::Checkpoints { first: 0, entries }, &[]);
    // What was asked before has been done when this is answered.
    native.ask_and_hear(Ask::Stat { digest: digest(&bytes) }, &[]);
    send(0, 100);
    send(100, bytes.len() - 100);
    assert!(server.has(&digest(&bytes)));
}

#[test]
fn one_connection_that_has_many_tasks_leaves_descriptors_for_others() {
    if !is_child("one_connection_that_has_many_tasks_leaves_descriptors_for_others", FEW) {
        return;
    }
    let server = Fixture::new();
    let bytes = pattern(32 << 20);
    let name = server.put(&bytes);
    let mut greedy = Native::connect(server.address);
    for _ in 0..8 {
        greedy.ask(get(name), &[]);
    }
    // All before it were looked at when this is answered, and it takes no more of them.
    let last = greedy.ask(Ask::Stat { digest: name }, &[]);
    while greedy.hear().task != last {}
    let mut other = Native::connect(server.address);
    let task = other.ask(get(name), &[]);
    let told = other.hear();
    assert!(told.task == task && !matches!(told.say, Say::Refused { .. }), "{:?}", told.say);
}

/// Whether this is a process of its own for a test; otherwise runs one, by way of the shell: other tests open descriptors,
/// too.
fn is_child(test: &str, script: &str) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let mut child = Command::new("sh");
    child.arg("-c").arg(script).arg(std::env::current_exe().unwrap());
    child.args([&format!("descriptors::{test}"), "--exact", "--test-threads=1"]);
    assert!(child.env(CHILD, "1").status().unwrap().success());
    false
}

/// The count once connections of the past are gone: the same again and again.
fn loop_until_steady(server: &Fixture) -> usize {
    // The connection to ask with is the last one that is left, with both its ends.
    loop_until(server, LISTENERS + LOCK + LARGE + 2)
}

/// Asks the server for its health until it owns `count` descriptors, and answers what it owned last.
fn loop_until(server: &Fixture, count: usize) -> usize {
    let mut peer = server.connect();
    let mut owned = 0;
    for _ in 0..100_000 {
        peer.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!(peer.reply().status, 200);
        owned = owned_count(server);
        if owned == count {
            break;
        }
    }
    owned
}

/// As many as leave five for the files of blobs, beside those of connections.
const FEW: &str = "ulimit -n 216; exec \"$0\" \"$@\"";

/// One for each reactor.
const LISTENERS: usize = 2;

/// The blob that was asked for.
const LARGE: usize = 1;

/// The lock, the two databases and the directory.
const LOCK: usize = 4;
