//! Thresholds: measured, written down, and what a server makes of them.

use std::fs;

use serde_json::Value;

use crate::fixture::{Site, files_below, noise};
use crate::server::Server;

const CALIBRATED: &str =
    "aqueduct calibration\nformat 1\nmemory-max 32768\ncopy-max 1048576\nreceive-copy-max 1048576\n";

/// The line in which a server says its routes.
#[track_caller]
fn routes(said: &str) -> &str {
    said.lines().find(|line| line.contains("routes: ")).unwrap_or_else(|| panic!("no routes in {said}"))
}

/// What a server says in all, whose store has this calibration.
fn said_with(calibration: &str, arguments: &[&str]) -> String {
    let site = Site::new();
    Server::start(&site).stop();
    site.write("store/calibration", calibration);
    Server::start_with(&site, arguments).stop()
}

#[test]
fn what_is_measured_is_what_a_server_goes_by() {
    let site = Site::new();
    let ran = site.run(&["bench", "--calibrate", "--time", "5", "--json"]).ok();
    let found: Value = serde_json::from_str(ran.text()).unwrap();
    assert_eq!(found["file"], "store/calibration");
    let written = fs::read_to_string(site.path("store/calibration")).unwrap();
    for name in ["memory-max", "copy-max", "receive-copy-max"] {
        let line = format!("{name} {}\n", found["thresholds"][name]);
        assert!(written.contains(&line), "{line:?} is not in {written:?}");
    }
    let said = Server::start(&site).stop();
    assert!(routes(&said).ends_with("(calibration)") && !said.contains("WARN"), "{said}");
    // Measured again while a server has the store, it is replaced.
    let server = Server::start(&site);
    site.write("store/calibration", "what was there before");
    let ran = site.run(&["bench", "--calibrate", "--time", "5", "--store", "store"]).ok();
    assert!(ran.text().contains("Written to store/calibration."), "{}", ran.text());
    server.stop();
    assert!(
        fs::read_to_string(site.path("store/calibration")).unwrap().starts_with("aqueduct calibration\n")
    );
    site.run(&["verify"]).ok();
}

#[test]
fn bytes_go_the_way_that_the_thresholds_say() {
    let site = Site::new();
    Server::start(&site).stop();
    site.write("store/calibration", CALIBRATED);
    let mut server = Server::start_with(&site, &["-v"]);
    server.speak_http();
    for (name, size) in [("short", 512 << 10), ("long", 2 << 20)] {
        site.write(name, noise(size));
        let digest = server.put(&site, name);
        assert!(server.run(&site, &["get", &digest]).ok().stdout == noise(size));
    }
    let said = server.stop();
    let line = "from memory up to 32 KiB, by copy up to 1 MiB, received by copy up to 1 MiB (calibration)";
    assert!(routes(&said).ends_with(line), "{said}");
    for carried in [
        ("sent", "copy 524288"),
        ("sent", "sendfile 2097152"),
        ("stored", "copy 524288"),
        ("stored", "splice 20"),
    ] {
        assert!(
            said.lines().any(|line| line.contains(carried.0) && line.contains(carried.1)),
            "{carried:?}: {said}"
        );
    }
}

#[test]
fn flags_count_more_than_what_was_measured_and_that_more_than_the_defaults() {
    let site = Site::new();
    let said = Server::start(&site).stop();
    assert!(
        routes(&said).contains("from memory up to 32 KiB") && routes(&said).ends_with("(defaults)"),
        "{said}"
    );
    let said = said_with(CALIBRATED, &["--copy-max", "16KiB", "--memory-max", "5GiB"]);
    let line = "from memory up to 1 MiB, by copy up to 16 KiB, received by copy up to 1 MiB (calibration, and \
                --memory-max, --copy-max)";
    assert!(routes(&said).ends_with(line), "{said}");
}

#[test]
fn what_cannot_be_read_is_named_and_keeps_nobody_from_serving() {
    for (calibration, words) in [
        (&CALIBRATED[..60], "store/calibration is damaged; delete it"),
        (
            "aqueduct calibration\nformat 7\n",
            "store/calibration is of format 7, and this program knows format 1",
        ),
    ] {
        let said = said_with(calibration, &[]);
        let warned = said.lines().find(|line| line.contains("WARN")).unwrap_or_else(|| panic!("{said}"));
        assert!(warned.contains(words) && warned.ends_with("going by the defaults"), "{said}");
        assert!(routes(&said).ends_with("(defaults)"), "{said}");
    }
}

#[test]
fn nothing_is_written_where_no_store_can_be() {
    let site = Site::new();
    fs::create_dir(site.path("store")).unwrap();
    site.write("store/mine", "mine");
    site.run(&["bench", "--calibrate"]).code(1).says("is not a store");
    site.run(&["bench", "--calibrate", "send"]).code(2).says("cannot be used with");
    assert_eq!(files_below(&site.path("store")), [site.path("store/mine")]);
}
