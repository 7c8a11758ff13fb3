//! What build caches keep: listed, counted and forgotten, on a server and in its store.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::fixture::{Ran, Site};
use crate::server::Server;

/// What ccache asks for, whose keys are 40 hex digits.
const FIRST: &str = "0123456789abcdef0123456789abcdef01234567";
const SECOND: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// The digest of `abc`.
const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Puts a value as a client of a build cache does.
fn put(server: &Server, path: &str, value: &str) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let (address, len) = (server.address(), value.len());
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all((head + value).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 20"), "{path}: {answer}");
}

/// Has two of one part of ccache, one of another, and one of Nx.
fn fill(server: &Server) {
    put(server, &format!("/main/{SECOND}"), "abc");
    put(server, &format!("/main/{FIRST}"), "a result");
    put(server, &format!("/other/{FIRST}"), "abc");
    put(server, "/v1/cache/task-1", "abc");
}

#[test]
fn entries_are_listed_in_order_on_a_server_and_in_its_store() {
    let site = Site::new();
    let server = Server::start(&site);
    fill(&server);
    let all = [
        format!("{FIRST} ccache/main"),
        format!("{SECOND} ccache/main"),
        format!("{FIRST} ccache/other"),
        "task-1 nx".to_owned(),
    ];
    let lists = |ran: &dyn Fn(&[&str]) -> Ran| {
        let lines = |arguments: &[&str]| {
            let ran = ran(arguments).ok();
            ran.text().lines().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(lines(&["entries"]), all);
        assert_eq!(lines(&["entries", "ccache/main"]), all[..2]);
        assert_eq!(lines(&["entries", "ccache"]), [""; 0], "a part is not in the whole");
        assert_eq!(lines(&["entries", "--limit", "3"]), all[..3]);
        assert_eq!(lines(&["entries", "--limit", "0"]), [""; 0]);
        assert_eq!(lines(&["entries", "ccache/main", "--after", FIRST]), all[1..2]);
        let long = lines(&["entries", "-l", "nx"]);
        let words: Vec<_> = long[0].split_whitespace().collect();
        assert_eq!([words[0], words[1], words[2], words[4], words[5]], ["task-1", "3", "0", ABC, "nx"]);
        let mut object: Value = serde_json::from_str(&lines(&["entries", "--json", "nx"])[0]).unwrap();
        let written = object.as_object_mut().unwrap().remove("written").unwrap();
        assert_eq!(written, words[3]);
        let expected =
            json!({ "namespace": "nx", "key": "task-1", "digest": ABC, "size": 3, "references": [] });
        assert_eq!(object, expected);
    };
    lists(&|arguments| server.run(&site, arguments));
    let summary = "4 entries, 17 B: 2 in ccache/main, 1 in ccache/other, 1 in nx";
    server.run(&site, &["entries"]).ok().says(summary);
    server.run(&site, &["entries", "nx"]).ok().says("1 entry, 3 B in nx");
    server.stop();
    // The store has the same to say.
    lists(&|arguments| site.run(arguments));
    site.run(&["entries"]).ok().says(summary);
}

#[test]
fn entries_are_counted_by_namespace() {
    let site = Site::new();
    let server = Server::start(&site);
    server.run(&site, &["entries", "--counts"]).ok().says("0 entries, 0 B\n");
    fill(&server);
    let counts = |ran: Ran| {
        let line = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        ran.ok().text().lines().map(line).collect::<Vec<_>>()
    };
    let expected = [["2", "11", "ccache/main"], ["1", "3", "ccache/other"], ["1", "3", "nx"]];
    assert_eq!(counts(server.run(&site, &["entries", "--counts"])), expected);
    assert_eq!(
        counts(server.run(&site, &["entries", "--count", "nx"])),
        expected[2..],
        "in the singular, too"
    );
    let status = server.run(&site, &["status"]).ok();
    assert!(status.text().contains("\nentries      3 ccache, 1 nx\n"), "{}", status.text());
    server.stop();
    let ran = site.run(&["entries", "--counts", "--json", "ccache/main"]).ok();
    let object: Value = serde_json::from_str(ran.text().trim_end()).unwrap();
    assert_eq!(object, json!({ "namespace": "ccache/main", "count": 2, "size": 11 }));
}

#[test]
fn keys_are_forgotten_and_their_blobs_stay() {
    let site = Site::new();
    let server = Server::start(&site);
    fill(&server);
    let absent = "f".repeat(40);
    let ran = server.run(&site, &["forget", "ccache/main", FIRST, &absent]).code(3).says("1 entry forgotten");
    let ran = ran.says(&format!("there is no entry {absent} in ccache/main"));
    assert_eq!(ran.text(), "");
    server.run(&site, &["forget", "-f", "ccache/main", FIRST, &absent]).ok().says("0 entries forgotten");
    assert_eq!(server.run(&site, &["entries", "ccache/main"]).ok().text(), format!("{SECOND} ccache/main\n"));
    site.write("list", server.run(&site, &["entries", "nx"]).ok().stdout);
    let mut forget = server.command(&site, &["forget", "nx", "--json", "-"]);
    let ran = Ran::of(forget.stdin(File::open(site.path("list")).unwrap())).ok();
    let object: Value = serde_json::from_str(ran.text().trim_end()).unwrap();
    assert_eq!(object, json!({ "namespace": "nx", "forgotten": ["task-1"], "absent": [] }));
    server.run(&site, &["has", ABC]).ok();
    server.stop();
    // In the store they are gone as well, and what is forgotten there stays so.
    site.run(&["forget", "ccache/other", FIRST]).ok().says("1 entry forgotten");
    assert_eq!(site.run(&["entries"]).ok().text(), format!("{SECOND} ccache/main\n"));
    site.run(&["forget", "ccache/other", FIRST]).code(3).says("there is no entry");
    site.run(&["has", ABC]).ok();
}

#[test]
fn all_of_a_namespace_is_forgotten_and_nothing_else() {
    let site = Site::new();
    let server = Server::start(&site);
    fill(&server);
    server.run(&site, &["forget", "ccache", "--all"]).ok().says("0 entries forgotten");
    server.run(&site, &["forget", "ccache/main", "--all"]).ok().says("2 entries forgotten");
    let rest = format!("{FIRST} ccache/other\ntask-1 nx\n");
    assert_eq!(server.run(&site, &["entries"]).ok().text(), rest);
    server.stop();
    site.run(&["forget", "nx", "--all"]).ok().says("1 entry forgotten");
    assert_eq!(site.run(&["entries"]).ok().text(), format!("{FIRST} ccache/other\n"));
}

#[test]
fn an_entry_goes_with_its_blob() {
    let site = Site::new();
    let server = Server::start(&site);
    fill(&server);
    server.run(&site, &["rm", ABC]).ok();
    assert_eq!(server.run(&site, &["entries"]).ok().text(), format!("{FIRST} ccache/main\n"));
}

#[test]
fn nobody_forgets_everything_by_mistake() {
    let site = Site::new();
    site.run(&["put", "/dev/null"]).ok();
    site.run(&["forget", "nx"]).code(2).says("name the keys to forget");
    site.run(&["forget", "nx", "task-1", "--all"]).code(2);
    site.run(&["forget", "nx", ""]).code(2).says("a key is not empty");
    site.run(&["entries", "--after", "task-1"]).code(2).says("name that, too");
    site.write("config.toml", "[forget]\nall = true\n");
    site.run(&["forget", "nx", "--config", "config.toml"]).code(2).says("all cannot stand in a file");
    let mut forget = site.command(&["forget", "nx"]);
    Ran::of(forget.env("AQUEDUCT_ALL", "true")).code(2).says("name the keys to forget");
}

#[test]
fn whoever_may_only_read_forgets_nothing() {
    let site = Site::new();
    site.write("tokens", "read reader\nwrite writer\n");
    let server = Server::start_with(&site, &["--token-file", "tokens"]);
    let run = |token: &str, arguments: &[&str]| {
        Ran::of(server.command(&site, arguments).env("AQUEDUCT_TOKEN", token))
    };
    server.run(&site, &["entries"]).code(9);
    run("reader", &["entries"]).ok();
    run("reader", &["forget", "nx", "task-1"]).code(9);
    run("writer", &["forget", "-f", "nx", "task-1"]).ok();
    server.stop();
}
