//! Nothing a peer does costs a descriptor for longer than its connection lasts, nor more of them than others can spare.

use std::cell::RefCell;
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
    assert!(loop_until_idle(&server) <= IDLE_COUNT_MAX);
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
    assert!(loop_until_idle(&server) <= IDLE_COUNT_MAX);
}

#[test]
fn uploads_that_wait_give_up_their_descriptors_oldest_first_when_others_need_them() {
    if !is_child("uploads_that_wait_give_up_their_descriptors_oldest_first_when_others_need_them", FEW) {
        return;
    }
    let server = few();
    // One connection for all: there are few, and one that ended may be counted for a while.
    let peer = RefCell::new(server.connect());
    let ask = |request: &str| {
        let mut peer = peer.borrow_mut();
        peer.say(request);
        peer.reply()
    };
    let head = format!("HTTP/1.1\r\n{HOST}Tus-Resumable: 1.0.0\r\n");
    let places = [(); 3].map(|()| {
        let begun = ask(&format!("POST /uploads {head}Upload-Length: 100\r\n\r\n"));
        begun.field("Location").unwrap().to_owned()
    });
    let send = |place: &str, offset: usize| {
        let octets = "Content-Type: application/offset+octet-stream\r\nContent-Length: 10\r\n";
        ask(&format!("PATCH {place} {head}{octets}Upload-Offset: {offset}\r\n\r\n0123456789"))
    };
    for place in &places {
        assert_eq!(send(place, 0).status, 204);
    }
    let look = |place: &String| {
        let told = ask(&format!("HEAD {place} {head}\r\n"));
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
    let server = few();
    let bytes = pattern(SEGMENT_LEN + 200);
    let head = format!("HTTP/1.1\r\n{HOST}Tus-Resumable: 1.0.0\r\n");
    // One connection for all: there are few, and one that ended may be counted for a while.
    let peer = RefCell::new(server.connect());
    peer.borrow_mut().say(&format!("POST /uploads {head}Upload-Length: {}\r\n\r\n", bytes.len()));
    let begun = peer.borrow_mut().reply();
    let place = begun.field("Location").unwrap();
    let send = |offset: usize, len: usize| {
        let octets = format!("Content-Type: application/offset+octet-stream\r\nContent-Length: {len}\r\n");
        let mut peer = peer.borrow_mut();
        peer.say(&format!("PATCH {place} {head}{octets}Upload-Offset: {offset}\r\n\r\n"));
        peer.say_bytes(&bytes[offset..offset + len]);
        let reply = peer.reply();
        assert_eq!(reply.status, 204, "{}", reply.text());
        peer.say(&format!("HEAD {place} {head}\r\n"));
        let look = peer.reply();
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
    let server = few();
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

#[test]
fn a_server_without_descriptors_serves_those_who_are_here_and_others_once_there_are_some() {
    if !is_child("a_server_without_descriptors_serves_those_who_are_here_and_others_once_there_are_some", FEW)
    {
        return;
    }
    let server = few();
    let small = server.put(b"small");
    let mut here = server.connect();
    let get = format!("GET /blobs/{small} HTTP/1.1\r\n{HOST}\r\n");
    here.say(&get);
    assert_eq!(here.reply().status, 200);
    let mut spare = Vec::new();
    let last = loop {
        match std::fs::File::open("/dev/null") {
            Ok(file) => spare.push(file),
            Err(error) => break error,
        }
    };
    assert_eq!(last.raw_os_error(), Some(rustix::io::Errno::MFILE.raw_os_error()));
    // The other end of the next connection cannot be had.
    spare.pop();
    let mut waiting = server.connect();
    waiting.say(&get);
    let before = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let began = std::time::Instant::now();
    // Long enough for several tries to accept it.
    while began.elapsed() < std::time::Duration::from_millis(500) {
        here.say(&get);
        assert_eq!(here.reply().body, b"small");
        let _ = waiting.stream.set_read_timeout(Some(std::time::Duration::from_millis(50)));
        assert!(waiting.stream.peek(&mut [0]).is_err(), "nobody can have accepted it");
    }
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime) - before;
    assert!(spent.tv_sec == 0 && spent.tv_nsec < 250_000_000, "it tries again and again: {spent:?}");
    here.say(&format!("GET /metrics HTTP/1.1\r\n{HOST}\r\n"));
    let reply = here.reply();
    let metrics = reply.text();
    assert!(!metrics.contains("aqueduct_faults_total{kind=\"descriptors\"} 0\n"), "{metrics}");
    drop(spare);
    waiting.stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    assert_eq!(waiting.reply().body, b"small");
}

/// A server that has few descriptors, all for whoever asks.
fn few() -> Fixture {
    Fixture::with(|options| options.connection_count_max_per_address = Some(0))
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

/// Asks the server for its health until it owns no more descriptors than an idle one, and answers what it owned last.
fn loop_until_idle(server: &Fixture) -> usize {
    let mut peer = server.connect();
    let mut owned = 0;
    for _ in 0..100_000 {
        peer.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!(peer.reply().status, 200);
        owned = owned_count(server);
        if owned <= IDLE_COUNT_MAX {
            break;
        }
    }
    owned
}

/// As many as leave five for the files of blobs, beside those of connections.
const FEW: &str = "ulimit -n 264; exec \"$0\" \"$@\"";

/// One for each reactor.
const LISTENERS: usize = 2;

/// The blob that was asked for.
const LARGE: usize = 1;

/// The lock, the two databases, which are opened by the first who needs them, and the directory.
const LOCK: usize = 4;

/// The connection to ask with is the last one that is left, with both its ends.
const IDLE_COUNT_MAX: usize = LISTENERS + LOCK + LARGE + 2;
