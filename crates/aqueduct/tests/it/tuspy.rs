//! Uploads that resume, by a client of tus that others wrote.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::fixture::{Ran, Site, disk, noise, sha256sum};
use crate::server::Server;

const SEGMENT_LEN: usize = 4 << 20;

/// What the client says: the place of the upload, and where the offset was before and after.
fn upload(
    server: &Server,
    site: &Site,
    file: &str,
    chunk_len: usize,
    rest: &[&str],
) -> (String, usize, usize) {
    let python = disk().parent().unwrap().join("tools/python/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask tools`", python.display());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tus_client/upload.py");
    let url = format!("http://{}", server.url.split_once("://").unwrap().1);
    let mut command = Command::new(python);
    // Not a file is to be left beside the script. What a proxy thinks of it is another test.
    command.arg("-B").arg(script).args([&url, file, &chunk_len.to_string(), "urls"]).args(rest);
    command.current_dir(site.path(".")).stdin(Stdio::null()).env_remove("http_proxy").env("no_proxy", "*");
    let ran = Ran::of(&mut command).ok();
    let words: Vec<_> = ran.text().split_whitespace().collect();
    (words[0].to_owned(), words[1].parse().unwrap(), words[2].parse().unwrap())
}

fn assert_stored(server: &Server, site: &Site, name: &str, file: &str) {
    let got = server.run(site, &["get", name]).ok();
    assert!(got.stdout == fs::read(site.path(file)).unwrap());
}

#[test]
fn it_uploads_in_pieces_and_whole() {
    let site = Site::new();
    let server = Server::start(&site);
    for (file, size, chunk_len) in [("a", 5_000_001, 1_000_000), ("b", 9_000_000, 10_000_000), ("c", 0, 10)] {
        site.write(file, noise(size));
        let name = sha256sum(&site.path(file));
        let (_, before, after) = upload(&server, &site, file, chunk_len, &[&name]);
        assert_eq!((before, after), (0, size));
        assert_stored(&server, &site, &name, file);
    }
}

#[test]
fn it_goes_on_where_it_stopped_and_where_the_server_was_killed() {
    let site = Site::new();
    let size = 2 * SEGMENT_LEN + 1_000_000;
    site.write("a", noise(size));
    let name = sha256sum(&site.path("a"));
    let server = Server::start(&site);
    let (place, ..) = upload(&server, &site, "a", 1_000_000, &["", "3000000"]);
    let gone_on = upload(&server, &site, "a", 1_000_000, &["", "5000000"]);
    assert_eq!(gone_on, (place.clone(), 3_000_000, 5_000_000));
    // On the same port, since the client keeps addresses.
    let address = server.url.split_once("://").unwrap().1.to_owned();
    server.kill();
    let server = Server::start_with(&site, &["--listen", &address]);
    assert_eq!(upload(&server, &site, "a", size, &[]), (place, SEGMENT_LEN, size));
    assert_stored(&server, &site, &name, "a");
}

#[test]
fn it_need_not_know_that_the_blob_is_here() {
    let site = Site::new();
    let server = Server::start(&site);
    site.write("a", noise(5_000_000));
    let name = server.put(&site, "a");
    let (place, before, after) = upload(&server, &site, "a", 1_000_000, &[&name]);
    assert_eq!((place, before, after), (format!("/uploads/{name}"), 0, 5_000_000));
}
