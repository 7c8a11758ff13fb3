//! Standard input and output, devices, and ranges.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::Stdio;

use crate::fixture::{Ran, Site, noise, sha256sum};

#[test]
fn standard_input_is_stored() {
    let site = Site::new();
    let bytes = noise(9 << 20);
    let path = site.write("a", &bytes);
    let mut put =
        site.command(&["put", "-q", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    put.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = put.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}  -\n", sha256sum(&path)));
    // A file whose position is not at its start is taken from there on.
    let mut file = File::open(&path).unwrap();
    file.read_exact(&mut [0; 100]).unwrap();
    let ran = Ran::of(site.command(&["put", "-"]).stdin(file)).ok();
    site.write("rest", &bytes[100..]);
    assert_eq!(&ran.text()[..71], sha256sum(&site.path("rest")));
}

#[test]
fn a_pipe_that_has_a_name_is_read_to_its_end() {
    let site = Site::new();
    rustix::fs::mknodat(rustix::fs::CWD, site.path("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    let put = site.command(&["put", "-q", "fifo"]).stdout(Stdio::piped()).spawn().unwrap();
    File::options().write(true).open(site.path("fifo")).unwrap().write_all(b"abc").unwrap();
    let output = put.wait_with_output().unwrap();
    assert!(output.stdout.starts_with(b"sha256:ba7816bf"), "{output:?}");
}

#[test]
fn a_blob_goes_to_a_pipe_a_file_and_a_device() {
    let site = Site::new();
    let bytes = noise((9 << 20) + 5);
    site.write("a", &bytes);
    let digest = site.put("a");
    assert!(site.run(&["get", &digest]).ok().stdout == bytes);
    assert!(
        site.run(&["get", &digest, &digest, "-o", "-", "-j", "3"]).ok().stdout
            == [&bytes[..], &bytes].concat()
    );
    // sendfile(2) refuses a file in append mode: there is another way.
    let appended = File::options().append(true).create(true).open(site.path("log")).unwrap();
    Ran::of(site.command(&["get", &digest, "-v"]).stdout(appended)).code(0);
    site.run(&["get", &digest, "-o", "/dev/null"]).ok();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_range_is_the_bytes_it_says() {
    let site = Site::new();
    let bytes = noise((9 << 20) + 5);
    let size = bytes.len();
    site.write("a", &bytes);
    let digest = site.put("a");
    for (range, expected) in [
        ("0-0", 0..1),
        ("0-99", 0..100),
        ("4194303-4194304", (4 << 20) - 1..(4 << 20) + 1),
        ("4194304-8388607", 4 << 20..8 << 20),
        ("8388608-", 8 << 20..size),
        ("1-99999999999999999999", 1..size),
        ("-5", size - 5..size),
        ("-99999999999", 0..size),
    ] {
        let wanted = format!("{digest}/{range}");
        assert!(site.run(&["get", &wanted]).ok().stdout == bytes[expected.clone()], "{range}");
        let out = format!("bytes {range}");
        site.run(&["get", &wanted, "-o", &out]).ok();
        assert!(fs::read(site.path(out)).unwrap() == bytes[expected], "{range} to a file");
    }
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let site = Site::new();
    site.write("a", noise(64 << 20));
    let digest = site.put("a");
    let mut get = site.command(&["get", &digest]).stdout(Stdio::piped()).spawn().unwrap();
    get.stdout.take().unwrap().read_exact(&mut [0; 10]).unwrap();
    assert_eq!(get.wait().unwrap().code(), Some(0));

    for command in [&["ls"][..], &["put", "a"], &["has", &digest], &["man"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Ran::of(site.command(command).stdout(writer)).ok();
    }
}

#[test]
fn quiet_is_quiet() {
    let site = Site::new();
    site.write("a", "abc");
    let put = site.run(&["put", "a", "-q"]).ok();
    assert_eq!((put.stderr.as_str(), put.stdout.len()), ("", 71 + 4));
    let digest = site.put("a");
    assert_eq!(site.run(&["get", "-q", &digest, "-o", "out"]).ok().stderr, "");
}

#[test]
fn digests_come_from_standard_input_by_the_thousand() {
    let site = Site::new();
    site.write("a\\b", "abc");
    let line = site.run(&["put", "a\\b"]).ok();
    let absent = format!("sha256:{}\n", "0".repeat(64));
    site.write("list", [line.text(), &absent.repeat(5000)].concat());
    let list = || File::open(site.path("list")).unwrap();
    let ran = Ran::of(site.command(&["has", "-"]).stdin(list())).code(3).says("5000 of 5001");
    assert_eq!(ran.text().lines().count(), 1, "an escaped line of put is understood");
    Ran::of(site.command(&["rm", "-f", "-"]).stdin(list())).ok().says("1 blob removed");
}
