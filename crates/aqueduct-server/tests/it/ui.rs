//! The page for people: its files, what a browser is told of them, and who may have them.

use std::io::Write;

use aqueduct_server::Tokens;

use crate::fixture::{Fixture, Reply};

fn get(server: &Fixture, path: &str, more: &str) -> Reply {
    server.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n"))
}

/// The addresses that a text names: in an attribute, or in an import.
fn named(text: &str) -> Vec<&str> {
    text.split(['"', '\'']).filter(|piece| piece.starts_with("/ui/")).collect()
}

#[test]
fn every_file_that_the_page_names_is_there_and_is_what_a_browser_takes_it_for() {
    let server = Fixture::new();
    let mut paths = vec!["/ui".to_owned()];
    let mut seen = 0;
    while seen < paths.len() {
        let path = paths[seen].clone();
        seen += 1;
        let reply = get(&server, &path, "");
        assert_eq!(reply.status, 200, "{path}");
        let expected = match path.rsplit_once('.').map(|(_, kind)| kind) {
            None => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some(other) => panic!("{path} is of kind {other}"),
        };
        assert_eq!(reply.field("Content-Type"), Some(expected), "{path}");
        assert_eq!(reply.field("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(reply.field("Cache-Control"), Some("no-store"));
        let policy = reply.field("Content-Security-Policy").unwrap();
        for directive in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(directive), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        for name in named(reply.text()) {
            if !paths.iter().any(|known| known == name) {
                paths.push(name.to_owned());
            }
        }
    }
    assert!(paths.len() >= 4, "{paths:?}");
}

/// The policy would refuse them, and the page would lack them without a word.
#[test]
fn nothing_in_the_page_is_inline_or_of_another_server() {
    let server = Fixture::new();
    let page = get(&server, "/ui", "");
    let page = page.text();
    for inline in ["<style", " style=", " onclick=", " onload=", "javascript:", "http://", "https://", "\"//"]
    {
        assert!(!page.contains(inline), "{inline}");
    }
    assert!(page.matches("<script").all(|_| page.contains("<script type=\"module\" src=\"/ui/")));
}

#[test]
fn the_page_is_read_and_nothing_else() {
    let server = Fixture::new();
    let refused =
        server.ask("POST /ui HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    refused.assert_problem(405, "method-not-allowed");
    assert_eq!(refused.field("Allow"), Some("GET, HEAD"));
    get(&server, "/ui/other.js", "").assert_problem(404, "no-such-path");
    let mut peer = server.connect();
    peer.say("HEAD /ui HTTP/1.0\r\n\r\n");
    let head = peer.head();
    assert_eq!(head.status, 200);
    assert!(head.field("Content-Length").unwrap().parse::<u64>().unwrap() > 0);
    peer.assert_closed();
}

/// A browser asks its user for a password where the answer offers `Basic`, and sends it with all it asks from then on.
#[test]
fn a_browser_that_brings_no_token_is_told_to_ask_for_one() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"read reader\nwrite writer\n").unwrap();
    let server = Fixture::with(|options| options.tokens = Some(Tokens::load(file.path()).unwrap()));
    for path in ["/ui", "/ui/app.js"] {
        let refused = get(&server, path, "");
        refused.assert_problem(401, "needs-token");
        assert!(refused.fields("WWW-Authenticate").any(|challenge| challenge.starts_with("Basic ")));
        // any:reader
        assert_eq!(get(&server, path, "Authorization: Basic YW55OnJlYWRlcg==\r\n").status, 200);
        get(&server, path, "Origin: http://evil.example\r\nAuthorization: Bearer reader\r\n")
            .assert_problem(403, "foreign-origin");
    }
}
