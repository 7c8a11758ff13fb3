//! Who may come in.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use aqueduct_server::{BindError, Options, Tokens};

use crate::fixture::{Fixture, digest, pattern};

fn tokens(text: &str) -> Tokens {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Tokens::load(file.path()).unwrap()
}

fn with_tokens(text: &str) -> Options {
    Options { tokens: Some(tokens(text)), ..Options::default() }
}

#[test]
fn a_token_opens_what_it_is_for() {
    let server = Fixture::with(|options| options.tokens = Some(tokens("read reader\nwrite writer\n")));
    let name = digest(b"hello");
    let ask = |method: &str, authorization: &str| {
        let request = format!(
            "{method} /blobs/{name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n{authorization}\r\nhello"
        );
        server.ask(&request)
    };
    let (reader, writer) = ("Authorization: Bearer reader\r\n", "Authorization: Bearer writer\r\n");
    for stranger in ["", "Authorization: Bearer stranger\r\n", "Authorization: Digest reader\r\n"] {
        for method in ["GET", "PUT", "DELETE"] {
            let refused = ask(method, stranger);
            refused.assert_problem(401, "needs-token");
            // Each in a field of its own, or a browser sees the first alone.
            let challenges: Vec<&str> = refused.fields("WWW-Authenticate").collect();
            assert!(challenges.iter().any(|challenge| challenge.starts_with("Bearer ")), "{challenges:?}");
            assert!(challenges.iter().any(|challenge| challenge.starts_with("Basic ")), "{challenges:?}");
        }
    }
    ask("PUT", reader).assert_problem(403, "needs-write-token");
    assert_eq!(ask("PUT", writer).status, 201);
    let read = ask("GET", reader);
    assert_eq!(read.body, b"hello");
    assert_eq!(read.field("Cache-Control"), Some("private, max-age=31536000, immutable"));
    ask("DELETE", reader).assert_problem(403, "needs-write-token");
    // user:reader and :writer, as curl -u says them.
    assert_eq!(ask("GET", "Authorization: Basic dXNlcjpyZWFkZXI=\r\n").status, 200);
    assert_eq!(ask("DELETE", "Authorization: Basic OndyaXRlcg==\r\n").status, 204);
    // Two are as good as none: there is no telling which one a proxy looked at.
    ask("GET", &format!("{reader}{writer}")).assert_problem(401, "needs-token");
    assert_eq!(server.ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 200);
}

#[test]
fn other_tokens_hold_from_the_next_request_on() {
    let server = Fixture::with(|options| options.tokens = Some(tokens("read old")));
    let mut peer = server.connect();
    let mut ask = |token: &str| {
        peer.say(&format!("GET /blobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"));
        peer.reply().status
    };
    assert_eq!((ask("old"), ask("new")), (200, 401));
    server.control.change(with_tokens("read new")).unwrap();
    assert_eq!((ask("old"), ask("new")), (401, 200));
}

#[test]
fn a_server_that_everybody_could_use_takes_tokens_when_it_is_told_of_some() {
    let server = Fixture::with(|_| ());
    let ask = || server.ask("GET /blobs HTTP/1.1\r\nHost: localhost\r\n\r\n").status;
    assert_eq!(ask(), 200);
    server.control.change(with_tokens("read new")).unwrap();
    assert_eq!(ask(), 401);
    server.control.change(Options::default()).unwrap();
    assert_eq!(ask(), 200, "it listens on loopback alone");
}

#[test]
fn tokens_of_a_server_on_the_network_do_not_go_away_unless_that_is_meant() {
    let server = Fixture::with(|options| {
        options.tokens = Some(tokens("read old"));
        options.listen = vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))];
    });
    let name = "GET /blobs HTTP/1.1\r\nHost: blobs.example\r\n\r\n";
    let hosts = vec!["blobs.example".to_owned()];
    let refused = server.control.change(Options { hosts: hosts.clone(), ..Options::default() });
    assert!(matches!(refused, Err(BindError::Open { .. })), "{refused:?}");
    assert_eq!(server.ask(name).status, 421, "nothing changed, not even the names");
    server.control.change(Options { open_to_network: true, hosts, ..Options::default() }).unwrap();
    assert_eq!(server.ask(name).status, 200);
}

/// More is asked for than the sockets hold, so that most of it waits until the peer reads.
#[test]
fn what_waits_behind_replies_that_nobody_reads_needs_the_token_of_its_time() {
    let server = Fixture::with(|options| options.tokens = Some(tokens("write old")));
    let bytes = pattern(60 << 10);
    let name = digest(&bytes);
    let mut peer = server.connect();
    let request = |method: &str, more: &str| {
        let fields = format!("Host: localhost\r\nAuthorization: Bearer old\r\n{more}\r\n");
        format!("{method} /blobs/{name} HTTP/1.1\r\n{fields}")
    };
    peer.say(&request("PUT", &format!("Content-Length: {}\r\n", bytes.len())));
    peer.say_bytes(&bytes);
    assert_eq!(peer.reply().status, 201);
    // From then on it is in memory.
    peer.say(&request("GET", ""));
    assert_eq!(peer.reply().body, bytes);
    let count = 400;
    peer.say(&(request("GET", "").repeat(count) + &request("DELETE", "")));
    peer.head();
    peer.take(bytes.len());
    server.control.change(with_tokens("write new")).unwrap();
    let statuses: Vec<u16> = (0..count).map(|_| peer.reply().status).collect();
    assert!(statuses.is_sorted(), "once it is refused it stays so: {statuses:?}");
    assert_eq!(statuses.last(), Some(&401));
    let again = format!("GET /blobs/{name} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer new\r\n\r\n");
    assert_eq!(server.ask(&again).status, 200, "nobody removed it");
}

#[test]
fn only_our_own_names_are_answered_to() {
    let server = Fixture::with(|options| options.hosts = vec!["Blobs.Example".to_owned()]);
    let ask = |host: &str| server.ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    for ours in [
        "localhost",
        "LocalHost:7070",
        "localhost.",
        "127.0.0.1:80",
        "[::1]:7070",
        "192.0.2.7",
        "blobs.example",
        "blobs.example:1",
    ] {
        assert_eq!(ask(ours).status, 200, "{ours}");
    }
    for foreign in
        ["evil.example", "localhost.evil.example", "blobs.example.evil", "127.0.0.1.evil.example:7070"]
    {
        let problem = ask(foreign).assert_problem(421, "foreign-host");
        assert_eq!(problem["host"], foreign);
    }
    // The target speaks for the host (RFC 9112 section 3.2.2).
    let request = "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
    server.ask(request).assert_problem(421, "foreign-host");
}

#[test]
fn pages_of_other_origins_are_refused_whatever_they_ask() {
    let server = Fixture::new();
    let name = server.put(b"hello");
    let ask = |method: &str, origin: &str| {
        server.ask(&format!("{method} /blobs/{name} HTTP/1.1\r\nHost: localhost:7070\r\n{origin}\r\n"))
    };
    for foreign in [
        "Origin: http://evil.example\r\n",
        "Origin: http://localhost\r\n",
        "Origin: null\r\n",
        "Origin: http://localhost:7070.evil\r\n",
        "Origin: http://localhost:7070\r\nOrigin: http://localhost:7070\r\n",
    ] {
        for method in ["GET", "DELETE"] {
            ask(method, foreign).assert_problem(403, "foreign-origin");
        }
    }
    for ours in ["Origin: http://localhost:7070\r\n", "Origin: https://localhost:7070\r\n"] {
        assert_eq!(ask("GET", ours).status, 200);
    }
    assert_eq!(ask("DELETE", "Origin: http://localhost:7070\r\n").status, 204);
}
