//! SIGHUP: what a server reads again, takes, and says of it.

use std::fs;
use std::process::Command;

use rustix::process::Signal;

use crate::fixture::{Site, aqueduct};
use crate::server::Server;

/// A server that goes by a file.
fn configured(site: &Site, text: &str) -> Server {
    site.write("config.toml", text);
    let mut command = aqueduct();
    command.args(["serve", "--store", "store", "--listen", "127.0.0.1:0", "--config", "config.toml"]);
    Server::spawn(command.current_dir(site.path(".")))
}

fn change(server: &Server, site: &Site, text: &str) {
    site.write("config.toml", text);
    server.signal(Signal::HUP);
}

#[test]
fn what_can_be_taken_is_and_the_log_says_what_and_what_takes_a_restart() {
    let site = Site::new();
    site.write("a", "abc");
    let server = configured(&site, "[serve]\nmax-size = \"1GiB\"\n");
    server.wait_until_said("configured by config.toml");
    server.run(&site, &["put", "a"]).ok();
    change(&server, &site, "[serve]\nmax-size = \"2GiB\"\nmax-blob-size = 2\nsync = \"none\"\ngrace = 7\n");
    server.wait_until_said("took grace: 30 -> 7");
    let said = server.said();
    assert!(said.contains("took max-size: \"1GiB\" -> \"2GiB\""), "{said}");
    assert!(said.contains("took max-blob-size: \"1TiB\" -> 2"), "{said}");
    assert!(said.contains("sync changed: \"full\" -> \"none\", which takes a restart"), "{said}");
    site.write("b", "abcd");
    server.run(&site, &["put", "b"]).code(9);
    // What was taken is no change any more, and what was not still is one.
    server.signal(Signal::HUP);
    let restarts = || server.said().matches("sync changed").count() == 2;
    crate::server::wait_until("a second look", restarts);
    assert_eq!(server.said().matches("took ").count(), 3, "{}", server.said());
    change(&server, &site, "[serve]\nsync = \"full\"\nmax-size = \"2GiB\"\n");
    server.wait_until_said("took max-blob-size: 2 -> \"1TiB\"");
    server.run(&site, &["put", "b"]).ok();
    server.stop();
}

#[test]
fn a_file_that_is_wrong_changes_nothing() {
    let site = Site::new();
    site.write("a", "abc");
    let server = configured(&site, "[serve]\nmax-blob-size = 3\n");
    change(&server, &site, "[serve]\nmax-blob-size = 1\ngrase = 1\n");
    server.wait_until_said("config.toml:3: unknown key grase: serve has no such option; did you mean grace?");
    server.wait_until_said("everything stays as it was");
    server.run(&site, &["put", "a"]).ok();
    change(&server, &site, "[serve]\nmax-blob-size = 1\ntoken-file = \"absent\"\n");
    server.wait_until_said("absent");
    site.write("b", "abd");
    server.run(&site, &["put", "b"]).ok();
    fs::remove_file(site.path("config.toml")).unwrap();
    server.signal(Signal::HUP);
    server.wait_until_said("cannot read config.toml");
    server
        .run(&site, &["has", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"])
        .ok();
    server.stop();
}

#[test]
fn tokens_can_come_to_a_server_that_had_none() {
    let site = Site::new();
    site.write("tokens", "write s3cret\n");
    let server = configured(&site, "");
    server.run(&site, &["ls"]).ok();
    change(&server, &site, "[serve]\ntoken-file = \"tokens\"\n");
    server.wait_until_said("took token-file");
    server.run(&site, &["ls"]).code(9);
    server.run(&site, &["ls", "--token-file", "tokens"]).ok();
    assert!(!server.stop().contains("s3cret"));
}

#[test]
fn a_limit_where_there_was_none_takes_a_restart() {
    let site = Site::new();
    let server = configured(&site, "");
    server.signal(Signal::HUP);
    server.wait_until_said("no option changed");
    change(&server, &site, "[serve]\nmin-free = \"1MiB\"\nlease = \"1min\"\n");
    server.wait_until_said("min-free changed: 0 -> \"1MiB\", which takes a restart");
    server.wait_until_said("took lease: \"10min\" -> \"1min\"");
    server.stop();
}

#[test]
fn a_file_that_nobody_answers_for_keeps_no_server_from_stopping() {
    let site = Site::new();
    let server = configured(&site, "");
    fs::remove_file(site.path("config.toml")).unwrap();
    // Who opens it waits for somebody who writes: fifo(7).
    assert!(Command::new("mkfifo").arg(site.path("config.toml")).status().unwrap().success());
    server.signal(Signal::HUP);
    server.stop();
}
