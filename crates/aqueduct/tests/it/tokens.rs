//! Who may do what, and how a client says who it is.

use std::fs;

use rustix::process::Signal;

use crate::fixture::{Ran, Site};
use crate::server::Server;

const READ: &str = "r3ad-s3cret";
const WRITE: &str = "wr1te-s3cret";

fn guarded(site: &Site) -> Server {
    site.write("tokens", format!("# ours\nread {READ}\nwrite {WRITE}\n"));
    Server::start_with(site, &["--token-file", "tokens", "-vv"])
}

fn with_token(server: &Server, site: &Site, token: &str, arguments: &[&str]) -> Ran {
    Ran::of(server.command(site, arguments).env("AQUEDUCT_TOKEN", token))
}

#[test]
fn a_token_lets_in_and_nothing_else_does() {
    let site = Site::new();
    site.write("a", "abc");
    let server = guarded(&site);
    server.run(&site, &["put", "a"]).code(9).says("token");
    server.run(&site, &["ls"]).code(9);
    with_token(&server, &site, "wrong", &["ls"]).code(9);
    with_token(&server, &site, READ, &["put", "a"]).code(9);
    let put = with_token(&server, &site, WRITE, &["put", "a", "-vv"]).ok();
    let digest = &put.text()[..71];
    assert_eq!(with_token(&server, &site, READ, &["get", digest]).ok().stdout, b"abc");
    with_token(&server, &site, READ, &["rm", digest]).code(9);

    site.write("mine", format!("{WRITE}\n"));
    server.run(&site, &["has", digest, "--token-file", "mine"]).ok();
    server.run(&site, &["has", digest, "--token-file", "tokens"]).ok();
    server
        .run(&site, &["has", digest, "--token-file", "nothing"])
        .code(8)
        .says("cannot read the token in nothing");
    site.write("bad", "two words\n");
    let bad = server.run(&site, &["has", digest, "--token-file", "bad"]).code(2).says("one word");
    assert!(!bad.stderr.contains("two words"));
    let said = server.stop();
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn a_large_file_is_refused_before_it_is_sent() {
    let site = Site::new();
    site.write("large", vec![7; 64 << 20]);
    let server = guarded(&site);
    server.run(&site, &["put", "large"]).code(9).says("token");
    assert_eq!(with_token(&server, &site, READ, &["ls"]).ok().text(), "");
}

#[test]
fn tokens_are_read_again_and_a_bad_file_keeps_the_old_ones() {
    let site = Site::new();
    let server = guarded(&site);
    fs::write(site.path("tokens"), "this is no token file").unwrap();
    server.signal(Signal::HUP);
    server.wait_until_said("everything stays as it was");
    with_token(&server, &site, READ, &["ls"]).ok();
    fs::write(site.path("tokens"), "write another\n").unwrap();
    server.signal(Signal::HUP);
    server.wait_until_said("read the tokens in");
    with_token(&server, &site, "another", &["ls"]).ok();
    with_token(&server, &site, READ, &["ls"]).code(9);
    let said = server.stop();
    assert!(!said.contains("no token file"), "{said}");
}
