//! What a server writes on standard error.

use serde_json::Value;

use crate::fixture::Site;
use crate::server::Server;

/// A server that logs requests, with these arguments, after a put and a get of what is not there.
fn after_requests(site: &Site, arguments: &[&str]) -> String {
    site.write("a", "abc");
    let mut server = Server::start_with(site, arguments);
    server.run(site, &["put", "a"]).ok();
    server.speak_http();
    let absent = format!("sha256:{}", "0".repeat(64));
    server.run(site, &["get", &absent]).code(3);
    server.stop()
}

#[test]
fn the_access_log_has_a_line_for_each_request_with_its_outcome_and_blame() {
    let site = Site::new();
    let said = after_requests(&site, &["--access-log", "on"]);
    let put = said.lines().find(|line| line.contains("verb=\"put\"")).unwrap_or_else(|| panic!("{said}"));
    for part in [
        "INFO",
        "request=1.",
        "peer=127.0.0.1:",
        "door=\"native\"",
        "bytes=3",
        "outcome=\"ok\"",
        "blame=\"nobody\"",
    ] {
        assert!(put.contains(part), "{part} in {put}");
    }
    let looked = said.lines().find(|line| line.contains("verb=\"head\"")).unwrap_or_else(|| panic!("{said}"));
    // Who fetches over HTTP looks first.
    for part in ["door=\"blobs\"", "digest=sha256:0000", "status=404", "outcome=\"absent\"", "milliseconds="]
    {
        assert!(looked.contains(part), "{part} in {looked}");
    }
}

#[test]
fn the_access_log_can_be_switched_off() {
    let site = Site::new();
    for arguments in [&["--access-log", "off"][..], &["--access-log", "on", "--quiet"]] {
        let said = after_requests(&site, arguments);
        assert!(!said.contains("verb="), "{said}");
    }
}

#[test]
fn as_json_each_line_of_the_log_is_an_object() {
    let site = Site::new();
    let said = after_requests(&site, &["--access-log", "on", "--log-format", "json"]);
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let put = lines.iter().find(|line| line["verb"] == "put").unwrap();
    assert_eq!(put["level"], "INFO");
    assert_eq!(put["message"], "answered");
    assert_eq!(put["bytes"], 3);
    assert_eq!(put["blame"], "nobody");
    assert!(lines.iter().all(|line| line["timestamp"].is_string()));
}
