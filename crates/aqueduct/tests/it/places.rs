//! A store or a server: which one is meant.

use crate::fixture::{Ran, Site, aqueduct};
use crate::server::Server;

/// A store with one blob, and a server of another, empty one.
fn places() -> (Site, Site, Server) {
    let (site, other) = (Site::new(), Site::new());
    site.write("a", "abc");
    site.put("a");
    let server = Server::start(&other);
    (site, other, server)
}

#[test]
fn a_flag_beats_a_variable_and_between_variables_the_server_counts() {
    let (site, _other, server) = places();
    let store = site.store();
    let store = store.to_str().unwrap();
    let url = server.url.as_str();
    for (variables, flags, count) in [
        (&[("AQUEDUCT_STORE", store)][..], &[][..], 1),
        (&[("AQUEDUCT_SERVER", url)], &[], 0),
        (&[("AQUEDUCT_STORE", store)], &["--server", url], 0),
        (&[("AQUEDUCT_SERVER", url)], &["--store", store], 1),
        (&[("AQUEDUCT_STORE", store), ("AQUEDUCT_SERVER", url)], &[], 0),
        (&[("AQUEDUCT_STORE", store), ("AQUEDUCT_SERVER", url)], &["--store", store], 1),
    ] {
        let mut ls = aqueduct();
        ls.arg("ls").args(flags).envs(variables.iter().copied());
        assert_eq!(Ran::of(&mut ls).ok().text().lines().count(), count, "{variables:?} {flags:?}");
    }
}

#[test]
fn both_flags_are_a_mistake_and_so_is_an_address_that_is_none() {
    let site = Site::new();
    let both = ["ls", "--store", "store", "--server", "http://localhost:7070"];
    Ran::of(aqueduct().args(both)).code(2).says("give one of them");
    for url in [
        "https://localhost",
        "localhost:7070",
        "aqueduct://localhost/blobs",
        "http://localhost:secret@localhost",
    ] {
        Ran::of(aqueduct().args(["ls", "--server", url])).code(2);
    }
    site.run(&["verify", "--server", "http://localhost:7070"]).code(2).says("reads the files of a store");
    Ran::of(aqueduct().arg("verify")).code(2).says("--store");
}

#[test]
fn an_empty_variable_is_one_that_is_not_set() {
    let (site, other, server) = places();
    let mut ls = aqueduct();
    ls.arg("ls").env("AQUEDUCT_STORE", site.store()).env("AQUEDUCT_SERVER", "").env("AQUEDUCT_LONG", "");
    assert_eq!(Ran::of(&mut ls).ok().text().lines().count(), 1);
    let mut ls = server.command(&other, &["ls"]);
    Ran::of(ls.env("AQUEDUCT_STORE", "").env("AQUEDUCT_TOKEN", "").env("AQUEDUCT_TOKEN_FILE", "")).ok();
    Ran::of(aqueduct().arg("verify").env("AQUEDUCT_STORE", "")).code(2).says("--store");
}

#[test]
fn an_address_counts_where_it_is_used_and_is_never_shown() {
    let (site, _other, _server) = places();
    let mut ls = site.command(&["ls", "--store", "store"]);
    Ran::of(ls.env("AQUEDUCT_SERVER", "http://user:s3cret@h")).ok();
    let ran = Ran::of(aqueduct().arg("ls").env("AQUEDUCT_SERVER", "http://user:s3cret@h")).code(2);
    let ran = ran.says("AQUEDUCT_SERVER: a token does not belong into the address");
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    let ran = Ran::of(aqueduct().args(["ls", "--server", "http://user:s3cret@h"])).code(2).says("--server");
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    let help = Ran::of(aqueduct().args(["ls", "--help"]).env("AQUEDUCT_SERVER", "http://user:s3cret@h")).ok();
    assert!(!help.text().contains("s3cret"));
}

#[test]
fn the_digests_of_files_that_were_left_alone_are_remembered() {
    let (site, _other, server) = places();
    // A large file that nobody has touched for longer than a minute, by its change time, which cannot be set: cargo itself.
    let large = env!("CARGO");
    // Over HTTP, what was hashed again is sent, too.
    let put = |more: &[&str]| {
        server.run(&site, &[&["put", large, "-v", "--server", &server.url], more].concat()).ok()
    };
    let digest = put(&[]).text()[..71].to_owned();
    assert!(site.path("cache/aqueduct/digests").exists());
    put(&[]).says("already there, not sent");
    // A cache that says something else is only a reason to ask.
    server.run(&site, &["rm", &digest]).ok();
    put(&[]).says(": new, sendfile");
    put(&[]).says("already there, not sent");
    let hashed = put(&["--no-cache"]);
    assert!(!hashed.stderr.contains("not sent"), "{}", hashed.stderr);
    std::fs::write(site.path("cache/aqueduct/digests"), "damaged").unwrap();
    put(&[]);
    std::fs::remove_dir_all(site.path("cache")).unwrap();
    site.write("cache", "in the way");
    put(&[]);
}

#[test]
fn the_digest_of_a_file_that_is_new_is_not_remembered() {
    let (site, _other, server) = places();
    site.write("large", vec![1; 5 << 20]);
    for _ in 0..2 {
        let put = server.run(&site, &["put", "large", "-v", "--server", &server.url]).ok();
        assert!(!put.stderr.contains("not sent"), "{}", put.stderr);
    }
}
