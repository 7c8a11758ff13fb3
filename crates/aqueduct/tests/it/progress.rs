//! What is shown while long work goes on.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::fixture::{Site, noise};

/// indicatif by itself would show nothing in these surroundings.
#[test]
fn a_bar_is_drawn_without_color_where_there_is_to_be_none() {
    let site = Site::new();
    let mut put = site.command(&["put", "-", "--progress", "bar"]);
    put.env("NO_COLOR", "1").env("TERM", "dumb");
    let mut put = put.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = put.stdin.take().unwrap();
    stdin.write_all(&noise(1 << 20)).unwrap();
    let mut stderr = put.stderr.take().unwrap();
    let mut shown = Vec::new();
    // The bar comes while the work waits for the rest of its input.
    while !String::from_utf8_lossy(&shown).contains("MiB/s") {
        let mut piece = [0; 1000];
        let len = stderr.read(&mut piece).unwrap();
        assert!(len > 0, "no bar in {:?}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&piece[..len]);
    }
    drop(stdin);
    stderr.read_to_end(&mut shown).unwrap();
    assert!(put.wait().unwrap().success());
    let shown = String::from_utf8(shown).unwrap();
    assert!(!shown.contains("\x1b[3") && !shown.contains("\x1b[1"), "color in {shown:?}");
    assert!(shown.ends_with("carried by splice 1.00 MiB\n"), "{shown:?}");
}

#[test]
fn short_work_shows_nothing_but_its_summary() {
    let site = Site::new();
    site.write("a", "abc");
    let ran = site.run(&["put", "a", "--progress", "plain"]).ok();
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    let ran = site.run(&["put", "nothing", "--color", "always"]).code(3);
    assert!(ran.stderr.contains("\x1b[1;31maqueduct:\x1b[0m"), "{:?}", ran.stderr);
}
