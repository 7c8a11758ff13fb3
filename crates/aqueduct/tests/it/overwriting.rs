//! What happens where something has the name already.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::fixture::{Ran, Site, noise};

#[test]
fn force_replaces_and_nothing_else_does() {
    let site = Site::new();
    let bytes = noise(5 << 20);
    site.write("a", &bytes);
    let digest = site.put("a");
    site.write("out", "mine");
    site.run(&["get", &digest, "-o", "out"]).code(4);
    site.run(&["get", &format!("{digest}/0-9"), "-o", "out"]).code(4);
    assert_eq!(fs::read(site.path("out")).unwrap(), b"mine");
    site.run(&["get", &format!("{digest}/0-9"), "-o", "out", "-f"]).ok();
    assert_eq!(fs::read(site.path("out")).unwrap(), bytes[..10]);
    site.run(&["get", &digest, "-o", "out", "--force"]).ok();
    assert_eq!(fs::read(site.path("out")).unwrap(), bytes);
    let mut names: Vec<_> = fs::read_dir(site.path(".")).unwrap().map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a", "out", "store"], "no temporary file is left");
}

#[test]
fn the_same_blob_is_success_and_the_file_is_left_alone() {
    let site = Site::new();
    site.write("a", noise(5 << 20));
    let digest = site.put("a");
    for arguments in [&["get", &digest, "-o", "a"][..], &["get", &digest, "-o", "a", "-f"]] {
        let before = fs::metadata(site.path("a")).unwrap();
        site.run(arguments).ok().says("already");
        let after = fs::metadata(site.path("a")).unwrap();
        assert_eq!((before.ino(), before.ctime_nsec()), (after.ino(), after.ctime_nsec()));
    }
    // The same size is not the same bytes.
    let mut other = noise(5 << 20);
    other[5_000_000] ^= 1;
    site.write("a", other);
    site.run(&["get", &digest, "-o", "a"]).code(4);
}

#[test]
fn a_dangling_link_is_not_followed() {
    let site = Site::new();
    site.write("a", "abc");
    let digest = site.put("a");
    std::os::unix::fs::symlink("elsewhere", site.path("out")).unwrap();
    site.run(&["get", &digest, "-o", "out"]).code(4);
    assert!(!site.path("elsewhere").exists());
    site.run(&["get", &digest, "-o", "out", "-f"]).ok();
    assert!(fs::symlink_metadata(site.path("out")).unwrap().is_file(), "the link itself is replaced");
    assert!(!site.path("elsewhere").exists());
}

#[test]
fn a_new_file_has_the_mode_of_any_new_file() {
    let site = Site::new();
    site.write("a", "abc");
    let digest = site.put("a");
    for (umask, mode) in [("022", 0o644), ("077", 0o600)] {
        let get = site.command(&["get", &digest, "-o", umask]);
        let mut shell = Command::new("sh");
        shell.args(["-c", "umask $0 && exec \"$@\"", umask]).arg(get.get_program()).args(get.get_args());
        shell.current_dir(site.path(".")).env("AQUEDUCT_STORE", "store");
        Ran::of(&mut shell).ok();
        assert_eq!(fs::metadata(site.path(umask)).unwrap().mode() & 0o777, mode);
    }
}
