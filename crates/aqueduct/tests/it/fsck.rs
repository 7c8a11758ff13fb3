//! Checking a store as a user does it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;

use crate::fixture::{Site, files_below, noise};

/// A store with something amiss that can be mended, and something that is left alone.
fn neglected() -> (Site, PathBuf) {
    let site = Site::new();
    site.write("a", noise(9 << 20));
    let blob = site.blob(&site.put("a"));
    let list = site.store().join("checkpoints").join(blob.strip_prefix(site.store().join("blobs")).unwrap());
    fs::remove_file(&list).unwrap();
    fs::remove_file(site.store().join("index.redb")).unwrap();
    site.write("store/letter", "dear");
    (site, list)
}

fn content(site: &Site) -> Vec<(PathBuf, Vec<u8>)> {
    files_below(&site.store()).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_dry_run_tells_and_changes_nothing_and_then_all_is_mended() {
    let (site, list) = neglected();
    let before = content(&site);
    let ran = site.run(&["fsck", "--dry-run"]).code(1).says("2 to be mended").says("action is needed");
    assert!(ran.text().contains("index.redb: missing; to be made anew\n"), "{}", ran.text());
    assert!(ran.text().contains("letter: not of this store; left alone\n"), "{}", ran.text());
    assert!(ran.text().contains("; to be rebuilt\n"), "{}", ran.text());
    assert!(content(&site) == before);
    let ran = site.run(&["fsck"]).ok().says("1 blob").says("2 mended");
    assert!(ran.text().contains("index.redb: missing; made anew\n"), "{}", ran.text());
    assert!(list.exists());
    site.run(&["fsck"]).ok().says("nothing is amiss");
    site.run(&["ls"]).ok().says("1 blob,");
}

#[test]
fn a_damaged_meta_is_kept_and_there_is_advice() {
    let site = Site::new();
    site.write("a", "abc");
    site.put("a");
    let meta = site.store().join("meta.redb");
    fs::write(&meta, "damage").unwrap();
    let ran = site.run(&["fsck"]).code(1).says("the rest was not looked at");
    assert!(ran.text().contains("restore it from a backup"), "{}", ran.text());
    assert_eq!(fs::read(&meta).unwrap(), b"damage");
    // As advised.
    fs::rename(&meta, site.path("away")).unwrap();
    site.run(&["fsck"]).ok().says("1 mended");
    site.run(&["ls"]).ok().says("1 blob,");
}

#[test]
fn a_damaged_blob_is_put_away_and_the_exit_code_says_so() {
    let site = Site::new();
    site.write("a", "abc");
    let digest = site.put("a");
    let blob = site.blob(&digest);
    fs::set_permissions(&blob, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&blob, "abd").unwrap();
    let ran = site.run(&["fsck", "--json"]).code(6).says("moved to quarantine");
    let lines: Vec<Value> = ran.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["fate"], "mended");
    assert_eq!(lines.last().unwrap()["damaged"], 1);
    site.run(&["has", &digest]).code(3);
    site.run(&["fsck"]).ok().says("nothing is amiss");
}
