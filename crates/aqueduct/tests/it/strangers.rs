//! Clients that people have already: curl, wget, aria2c.

use std::fs;
use std::process::Command;

use crate::fixture::{Ran, Site, noise, sha256sum};
use crate::server::Server;

/// A server with one blob of 9 MiB, which is also in the file `a`.
fn served() -> (Site, Server, String) {
    let site = Site::new();
    site.write("a", noise(9 << 20));
    let server = Server::start(&site);
    let digest = server.put(&site, "a");
    (site, server, digest)
}

/// Runs a program in the site's directory.
fn run(site: &Site, program: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(program);
    // What a proxy thinks of it is another test.
    command.args(arguments).current_dir(site.path(".")).env_remove("http_proxy").env("no_proxy", "*");
    Ran::of(&mut command)
}

fn assert_same(site: &Site, name: &str) {
    assert!(fs::read(site.path(name)).unwrap() == fs::read(site.path("a")).unwrap(), "{name}");
}

#[test]
fn curl_uploads() {
    let (site, server, digest) = served();
    site.write("b", noise(3_000_000));
    let name = sha256sum(&site.path("b"));
    let put = |url: &str, file: &str, more: &[&str]| {
        let arguments = [&["-sS", "-o", "answer", "-w", "%{http_code}", "-T", file, url], more].concat();
        run(&site, "curl", &arguments).ok().text().to_owned()
    };
    assert_eq!(put(&server.blob_url(&name), "b", &[]), "201");
    assert_eq!(put(&server.blob_url(&name), "b", &["-H", "Expect: 100-continue"]), "200");
    assert_eq!(put(&server.blob_url(&name), "b", &["-H", "Transfer-Encoding: chunked"]), "200");
    site.write("c", "abc");
    let other = sha256sum(&site.path("c"));
    assert_eq!(put(&server.blob_url(&other), "a", &[]), "400");
    let problem: serde_json::Value = serde_json::from_slice(&fs::read(site.path("answer")).unwrap()).unwrap();
    assert_eq!((&problem["expected"], &problem["actual"]), (&other.into(), &digest.into()));
    assert_eq!(put(&format!("{}/blobs", server.url), "b", &["-X", "POST"]), "200");
    let answer: serde_json::Value = serde_json::from_slice(&fs::read(site.path("answer")).unwrap()).unwrap();
    assert_eq!(answer["digest"], name);
    assert_eq!(server.run(&site, &["get", &name]).ok().stdout, noise(3_000_000));
}

#[test]
fn curl_downloads_and_resumes() {
    let (site, server, digest) = served();
    let url = server.blob_url(&digest);
    run(&site, "curl", &["-sSf", "-OJ", &url]).ok();
    let names: Vec<_> =
        fs::read_dir(site.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let hex = &digest["sha256:".len()..];
    let saved = names.iter().find(|name| name.to_string_lossy().contains(hex)).unwrap();
    assert_same(&site, saved.to_str().unwrap());
    site.write("part", &noise(9 << 20)[..1_000_001]);
    run(&site, "curl", &["-sSf", "-C", "-", "-o", "part", &url]).ok();
    assert_same(&site, "part");
    let range = run(&site, "curl", &["-sSf", "-r", "5-9", &url]).ok();
    assert_eq!(range.stdout, noise(9 << 20)[5..10]);
    let head = run(&site, "curl", &["-sSfI", &url]).ok();
    assert!(head.text().contains(&format!("\"{digest}\"")), "{}", head.text());
}

#[test]
fn wget_resumes() {
    let (site, server, digest) = served();
    let name = digest.as_str();
    site.write(name, &noise(9 << 20)[..2_000_003]);
    run(&site, "wget", &["-q", "-c", &server.blob_url(&digest)]).ok();
    assert_same(&site, name);
}

#[test]
fn aria2c_asks_for_ranges_side_by_side() {
    let (site, server, digest) = served();
    let url = server.blob_url(&digest);
    run(&site, "aria2c", &["-q", "-x4", "-s4", "-k1M", "--no-conf", "-o", "out", &url]).ok();
    assert_same(&site, "out");
}
