//! What a server says of itself, for a terminal.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;

use crate::fixture::{Site, noise};
use crate::rude_servers::run_against;
use crate::server::Server;

#[test]
fn a_server_says_what_it_has_and_what_it_did() {
    let site = Site::new();
    site.write("file", noise(300_000));
    let server = Server::start(&site);
    server.put(&site, "file");
    let ran = server.run(&site, &["status"]).ok();
    let line = |name: &str| {
        let line = ran.text().lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {}", ran.text())).to_owned()
    };
    assert!(line("server").contains(env!("CARGO_PKG_VERSION")), "{}", line("server"));
    assert!(line("store").contains("1 blob, 292.97 KiB"), "{}", line("store"));
    assert!(!line("received").contains("none"), "{}", line("received"));
    let ran = server.run(&site, &["status", "--json"]).ok();
    let status: Value = serde_json::from_str(ran.text()).unwrap();
    assert_eq!(status["store"]["blobs"], 1);
    server.stop();
}

#[test]
fn a_watch_asks_again_and_says_what_moved_a_second() {
    let site = Site::new();
    site.write("file", noise(300_000));
    let server = Server::start(&site);
    let mut watch =
        server.command(&site, &["status", "--watch", "1"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.by_ref().any(|line| line == "received     none"), "nothing came yet");
    server.put(&site, "file");
    let received = lines.find(|line| line.starts_with("received ") && !line.ends_with("none"));
    assert!(received.as_ref().is_some_and(|line| line.ends_with("/s)")), "{received:?}");
    watch.kill().unwrap();
    watch.wait().unwrap();
    server.stop();
}

#[test]
fn a_status_that_cannot_be_had_says_why_by_its_exit_code() {
    let site = Site::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    site.run(&["status", "--server", &format!("http://{nobody}")]).code(5);
    site.run(&["status", "--store", "store"]).code(2).says("status asks a server");
    let absent = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    run_against(absent, &site, &["status"]).code(10);
    let other = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    run_against(other, &site, &["status"]).code(10);
    site.write("tokens", "read reader\n");
    let server = Server::start_with(&site, &["--token-file", "tokens"]);
    server.run(&site, &["status"]).code(9);
    server.run(&site, &["status", "--token-file", "tokens"]).ok();
    server.stop();
}
