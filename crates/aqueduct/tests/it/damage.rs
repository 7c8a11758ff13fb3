//! A blob that rots is found, named by its bytes, and never delivered.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use crate::fixture::{Site, noise};

const SIZE: usize = 9 << 20;

fn rotten() -> (Site, String) {
    let site = Site::new();
    let mut bytes = noise(SIZE);
    site.write("a", &bytes);
    site.write("good", "good");
    site.put("good");
    let digest = site.put("a");
    bytes[5 << 20] ^= 1;
    rot(&site.blob(&digest), &bytes[5 << 20..=5 << 20], 5 << 20);
    (site, digest)
}

/// Rot changes no time of a file.
fn rot(path: &Path, byte: &[u8], offset: u64) {
    let written = fs::metadata(path).unwrap().modified().unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(byte, offset).unwrap();
    file.set_modified(written).unwrap();
}

#[test]
fn verify_names_the_segment_and_quarantines_the_blob() {
    let (site, digest) = rotten();
    let ran = site.run(&["verify"]).code(6).says("1 damaged");
    let line = format!("{digest} damaged in bytes 4194304-8388607 of {SIZE}; moved to quarantine\n");
    assert_eq!(ran.text(), line);
    site.run(&["has", &digest]).code(3);
    site.run(&["verify"]).ok().says("1 blob");
    assert!(site.store().join("quarantine").join(digest.replace(':', "-")).exists());
    // The good copy can come again.
    assert_eq!(site.put("a"), digest);
    site.run(&["verify", &digest]).ok();
}

#[test]
fn verify_says_it_in_json() {
    let (site, digest) = rotten();
    let ran = site.run(&["verify", "--json"]).code(6);
    let object: serde_json::Value = serde_json::from_str(ran.text()).unwrap();
    assert_eq!(object["damaged"][0]["digest"], digest);
    assert_eq!(object["damaged"][0]["ranges"], serde_json::json!([{ "start": 4_194_304, "end": 8_388_608 }]));
}

#[test]
fn get_never_delivers_it() {
    let (site, digest) = rotten();
    site.run(&["get", &digest, "-o", "out"]).code(6).says("bytes 4194304-8388607");
    assert!(!site.path("out").exists());
    site.run(&["get", &digest, "-o", "out"]).code(3);
}

#[test]
fn a_pipe_gets_no_byte_of_the_damaged_segment() {
    let (site, digest) = rotten();
    let ran = site.run(&["get", &digest]).code(6).says("bytes 4194304-8388607");
    assert!(ran.stdout == noise(SIZE)[..4 << 20]);
}

#[test]
fn a_range_over_it_is_refused() {
    let (site, digest) = rotten();
    assert_eq!(site.run(&["get", &format!("{digest}/0-9")]).ok().stdout, noise(SIZE)[..10]);
    let ran = site.run(&["get", &format!("{digest}/4194304-4194305")]).code(6);
    assert_eq!(ran.stdout, b"");
}

#[test]
fn what_was_written_to_by_hand_is_hashed_before_a_byte_of_it_is_delivered() {
    let (site, digest) = rotten();
    fs::File::options().write(true).open(site.blob(&digest)).unwrap().write_all_at(b"by hand", 0).unwrap();
    assert_eq!(site.run(&["get", &digest]).code(3).stdout, b"");
    assert!(site.store().join("quarantine").join(digest.replace(':', "-")).exists());
    assert_eq!(site.put("a"), digest);
    site.run(&["get", &digest, "-o", "out"]).ok();
}

#[test]
fn a_damaged_checkpoint_list_condemns_no_blob() {
    let site = Site::new();
    site.write("a", noise(SIZE));
    let digest = site.put("a");
    let blob = site.blob(&digest);
    let list = site.store().join("checkpoints").join(blob.strip_prefix(site.store().join("blobs")).unwrap());
    rot(&list, b"!", 60);
    assert!(site.run(&["get", &digest]).ok().stdout == noise(SIZE));
    fs::remove_file(&list).unwrap();
    site.run(&["get", &digest, "-o", "out"]).ok();
    fs::remove_file(&list).unwrap();
    site.run(&["verify", "-v"]).ok().says("its checkpoints were missing");
    assert!(list.exists());
}

#[test]
fn a_blob_that_lost_its_end_is_found() {
    let site = Site::new();
    site.write("a", "abc");
    site.write("b", noise(SIZE));
    let (a, b) = (site.put("a"), site.put("b"));
    for (digest, size) in [(&a, 0), (&b, 5 << 20)] {
        let blob = site.blob(digest);
        fs::set_permissions(&blob, fs::Permissions::from_mode(0o644)).unwrap();
        File::options().write(true).open(&blob).unwrap().set_len(size).unwrap();
    }
    let ran = site.run(&["verify"]).code(6).says("2 damaged");
    assert!(ran.text().contains(&format!("{a} damaged: nothing is left of it")), "{}", ran.text());
    assert!(ran.text().contains(&format!("{b} damaged in bytes ")), "{}", ran.text());
}
