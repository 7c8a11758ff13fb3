//! Commands that must stop early: what they did before is told all the same.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::fixture::{Ran, Site, aqueduct, disk};
use crate::server::{Server, wait_until};

const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

const ABSENT: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

const OTHER: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// Runs the program against a server that gives one answer a connection, and refuses all that comes after.
fn run_against(answers: &'static [&str], site: &Site, arguments: &[&str]) -> Ran {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the test's process.
    thread::spawn(move || {
        for (index, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answers.get(index).unwrap_or(&REFUSAL).as_bytes());
        }
    });
    let mut command = aqueduct();
    command.args(arguments).args(["--json", "--server", &format!("http://{address}")]);
    Ran::of(command.current_dir(site.path(".")))
}

#[track_caller]
fn object(ran: &Ran) -> Value {
    serde_json::from_str(ran.text()).unwrap()
}

#[test]
fn rm_tells_what_it_removed_before_a_line_that_is_no_digest() {
    let site = Site::new();
    site.write("a", "abc");
    site.put("a");
    site.write("list", format!("{ABSENT}\n{ABC}\nnonsense\n"));
    let mut rm = site.command(&["rm", "--json", "-"]);
    let ran = Ran::of(rm.stdin(File::open(site.path("list")).unwrap())).code(2).says("line 3");
    assert_eq!(object(&ran), json!({ "removed": [ABC], "absent": [ABSENT] }));
}

#[test]
fn rm_tells_what_it_removed_before_the_server_refused() {
    let ran = run_against(&[GONE], &Site::new(), &["rm", ABC, ABSENT]).code(9).says("1 blob removed");
    assert_eq!(object(&ran)["removed"], json!([ABC]));
}

#[test]
fn rm_names_each_blob_that_a_server_fails_with_and_goes_on_to_the_next() {
    let ran = run_against(&[FAILURE, GONE, FAILURE], &Site::new(), &["rm", ABSENT, ABC, OTHER]).code(12);
    let ran = ran.says("1 blob removed").says("2 of 3 failed");
    for failed in [ABSENT, OTHER] {
        assert!(ran.stderr.contains(&format!("cannot remove {failed}")), "{}", ran.stderr);
    }
    assert_eq!(object(&ran)["removed"], json!([ABC]));
    // The only one there is to remove is the whole failure.
    run_against(&[FAILURE], &Site::new(), &["rm", ABC]).code(1).says(&format!("cannot remove {ABC}"));
}

#[test]
fn rm_asks_for_nothing_more_of_a_server_that_refuses() {
    let ran = run_against(&[REFUSAL, GONE], &Site::new(), &["rm", ABC, ABSENT]).code(9);
    assert_eq!(object(&ran)["removed"], json!([]));
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[test]
fn put_stops_at_the_first_file_that_a_server_refuses() {
    let site = Site::new();
    for name in ["a", "b", "c"] {
        site.write(name, name);
    }
    let ran = run_against(&[], &site, &["put", "-j", "1", "a", "b", "c"]).code(9);
    let object = object(&ran);
    assert_eq!((&object["files"], &object["failed"][0]["code"]), (&json!([]), &json!(9)), "{object}");
    assert_eq!(object["failed"].as_array().unwrap().len(), 1, "{object}");
}

#[test]
fn put_tells_what_it_stored_before_the_server_went_away() {
    let site = Site::new();
    site.write("a", "abc");
    let server = Server::start(&site);
    let said = NamedTempFile::new_in(disk()).unwrap();
    let mut put = server.command(&site, &["put", "-v", "--json", "a", "-"]);
    put.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(said.reopen().unwrap());
    let mut put = put.spawn().unwrap();
    let stdin = put.stdin.take().unwrap();
    wait_until("a is stored", || fs::read_to_string(&said).unwrap().contains("a: new"));
    server.kill();
    drop(stdin);
    let output = put.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", fs::read_to_string(&said).unwrap());
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&object["files"][0]["digest"], &object["failed"][0]["path"]), (&json!(ABC), &json!("-")));
}

#[test]
fn get_stops_at_the_first_blob_that_a_server_refuses() {
    let site = Site::new();
    let ran = run_against(&[], &site, &["get", ABC, ABSENT, "-o", "."]).code(9);
    assert_eq!(object(&ran), json!({ "files": [] }));
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

const FAILURE: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

const REFUSAL: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

const GONE: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
