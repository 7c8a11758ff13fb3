//! A client of the native protocol that was written from its page alone, in another language: it shares no code with ours.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::fixture::{Ran, Site, disk};
use crate::server::Server;

#[test]
fn it_puts_small_blobs_and_asks_about_them() {
    assert_scenario("small_blobs");
}

#[test]
fn it_puts_a_large_blob_and_gets_parts_of_it() {
    assert_scenario("large_blobs");
}

#[test]
fn it_goes_on_with_an_upload_after_its_line_was_cut() {
    assert_scenario("uploads");
}

#[test]
fn it_sends_segments_in_any_order_over_two_connections() {
    assert_scenario("checkpoints");
}

#[test]
fn it_is_refused_and_goes_on() {
    assert_scenario("task_errors");
}

#[test]
fn it_is_told_why_its_connection_closes() {
    assert_scenario("conversations");
}

#[test]
fn it_reads_and_writes_the_test_vectors() {
    assert_scenario("vectors");
}

#[test]
fn it_needs_a_token_where_everybody_does() {
    let site = Site::new();
    site.write("tokens", "read r3ad-s3cret\nwrite wr1te-s3cret\n");
    let server = Server::start_with(&site, &["--token-file", "tokens"]);
    Ran::of(&mut stranger(&server, &["without_a_token"])).ok();
    Ran::of(&mut stranger(&server, &["with_tokens", "r3ad-s3cret", "wr1te-s3cret"])).ok();
}

#[test]
fn it_finishes_what_it_began_when_the_server_stops() {
    let site = Site::new();
    let server = Server::start(&site);
    let mut command = stranger(&server, &["stopping"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    server.signal(Signal::TERM);
    child.stdin.take().unwrap().write_all(b"stopped\n").unwrap();
    assert!(child.wait().unwrap().success());
    let (status, said) = server.wait();
    assert_eq!(status.code(), Some(0), "{said}");
}

/// Runs a scenario against a server of its own.
#[track_caller]
fn assert_scenario(name: &str) {
    let site = Site::new();
    let server = Server::start(&site);
    let ran = Ran::of(&mut stranger(&server, &[name])).ok();
    assert_eq!(ran.text(), "as the page says\n");
}

fn stranger(server: &Server, arguments: &[&str]) -> Command {
    let python = disk().parent().unwrap().join("tools/python/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask tools`", python.display());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/native_client/client.py");
    let (host, port) = server.url.split_once("://").unwrap().1.split_once(':').unwrap();
    let mut command = Command::new(python);
    // Not a file is to be left beside the script.
    command.arg("-B").arg(script).args([host, port]).args(arguments).stdin(Stdio::null());
    command
}
