//! Nothing a peer does costs a descriptor for longer than its connection lasts.

use std::process::Command;

use crate::fixture::{Fixture, digest, pattern};

const HOST: &str = "Host: localhost\r\n";

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
    // Other tests open descriptors, too: this one runs in a process of its own.
    if std::env::var_os(CHILD).is_none() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args([
            "descriptors::no_way_to_end_a_connection_leaks_a_descriptor",
            "--exact",
            "--test-threads=1",
        ]);
        assert!(child.env(CHILD, "1").status().unwrap().success());
        return;
    }
    let server = Fixture::new();
    let large = server.put(&pattern(8 << 20));
    let name = digest(b"never whole");
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

/// The count once connections of the past are gone: the same again and again.
fn loop_until_steady(server: &Fixture) -> usize {
    // The connection to ask with is the last one that is left, with both its ends.
    loop_until(server, LISTENERS + LOCK + 2)
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

/// One for each reactor.
const LISTENERS: usize = 2;

/// The lock, the two databases and the directory.
const LOCK: usize = 4;
