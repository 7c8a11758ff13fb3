//! `bench`, with sizes so tiny that it is done at once.

use std::fs;

use serde_json::Value;

use crate::fixture::{Site, files_below};

/// Every group, at a size that costs nothing.
const TINY: [&str; 6] = ["bench", "--quick", "--size", "4KiB", "--time", "600"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    TINY.iter().chain(more).copied().collect()
}

#[test]
fn every_kind_of_work_is_measured_and_nothing_is_left_behind() {
    let site = Site::new();
    let ran = site.run(&with(&["--json", "--html", "page.html"])).ok();
    let report: Value = serde_json::from_str(ran.text()).unwrap();
    let figures = report["figures"].as_array().unwrap();
    for group in ["send", "receive", "relay", "local", "hash"] {
        assert!(figures.iter().any(|figure| figure["group"] == group), "{group}");
    }
    for figure in figures {
        assert_eq!(figure["size"], 4096);
        assert!(figure["gib_per_second"]["median"].as_f64().unwrap() > 0.0, "{figure}");
    }
    for skipped in report["skipped"].as_array().unwrap() {
        assert!(!skipped["reason"].as_str().unwrap().is_empty(), "{skipped}");
    }
    assert_eq!(report["network"], "loopback");
    assert!(fs::read_to_string(site.path("page.html")).unwrap().ends_with("</html>\n"));
    assert_eq!(files_below(&site.path(".")), [site.path("./page.html")], "the page is all there is");
}

#[test]
fn what_is_asked_for_is_measured_and_nothing_else() {
    let site = Site::new();
    let ran = site.run(&with(&["send/sendfile", "relay/splice", "--dir", "."])).ok();
    assert!(ran.text().contains("Sending a file") && ran.text().contains("Passing on"), "{}", ran.text());
    assert!(!ran.text().contains("Hashing a file") && ran.text().contains("flatters"), "{}", ran.text());
    let ran = site.run(&with(&["hash/blake3", "--csv"])).ok();
    assert!(ran.text().lines().skip(1).all(|line| line.starts_with("hash,\"blake3")), "{}", ran.text());
    assert!(ran.text().lines().count() > 1);
    assert!(files_below(&site.path(".")).is_empty());
}

#[test]
fn what_is_skipped_is_never_silent() {
    let site = Site::new();
    let skipped = "relay/copy (1048576 GiB hot): there is not enough free space";
    let ran = site.run(&with(&["relay/copy", "--size", "1024TiB", "--csv"])).ok();
    assert!(ran.text().lines().skip(1).all(|line| line.starts_with("relay,")), "{}", ran.text());
    ran.says(skipped);
    let nothing = ["bench", "relay/copy", "--size", "1024TiB", "--html", "page.html"];
    let ran = site.run(&nothing).code(1).says("nothing was measured");
    assert!(ran.text().contains(skipped), "{}", ran.text());
    assert!(fs::read_to_string(site.path("page.html")).unwrap().contains("not enough free space"));
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is_measured() {
    let site = Site::new();
    site.write("taken.html", "mine");
    site.run(&with(&["frobnicate"])).code(2).says("nothing that is measured is called \"frobnicate\"");
    site.run(&["bench", "--size", "0"]).code(2).says("without bytes");
    site.run(&with(&["--csv", "--json"])).code(2).says("cannot be used with");
    site.run(&with(&["hash", "--html", "taken.html"])).code(4).says("--force");
    assert_eq!(fs::read_to_string(site.path("taken.html")).unwrap(), "mine");
    site.run(&with(&["hash", "--html", "taken.html", "--force"])).ok();
    assert!(fs::read_to_string(site.path("taken.html")).unwrap().contains("Hashing a file"));
    site.run(&with(&["--dir", "no/such"])).code(8).says("cannot work in no/such");
}
