//! Exit codes for servers that are not there, not ours, full, or wrong.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use serde_json::Value;

use crate::child;
use crate::fixture::{Ran, Site, aqueduct, noise};
use crate::server::Server;

const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Runs the program against a server that answers one connection after another with the same bytes.
pub(crate) fn run_against(answer: &'static str, site: &Site, arguments: &[&str]) -> Ran {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let mut command = aqueduct();
    command.args(arguments).args(["--server", &format!("http://{address}")]).current_dir(site.path("."));
    Ran::of(&mut command)
}

#[test]
fn a_server_that_is_not_there_is_5_once_for_all_files() {
    let site = Site::new();
    for name in ["a", "b", "c"] {
        site.write(name, name);
    }
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = format!("http://{address}");
    for arguments in [
        &["put", "a", "b", "c"][..],
        &["get", ABC, "-o", "out"],
        &["get", ABC, ABC, "-o", "."],
        &["has", ABC],
        &["ls"],
        &["rm", ABC],
    ] {
        let mut command = aqueduct();
        command.args(arguments).args(["--server", &server]).current_dir(site.path("."));
        let ran = Ran::of(&mut command).code(5).says("cannot connect to").says("aqueduct serve");
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
    assert!(!site.path("out").exists());
}

#[test]
fn a_server_that_is_not_ours_is_10() {
    let site = Site::new();
    site.write("a", "abc");
    for answer in ["SSH-2.0-OpenSSH_9.9\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<p/>"] {
        run_against(answer, &site, &["ls"]).code(10).says("does not speak as an Aqueduct server");
        run_against(answer, &site, &["has", ABC]).code(10);
    }
    run_against("HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n", &site, &["put", "a"])
        .code(1)
        .says("501");
}

#[test]
fn wrong_bytes_are_6_and_leave_no_file() {
    let site = Site::new();
    let wrong = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabd";
    run_against(wrong, &site, &["get", ABC, "-o", "out"]).code(6).says(ABC);
    assert!(!site.path("out").exists());
    assert_eq!(
        run_against(wrong, &site, &["get", ABC]).code(6).stdout,
        b"abd",
        "nobody was told that it is right"
    );
}

#[test]
fn the_size_that_is_printed_is_that_of_what_came() {
    let site = Site::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    // It ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let len = stream.read(&mut request).unwrap();
            let (size, body) = if request[..len].starts_with(b"HEAD") { (4, "") } else { (3, "abc") };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n");
            stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
        }
    });
    let mut command = aqueduct();
    command.args(["get", ABC, "-o", "out", "--json", "--server", &server]).current_dir(site.path("."));
    let told: Value = serde_json::from_str(Ran::of(&mut command).ok().text()).unwrap();
    assert_eq!(told["files"][0]["size"], 3);
}

#[test]
fn damage_in_the_store_is_no_blob() {
    let site = Site::new();
    site.write("a", "abc");
    let digest = site.put("a");
    fs::set_permissions(site.blob(&digest), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(site.blob(&digest), "abd").unwrap();
    let server = Server::start(&site);
    server.run(&site, &["get", &digest, "-o", "out"]).code(3);
    assert!(!site.path("out").exists());
}

#[test]
fn a_blob_that_is_too_large_is_9() {
    let site = Site::new();
    site.write("small", noise(1000));
    site.write("large", noise(8 << 20));
    let server = Server::start_with(&site, &["--max-blob-size", "1MiB"]);
    server.run(&site, &["put", "large"]).code(9);
    server.run(&site, &["put", "large", "small"]).code(12).says("1 of 2 failed");
    let mut put = server.command(&site, &["put", "-"]);
    Ran::of(put.stdin(fs::File::open(site.path("large")).unwrap())).code(9);
}

#[test]
fn a_full_server_is_7() {
    if !child::is_child() {
        return child::run("rude_servers::a_full_server_is_7");
    }
    let site = Site::in_dir(&child::mount(&["-t", "tmpfs", "-o", "size=16m", "tmpfs"]));
    let outside = Site::new();
    outside.write("large", noise(32 << 20));
    let server = Server::start(&site);
    server.run(&outside, &["put", "large"]).code(7).says("free some space");
    let mut put = server.command(&outside, &["put", "-"]);
    Ran::of(put.stdin(fs::File::open(outside.path("large")).unwrap())).code(7);
    assert_eq!(server.run(&outside, &["ls"]).ok().text(), "", "nothing of it is there");
    outside.write("small", noise(1 << 20));
    server.put(&outside, "small");
}
