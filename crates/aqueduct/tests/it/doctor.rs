//! What the program finds out about this machine, and that it leaves no trace of having asked.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::fixture::{Ran, Site, disk, files_below};
use crate::server::Server;

/// A promise to scripts.
const NAMES: [&str; 27] = [
    "kernel",
    "io_uring",
    "Landlock",
    "store",
    "filesystem",
    "O_TMPFILE",
    "sendfile",
    "splice",
    "reflink",
    "copy_file_range",
    "RWF_NOWAIT",
    "cachestat",
    "RWF_DONTCACHE",
    "fs-verity",
    "pipes",
    "descriptors",
    "memory",
    "locked memory",
    "address space",
    "congestion control",
    "kTLS",
    "SHA extensions",
    "AVX-512",
    "SHA-256",
    "BLAKE3",
    "bytes",
    "inodes",
];

/// The findings of a run with `--json`, by name: state, fact and advice. The exit code says what they say, whatever this
/// machine has free and allows.
fn findings(ran: &Ran) -> BTreeMap<String, (String, String, Option<String>)> {
    let object: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let text = |finding: &Value, member: &str| finding[member].as_str().map(str::to_owned);
    let listed = object["findings"].as_array().unwrap();
    let names: Vec<_> = listed.iter().map(|finding| finding["name"].as_str().unwrap()).collect();
    assert_eq!(names, NAMES);
    let members = |finding: &Value| {
        let (name, state) = (text(finding, "name").unwrap(), text(finding, "state").unwrap());
        assert!(["good", "note", "action"].contains(&state.as_str()), "{state}");
        assert_eq!(finding.as_object().unwrap().len(), 4);
        (name, (state, text(finding, "found").unwrap(), text(finding, "advice")))
    };
    let found: BTreeMap<_, _> = listed.iter().map(members).collect();
    let actions = found.values().filter(|(state, ..)| state == "action").count();
    assert_eq!(ran.code, Some(i32::from(actions > 0)), "{}", ran.stderr);
    let said = ran.stderr.contains(&format!("action is needed on {actions} finding"));
    assert_eq!(said, actions > 0, "{}", ran.stderr);
    found
}

#[test]
fn every_finding_is_there_for_scripts_on_a_disk_and_in_memory() {
    for dir in [disk(), Path::new("/dev/shm")] {
        let site = Site::in_dir(dir);
        let ran = site.run(&["doctor", "--json", "--store", "."]);
        let found = findings(&ran);
        assert_eq!(found["splice"].0, "good");
        assert!(found["SHA-256"].1.contains("/s on"), "{found:?}");
        for (name, (state, _, advice)) in &found {
            assert_eq!(advice.is_some(), state != "good", "{name}: {found:?}");
        }
        assert!(files_below(&site.path(".")).is_empty());
    }
}

#[test]
fn people_read_a_line_a_finding_below_the_name_of_its_group() {
    let site = Site::new();
    let ran = site.run(&["doctor", "--store", "."]).says("27 findings");
    let lines: Vec<_> = ran.text().lines().collect();
    let needs_action = lines.iter().any(|line| line.starts_with("  action "));
    assert_eq!(ran.code, Some(i32::from(needs_action)), "{}", ran.stderr);
    for group in ["kernel", "filesystem", "limits", "network", "hashing", "space"] {
        assert!(lines.contains(&group), "{group}");
    }
    for name in NAMES {
        let shown = lines.iter().filter(|line| line.get(10..).is_some_and(|rest| rest.starts_with(name)));
        assert!(shown.count() >= 1, "{name}");
    }
    assert!(lines.iter().all(|line| line.len() < 160), "{}", ran.text());
}

#[test]
fn a_store_that_does_not_exist_is_looked_at_where_it_would_be_and_not_made() {
    let site = Site::new();
    let ran = site.run(&["doctor", "--json", "--store", "a/b/store"]);
    let (state, found, _) = &findings(&ran)["store"];
    assert!(state == "note" && found.contains("does not exist"), "{found}");
    let mut home = site.command(&["doctor", "--json"]);
    home.env_remove("AQUEDUCT_STORE").env("HOME", site.path("home")).env_remove("XDG_DATA_HOME");
    let (_, found, _) = &findings(&Ran::of(&mut home))["store"];
    assert!(found.contains("home/.local/share/aqueduct/store"), "{found}");
    assert_eq!(fs::read_dir(site.path(".")).unwrap().count(), 0);
}

#[test]
fn a_store_that_is_served_is_looked_at_all_the_same_and_the_server_says_its_routes_once() {
    let site = Site::new();
    let server = Server::start(&site);
    let ran = site.run(&["doctor", "--json", "--store", "store"]);
    let found = findings(&ran);
    let said = server.stop();
    let lines: Vec<_> = said.lines().filter(|line| line.contains("routes: ")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    // What the server goes by is what is shown here.
    for (fact, words) in [("by reference", "send sendfile (by reference)"), ("by copy", "(by copy)")] {
        assert_eq!(found["sendfile"].1.starts_with(fact), lines[0].contains(words), "{}", lines[0]);
    }
    assert_eq!(found["splice"].0 == "good", !lines[0].contains("(splice: "), "{}", lines[0]);
}

#[test]
fn a_directory_that_takes_no_files_is_a_finding_and_1() {
    let site = Site::new();
    let store = site.path("store");
    fs::create_dir(&store).unwrap();
    fs::set_permissions(&store, fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write anywhere, until it gives that up.
    let give_up: &[&str] = match rustix::process::geteuid().is_root() {
        true => &["setpriv", "--bounding-set=-dac_override,-dac_read_search"],
        false => &["env"],
    };
    let mut doctor = Command::new(give_up[0]);
    doctor.args(&give_up[1..]).arg(env!("CARGO_BIN_EXE_aqueduct")).args(["doctor", "--json", "--store"]);
    let ran = Ran::of(doctor.arg(&store));
    let found = findings(&ran);
    let (state, fact, advice) = &found["O_TMPFILE"];
    assert!(state == "action" && fact.contains("Permission denied"), "{fact}");
    assert!(advice.as_ref().unwrap().contains("let this user write"), "{advice:?}");
    assert_eq!(found["sendfile"].1, "not tried, for want of a file");
    assert_eq!(found["RWF_NOWAIT"].0, "note");
    assert!(files_below(&store).is_empty());
}

#[test]
fn what_is_no_directory_or_cannot_hold_files_is_a_finding_and_1() {
    let site = Site::new();
    site.write("file", "");
    for place in ["file", "file/below", "/proc"] {
        let ran = site.run(&["doctor", "--json", "--store", place]);
        assert_eq!(findings(&ran)["O_TMPFILE"].0, "action", "{place}");
    }
}
