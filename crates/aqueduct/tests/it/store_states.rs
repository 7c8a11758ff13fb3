//! Directories that are no store, or not one of ours, or in use: a clear error, and nothing touched.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::fs::FlockOperation;

use crate::fixture::{Site, files_below, noise};

fn stored() -> Site {
    let site = Site::new();
    site.write("a", "abc");
    site.put("a");
    site
}

fn content(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files_below(dir).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Each command fails with 1 and these words, and changes nothing.
#[track_caller]
fn assert_refused(site: &Site, words: &str) {
    let before = content(&site.store());
    let digest = format!("sha256:{}", "0".repeat(64));
    for command in [
        &["put", "a"][..],
        &["ls"],
        &["has", &digest],
        &["get", &digest],
        &["rm", &digest],
        &["verify"],
        &["scrub"],
        &["fsck"],
        &["fsck", "--dry-run"],
    ] {
        site.run(command).code(1).says(words);
    }
    assert!(content(&site.store()) == before, "something was touched");
}

#[test]
fn a_store_in_use_is_refused() {
    let site = stored();
    let lock = File::open(site.store().join("lock")).unwrap();
    rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    assert_refused(&site, "in use by another process");
    drop(lock);
    site.run(&["ls"]).ok();
}

#[test]
fn a_store_of_a_newer_format_is_refused() {
    let site = stored();
    let marker = site.store().join("aqueduct-store");
    let text = fs::read_to_string(&marker).unwrap();
    fs::write(&marker, text.replace("format 1", "format 2")).unwrap();
    assert_refused(&site, "use a newer aqueduct");
}

#[test]
fn a_store_with_a_damaged_marker_is_refused() {
    let site = stored();
    fs::write(site.store().join("aqueduct-store"), "aqueduct st").unwrap();
    assert_refused(&site, "is damaged");
}

#[test]
fn a_directory_that_is_no_store_is_refused() {
    let site = Site::new();
    site.write("a", "abc");
    fs::create_dir(site.store()).unwrap();
    site.write("store/thesis.txt", "years of work");
    assert_refused(&site, "is not a store");
}

#[test]
fn an_empty_directory_becomes_a_store_by_put_alone() {
    let site = Site::new();
    site.write("a", "abc");
    fs::create_dir(site.store()).unwrap();
    site.run(&["ls"]).code(1);
    assert!(files_below(&site.store()).is_empty());
    site.put("a");
    site.run(&["ls"]).ok();
}

/// Only after a clean stop is the index believed: a blob that somebody took away behind its back still counts then.
#[test]
fn a_command_that_fails_closes_the_store_and_one_that_is_killed_does_not() {
    let site = stored();
    site.write("b", "b");
    let b = site.put("b");
    site.run(&["put", "nothing", "a"]).code(12);
    fs::remove_file(site.blob(&b)).unwrap();
    site.run(&["ls", "--limit", "0"]).ok().says("the store has 2 blobs");

    let mut put = site.command(&["put", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    // More than the pipe holds: once this returns, the program is at work.
    put.stdin.as_mut().unwrap().write_all(&noise(1 << 20)).unwrap();
    put.kill().unwrap();
    put.wait().unwrap();
    site.run(&["ls", "--limit", "0"]).ok().says("the store has 1 blob,");
}
