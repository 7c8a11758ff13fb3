//! What is on its way into a store: listed, dropped, expired, on a server and in a directory.

use std::process::Stdio;

use serde_json::Value;

use crate::fixture::{Ran, Site, aqueduct, noise};
use crate::proxy::{Proxy, Then, Way};
use crate::server::{Server, wait_until};

const SIZE: usize = (12 << 20) + 5;

/// Leaves an upload of three segments, of which two are there, and gives its id.
fn leave_an_upload(site: &Site, server: &Server) -> String {
    site.write("large", noise(SIZE));
    let proxy = Proxy::new(server.address(), |piece| {
        if piece.way == Way::Up && piece.offset > 9 << 20 { Then::Hold } else { Then::GoOn }
    });
    let mut put = aqueduct();
    put.args(["put", "large", "--server", &proxy.url()]).current_dir(site.path("."));
    let mut put = put.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let listed = || server.run(site, &["uploads", "-l"]).ok().text().to_owned();
    wait_until("two segments are there", || listed().contains(" 8388608 "));
    put.kill().unwrap();
    put.wait().unwrap();
    listed()[..32].to_owned()
}

#[test]
fn an_upload_is_listed_and_dropped_on_a_server_and_in_its_store() {
    let site = Site::new();
    let server = Server::start(&site);
    let id = leave_an_upload(&site, &server);
    let ran = server.run(&site, &["uploads", "--json"]).ok().says("1 upload, 8.00 MiB verified");
    let upload: Value = serde_json::from_str(ran.text().trim_end()).unwrap();
    assert_eq!(
        (&upload["id"], &upload["size"], &upload["verified"]),
        (&id.clone().into(), &SIZE.into(), &(8 << 20).into())
    );
    assert_eq!((&upload["algorithm"], &upload["stored"]), (&"sha256".into(), &Value::Null));
    assert_eq!(server.run(&site, &["uploads", "--after", &id]).ok().text(), "");
    server.stop();
    // The store has the same to say.
    assert_eq!(site.run(&["uploads", "--json"]).ok().text(), ran.text());
    let server = Server::start(&site);
    let absent = "0".repeat(32);
    let ran = server.run(&site, &["drop", "-v", &id, &absent]).code(3).says("1 upload dropped");
    assert!(ran.stderr.contains(&format!("there is no upload {absent}")), "{}", ran.stderr);
    assert_eq!(server.run(&site, &["uploads"]).ok().text(), "");
    server.run(&site, &["drop", "-f", &id]).ok();
    server.stop();
    site.run(&["drop", &id]).code(3);
    site.run(&["drop", "nonsense"]).code(2).says("32 hex digits");
}

#[test]
fn a_store_without_a_server_drops_its_uploads() {
    let site = Site::new();
    let server = Server::start(&site);
    let id = leave_an_upload(&site, &server);
    server.stop();
    let ran = site.run(&["drop", "--json", &id]).ok();
    assert_eq!(serde_json::from_str::<Value>(ran.text()).unwrap()["dropped"][0], id.as_str());
    assert_eq!(site.run(&["uploads"]).ok().text(), "");
}

#[test]
fn http_cannot_be_asked_for_uploads() {
    let site = Site::new();
    let server = Server::start(&site);
    let mut uploads = server.command(&site, &["uploads"]);
    Ran::of(uploads.env("AQUEDUCT_SERVER", &server.url)).code(2).says("use aqueduct://");
}

#[test]
fn what_nobody_goes_on_with_expires() {
    let site = Site::new();
    let server = Server::start(&site);
    leave_an_upload(&site, &server);
    server.stop();
    let server = Server::start_with(&site, &["--upload-expiry", "0s"]);
    wait_until("it has expired", || server.run(&site, &["uploads"]).ok().text().is_empty());
    for wrong in ["1w", "week", "366d"] {
        site.run(&["serve", "--upload-expiry", wrong]).code(2).says("--upload-expiry");
    }
}
