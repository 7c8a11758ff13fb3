//! The same commands by way of a server: bytes go in, and the same bytes come out.

use std::fs::{self, File};
use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::fixture::{Ran, Site, noise, sha256sum};
use crate::server::Server;

const SIZES: [usize; 6] = [0, 1, 65_537, 4 << 20, (4 << 20) + 1, (9 << 20) + 5];

const ABSENT: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// Makes files of all sizes in `in`.
fn files(site: &Site) -> Vec<String> {
    fs::create_dir(site.path("in")).unwrap();
    let names: Vec<_> = SIZES.iter().map(|size| format!("in/{size}")).collect();
    for (name, size) in names.iter().zip(SIZES) {
        site.write(name, noise(size));
    }
    names
}

#[test]
fn what_is_put_is_what_is_got() {
    let site = Site::new();
    let names = files(&site);
    let server = Server::start(&site);
    let put = server.run(&site, &["put", "in"]).ok().says("6 new");
    let mut sorted = names.clone();
    sorted.sort();
    let expected: Vec<_> =
        sorted.iter().map(|name| format!("{}  {name}", sha256sum(&site.path(name)))).collect();
    assert_eq!(put.text().lines().collect::<Vec<_>>(), expected, "in the order of the sources");

    let digests: Vec<_> = expected.iter().map(|line| &line[..71]).collect();
    fs::create_dir(site.path("out")).unwrap();
    server.run(&site, &[&["get", "-o", "out"], &digests[..]].concat()).ok().says("verified");
    let all = server.run(&site, &[&["get"], &digests[..]].concat()).ok();
    let mut concatenated = Vec::new();
    for (name, digest) in sorted.iter().zip(&digests) {
        let bytes = fs::read(site.path(name)).unwrap();
        let arrived = site.path("out").join(digest.replace(':', "-"));
        assert_eq!(sha256sum(&arrived), *digest);
        assert!(fs::read(&arrived).unwrap() == bytes, "{name}");
        concatenated.extend(bytes);
    }
    assert!(all.stdout == concatenated);

    let listed = server.run(&site, &["ls"]).ok();
    let mut by_digest = digests.clone();
    by_digest.sort_unstable();
    assert_eq!(listed.text().lines().collect::<Vec<_>>(), by_digest);
    server.stop();
    // The store has the same to say.
    assert_eq!(site.run(&["ls"]).ok().text(), listed.text());
    site.run(&["verify"]).ok().says("all intact");
}

#[test]
fn a_second_put_sends_no_small_file_again() {
    let site = Site::new();
    files(&site);
    let server = Server::start(&site);
    let put = || -> Value {
        let object: Value =
            serde_json::from_str(server.run(&site, &["put", "in", "--json"]).ok().text()).unwrap();
        assert_eq!(object["files"].as_array().unwrap().len(), SIZES.len());
        object
    };
    let first = put();
    // What is small goes from memory, with others like it.
    let (large, small): (Vec<_>, Vec<_>) = SIZES.iter().partition(|size| **size > 64 << 10);
    let sum = |sizes: Vec<usize>| sizes.into_iter().sum::<usize>();
    assert_eq!(
        first["carried"],
        serde_json::json!({ "copy": sum(small), "sendfile": sum(large) }),
        "{first}"
    );
    let second = put();
    assert_eq!(second["new"], 0);
    for file in second["files"].as_array().unwrap() {
        // Those up to 4 MiB are hashed, and asked for by their digest.
        if file["size"].as_u64().unwrap() <= 4 << 20 {
            assert_eq!(file["carried"], serde_json::json!({}), "{file}");
        }
    }
}

#[test]
fn an_algorithm_can_be_chosen() {
    let site = Site::new();
    files(&site);
    let server = Server::start(&site);
    let put = server.run(&site, &["put", "in", "--digest", "blake3"]).ok();
    for line in put.text().lines() {
        let (digest, name) = line.split_once("  ").unwrap();
        let b3sum =
            std::process::Command::new("b3sum").arg("--no-names").arg(site.path(name)).output().unwrap();
        assert_eq!(digest, format!("blake3:{}", String::from_utf8(b3sum.stdout).unwrap().trim()));
        server.run(&site, &["get", digest, "-o", "out", "-f"]).ok();
        assert!(fs::read(site.path("out")).unwrap() == fs::read(site.path(name)).unwrap());
    }
}

#[test]
fn streams_are_stored_as_they_come() {
    let site = Site::new();
    let bytes = noise(3_000_000);
    let path = site.write("a", &bytes);
    let server = Server::start(&site);
    let mut put = server.command(&site, &["put", "-", "-q"]);
    let mut put = put.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    put.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = put.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}  -\n", sha256sum(&path)));
    // A file of /proc has no size, and bytes all the same.
    let proc = server.run(&site, &["put", "/proc/version"]).ok();
    let version = server.run(&site, &["get", &proc.text()[..71]]).ok();
    assert_eq!(version.stdout, fs::read("/proc/version").unwrap());
}

#[test]
fn a_range_is_the_bytes_it_says_and_said_to_be_unverified() {
    let site = Site::new();
    let bytes = noise((9 << 20) + 5);
    let size = bytes.len();
    site.write("a", &bytes);
    let server = Server::start(&site);
    let digest = server.put(&site, "a");
    for (range, expected) in [
        ("0-99", 0..100),
        ("4194303-4194304", 4_194_303..4_194_305),
        ("9437184-", 9 << 20..size),
        ("-5", size - 5..size),
    ] {
        let wanted = format!("{digest}/{range}");
        let ran = server.run(&site, &["get", &wanted, "-v"]).ok().says("not verified");
        assert!(ran.stdout == bytes[expected.clone()], "{range}");
        let out = format!("bytes {range}");
        let ran = server.run(&site, &["get", &wanted, "-o", &out, "--json"]).ok();
        let object: Value = serde_json::from_str(ran.text()).unwrap();
        assert_eq!(object["files"][0]["verified"], false);
        assert!(fs::read(site.path(out)).unwrap() == bytes[expected], "{range} to a file");
    }
    server.run(&site, &["get", &digest, "-o", "whole", "--json"]).ok();
    server.run(&site, &["get", &format!("{digest}/{size}-")]).code(3).says("begins behind them");
    site.write("empty", "");
    let empty = server.put(&site, "empty");
    assert_eq!(server.run(&site, &["get", &format!("{empty}/-5")]).ok().stdout, b"");
    server.run(&site, &["get", &format!("{empty}/-5"), "-o", "nothing"]).ok();
    assert_eq!(fs::read(site.path("nothing")).unwrap(), b"");
}

#[test]
fn a_file_that_exists_is_replaced_by_force_alone_and_spared_if_it_is_the_blob() {
    let site = Site::new();
    site.write("a", noise(100_000));
    let server = Server::start(&site);
    let digest = server.put(&site, "a");
    site.write("out", "mine");
    server.run(&site, &["get", &digest, "-o", "out"]).code(4).says("--force");
    server.run(&site, &["get", &format!("{digest}/0-9"), "-o", "out"]).code(4);
    assert_eq!(fs::read(site.path("out")).unwrap(), b"mine");
    server.run(&site, &["get", &digest, "-o", "out", "-f"]).ok();
    assert!(fs::read(site.path("out")).unwrap() == noise(100_000));
    server.run(&site, &["get", &digest, "-o", "out"]).ok().says("already");
    server.run(&site, &["get", &digest, "-o", "/dev/null"]).ok();
}

#[test]
fn has_and_rm_answer_for_many() {
    let site = Site::new();
    site.write("a", "abc");
    let server = Server::start(&site);
    let digest = server.put(&site, "a");
    assert_eq!(server.run(&site, &["has", &digest]).ok().text(), format!("{digest}\n"));
    site.write("list", format!("{digest}  a\n{}", format!("{ABSENT}\n").repeat(20_000)));
    let list = || File::open(site.path("list")).unwrap();
    let ran = Ran::of(server.command(&site, &["has", "-"]).stdin(list())).code(3).says("20000 of 20001");
    assert_eq!(ran.text(), format!("{digest}\n"));
    let ran = server.run(&site, &["has", "--json", &digest, ABSENT]).code(3);
    let present: Vec<_> = ran
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["present"].clone())
        .collect();
    assert_eq!(present, [true, false]);
    server.run(&site, &["rm", ABSENT]).code(3).says("is not in the store");
    server.run(&site, &["rm", &digest, ABSENT]).code(3).says("1 blob removed");
    server.run(&site, &["rm", "-f", &digest]).ok();
    server.run(&site, &["has", &digest]).code(3);
}

#[test]
fn a_list_goes_through_pages() {
    let site = Site::new();
    fs::create_dir(site.path("in")).unwrap();
    for index in 0..25 {
        site.write(format!("in/{index}"), format!("{index}"));
    }
    let server = Server::start(&site);
    server.run(&site, &["put", "in"]).ok();
    let all = server.run(&site, &["ls"]).ok().says("25 blobs");
    let lines: Vec<_> = all.text().lines().collect();
    assert_eq!(lines.len(), 25);
    let some = server.run(&site, &["ls", "--limit", "7"]).ok();
    assert_eq!(some.text().lines().collect::<Vec<_>>(), lines[..7]);
    let rest = server.run(&site, &["ls", "--after", lines[20]]).ok();
    assert_eq!(rest.text().lines().collect::<Vec<_>>(), lines[21..]);
    let long = server.run(&site, &["ls", "-l", "--limit", "1"]).ok();
    assert!(long.text().starts_with(lines[0]) && long.text().trim_end().ends_with('Z'), "{}", long.text());
    let json: Value =
        serde_json::from_str(server.run(&site, &["ls", "--json", "--limit", "1"]).ok().text()).unwrap();
    assert_eq!(json["digest"], lines[0]);
}

#[test]
fn one_failure_among_several_files_is_12_and_the_others_are_stored() {
    let site = Site::new();
    site.write("a", "a");
    site.write("b", "b");
    let server = Server::start(&site);
    let ran = server.run(&site, &["put", "a", "nothing", "/proc/self/mem", "b"]).code(12);
    let ran = ran.says("cannot read nothing").says("/proc/self/mem").says("2 of 4 failed");
    let names: Vec<_> = ran.text().lines().map(|line| line.split("  ").nth(1).unwrap()).collect();
    assert_eq!(names, ["a", "b"]);
    let ran = server.run(&site, &["get", ABSENT, &ran.text()[..71], "-o", "."]).code(12);
    assert!(ran.stderr.contains("is not in the store"), "{}", ran.stderr);
}
