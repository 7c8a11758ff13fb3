//! Many files at a time, to a server and from it.

use std::fs::{self, File};

use crate::fixture::{Ran, Site, noise, sha256sum};
use crate::server::Server;

const COUNT: usize = 600;

/// Small files, some that are not, and some that are alike; and what `put` prints of them.
fn put_many(site: &Site, server: &Server) -> String {
    fs::create_dir(site.path("in")).unwrap();
    let bytes = noise(6 << 20);
    for number in 0..COUNT {
        let size = match number % 100 {
            0 => 0,
            1 => 70_000,
            2 => (4 << 20) + 1,
            _ => 1000 + number % 300,
        };
        site.write(format!("in/{number:03}"), &bytes[number / 2..number / 2 + size]);
    }
    let put = server.run(site, &["put", "in"]).ok().says("600 files");
    site.write("digests", put.text());
    put.text().to_owned()
}

fn get_all(site: &Site, server: &Server, more: &[&str]) -> Ran {
    let mut get = server.command(site, &[&["get", "-", "-o", "out"], more].concat());
    Ran::of(get.stdin(File::open(site.path("digests")).unwrap()))
}

#[test]
fn a_directory_goes_and_its_digests_bring_it_back() {
    for scheme in ["native", "http"] {
        let site = Site::new();
        let mut server = Server::start_with(&site, &["--sync", "none"]);
        if scheme == "http" {
            server.speak_http();
        }
        let put = put_many(&site, &server);
        assert_eq!(put.lines().count(), COUNT);
        for line in put.lines().step_by(7) {
            let (digest, name) = line.split_once("  ").unwrap();
            assert_eq!(digest, sha256sum(&site.path(name)), "{scheme}: {name}");
        }
        fs::create_dir(site.path("out")).unwrap();
        let got = get_all(&site, &server, &["--sync", "none"]).ok();
        // Some have the same bytes, and so the same name.
        assert!(got.stderr.contains("is this very blob already"), "{scheme}");
        for line in put.lines() {
            let (digest, name) = line.split_once("  ").unwrap();
            let copy = site.path("out").join(digest.replace(':', "-"));
            assert!(fs::read(copy).unwrap() == fs::read(site.path(name)).unwrap(), "{scheme}: {name}");
        }
        // What is there already is not fetched again, and what is something else stays.
        let victim = site.path("out").join(put.lines().next().unwrap()[..71].replace(':', "-"));
        fs::write(&victim, "something else").unwrap();
        get_all(&site, &server, &[]).code(12).says("exists; --force");
        assert_eq!(fs::read(&victim).unwrap(), b"something else");
        get_all(&site, &server, &["--force"]).ok();
        assert_eq!(fs::read(&victim).unwrap(), fs::read(site.path("in/000")).unwrap());
    }
}

#[test]
fn what_is_absent_among_many_is_told_and_the_rest_comes() {
    let site = Site::new();
    let server = Server::start_with(&site, &["--sync", "none"]);
    let put = put_many(&site, &server);
    let gone = &put.lines().nth(5).unwrap()[..71];
    server.run(&site, &["rm", gone]).ok();
    fs::create_dir(site.path("out")).unwrap();
    let got = get_all(&site, &server, &["--json"]).code(12).says(&format!("{gone} is not in the store"));
    let object: serde_json::Value = serde_json::from_str(got.text()).unwrap();
    // Two files had these bytes.
    let count = object["files"].as_array().unwrap().len();
    assert_eq!(count, put.lines().filter(|line| !line.starts_with(gone)).count());
    assert!(object["files"].as_array().unwrap().iter().all(|file| file["verified"] == true));
}

#[test]
fn a_second_put_of_many_sends_nothing_again() {
    let site = Site::new();
    let server = Server::start_with(&site, &["--sync", "none"]);
    put_many(&site, &server);
    let second = server.run(&site, &["put", "in", "--json", "--no-cache"]).ok();
    let object: serde_json::Value = serde_json::from_str(second.text()).unwrap();
    assert_eq!((&object["new"], &object["carried"]), (&0.into(), &serde_json::json!({})));
}
