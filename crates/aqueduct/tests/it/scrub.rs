//! Scrubbing as a user does it, and as a server does it by itself.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::fixture::{Site, noise};
use crate::server::Server;

const SIZE: usize = 9 << 20;

/// A store of three blobs, one of which has rotted.
fn rotten() -> (Site, String) {
    let site = Site::new();
    site.write("a", noise(SIZE));
    site.write("b", "good");
    site.write("c", noise(100_000));
    let digest = site.put("a");
    site.run(&["put", "b", "c"]).ok();
    rot(&site, &digest);
    (site, digest)
}

/// Rot changes no time of a file.
fn rot(site: &Site, digest: &str) {
    let blob = site.blob(digest);
    let written = fs::metadata(&blob).unwrap().modified().unwrap();
    fs::set_permissions(&blob, fs::Permissions::from_mode(0o644)).unwrap();
    let file = File::options().write(true).open(&blob).unwrap();
    file.write_all_at(b"!", 5 << 20).unwrap();
    file.set_modified(written).unwrap();
    fs::set_permissions(&blob, fs::Permissions::from_mode(0o444)).unwrap();
}

#[test]
fn scrub_names_the_bytes_and_the_good_copy_can_come_again() {
    let (site, digest) = rotten();
    let ran = site.run(&["scrub", "-j", "2"]).code(6).says("3 blobs").says("1 damaged");
    assert_eq!(
        ran.text(),
        format!("{digest} damaged in bytes 4194304-8388607 of {SIZE}; moved to quarantine\n")
    );
    let note = site.store().join("quarantine").join(format!("{}.damage", digest.replace(':', "-")));
    assert!(fs::read_to_string(note).unwrap().contains("\nrange 4194304 8388608\n"));
    site.run(&["has", &digest]).code(3);
    assert_eq!(site.put("a"), digest);
    site.run(&["scrub", "--rate", "1GiB"]).ok().says("3 blobs").says("all intact");
}

#[test]
fn scrub_says_it_in_json() {
    let (site, digest) = rotten();
    let ran = site.run(&["scrub", "--json"]).code(6);
    let object: Value = serde_json::from_str(ran.text()).unwrap();
    assert_eq!(object["damaged"][0]["digest"], digest);
    assert_eq!(object["damaged"][0]["ranges"], serde_json::json!([{ "start": 4_194_304, "end": 8_388_608 }]));
    assert_eq!((&object["complete"], &object["count"]), (&Value::Bool(true), &Value::from(3)));
}

#[test]
fn a_scrub_that_is_interrupted_is_gone_on_with() {
    let site = Site::new();
    for index in 0..40 {
        site.write(format!("{index}"), noise(200_000 + index));
    }
    let names: Vec<String> = (0..40).map(|index| index.to_string()).collect();
    site.run(&[&["put".to_owned()], &names[..]].concat()).ok();
    // Slow enough that it is at work for as long as it takes to send a signal.
    let mut scrub = site.command(&["scrub", "--rate", "1MiB", "-v"]).stderr(Stdio::piped()).spawn().unwrap();
    let index = site.store().join("index.redb");
    crate::server::wait_until("it has the store open", || {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", scrub.id())).unwrap();
        let open: Vec<_> = descriptors.filter_map(|it| fs::read_link(it.ok()?.path()).ok()).collect();
        open.contains(&index) && open.iter().any(|path| path.starts_with(site.store().join("blobs")))
    });
    kill_process(Pid::from_child(&scrub), Signal::INT).unwrap();
    let ended = scrub.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(2), "it ends as by the signal");
    site.run(&["scrub", "--json"]).ok();
    site.run(&["scrub", "--restart"]).ok().says("40 blobs");
}

#[test]
fn a_server_scrubs_by_itself_and_never_serves_what_it_found() {
    let (site, digest) = rotten();
    let server = Server::start_with(&site, &["--scrub-every", "1s", "--scrub-rate", "1GiB"]);
    server.wait_until_said("damaged; moved to quarantine");
    server.wait_until_said("scrubbed");
    assert!(server.said().contains(&digest), "{}", server.said());
    server.run(&site, &["has", &digest]).code(3);
    assert_eq!(server.put(&site, "a"), digest);
    server.run(&site, &["get", &digest, "-o", "out"]).ok();
    server.stop();
}

#[test]
fn a_slow_scrub_keeps_no_server_from_ending() {
    let (site, _) = rotten();
    let server = Server::start_with(&site, &["--scrub-every", "1s", "--scrub-rate", "1"]);
    server.wait_until_said("scrubbing");
    let said = server.stop();
    assert!(said.contains("was broken off"), "{said}");
}

#[test]
fn a_server_that_is_told_not_to_does_not_scrub() {
    let (site, digest) = rotten();
    for every in ["0", "30d"] {
        let server = Server::start_with(&site, &["--scrub-every", every]);
        server.run(&site, &["has", &digest]).ok();
        let said = server.stop();
        assert!(!said.contains("scrub"), "{said}");
    }
}

#[test]
fn a_rate_of_nothing_is_refused() {
    let site = Site::new();
    site.run(&["scrub", "--rate", "0"]).code(2).says("nothing is ever done");
}
