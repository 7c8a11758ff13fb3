//! Pins, and a server whose store has a limit.

use serde_json::Value;

use crate::fixture::{Site, noise};
use crate::server::Server;

#[test]
fn names_are_pinned_and_unpinned_in_a_store_and_on_a_server() {
    let site = Site::new();
    site.write("file", noise(1000));
    let digest = site.put("file");
    let absent = format!("sha256:{}", "0".repeat(64));
    site.run(&["pins"]).ok();
    site.run(&["pin", &digest, &absent])
        .ok()
        .says("2 names pinned")
        .says(&format!("{absent} is not in the store"));
    let mut both = [digest.clone(), absent.clone()];
    both.sort();
    assert_eq!(site.run(&["pins"]).ok().text(), format!("{}\n{}\n", both[0], both[1]));
    let server = Server::start(&site);
    assert_eq!(server.run(&site, &["pins"]).ok().text(), format!("{}\n{}\n", both[0], both[1]));
    server.run(&site, &["unpin", &absent]).ok().says("1 name unpinned");
    server.run(&site, &["unpin", &absent]).code(3).says("was not pinned");
    let ran = server.run(&site, &["pin", "--json", &digest]).ok();
    let pinned: Value = serde_json::from_str(ran.text().trim_end()).unwrap();
    assert_eq!(pinned, serde_json::json!({ "digest": digest, "present": true }));
    server.stop();
    assert_eq!(site.run(&["pins"]).ok().text(), format!("{digest}\n"));
    site.run(&["unpin", &digest]).ok();
    assert_eq!(site.run(&["pins"]).ok().text(), "");
    site.run(&["pin", "nonsense"]).code(2);
}

#[test]
fn a_store_that_is_full_says_so_and_evicts_what_it_may() {
    let site = Site::new();
    site.write("old", noise(20 << 20));
    site.write("new", [noise(20 << 20), vec![1]].concat());
    let server = Server::start_with(&site, &["--max-size", "40MiB", "--lease", "0"]);
    let old = server.put(&site, "old");
    let new = server.put(&site, "new");
    server.run(&site, &["has", &new]).ok();
    server.run(&site, &["has", &old]).code(3);
    server.run(&site, &["pin", &new]).ok();
    server.run(&site, &["put", "old"]).code(7);
    server.run(&site, &["has", &new]).ok();
    server.run(&site, &["unpin", &new]).ok();
    server.run(&site, &["put", "old"]).ok();
    server.stop();
}
