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
    for url in
        ["https://localhost", "localhost:7070", "http://localhost/blobs", "http://localhost:secret@localhost"]
    {
        Ran::of(aqueduct().args(["ls", "--server", url])).code(2);
    }
    site.run(&["verify", "--server", "http://localhost:7070"]).code(2).says("reads the files of a store");
    Ran::of(aqueduct().arg("verify")).code(2).says("--store");
}

#[test]
fn the_digests_of_files_that_were_left_alone_are_remembered() {
    let (site, _other, server) = places();
    let path = site.write("large", vec![1; 5 << 20]);
    let old = std::process::Command::new("touch").args(["-d", "2001-01-01"]).arg(&path).status().unwrap();
    assert!(old.success());
    let digest = server.put(&site, "large");
    // Its change time is now, whatever touch says, and only what is two seconds old is remembered.
    let (_silent, silence) = std::sync::mpsc::channel::<()>();
    silence.recv_timeout(std::time::Duration::from_millis(2100)).unwrap_err();
    assert_eq!(server.run(&site, &["put", "large", "-v"]).ok().says("already there").text()[..71], digest);
    assert!(site.path("cache/aqueduct/digests").exists());
    server.run(&site, &["put", "large", "-v"]).ok().says("already there, not sent");
    // A cache that says something else is only a reason to ask.
    server.run(&site, &["rm", &digest]).ok();
    server.run(&site, &["put", "large", "-v"]).ok().says("large: new, sendfile");
    server.run(&site, &["put", "large", "-v"]).ok().says("already there, not sent");
    let hashed = server.run(&site, &["put", "large", "-v", "--no-cache"]).ok();
    assert!(!hashed.stderr.contains("not sent"), "{}", hashed.stderr);
    std::fs::write(site.path("cache/aqueduct/digests"), "damaged").unwrap();
    server.run(&site, &["put", "large"]).ok();
    std::fs::remove_dir_all(site.path("cache")).unwrap();
    site.write("cache", "in the way");
    server.run(&site, &["put", "large"]).ok();
}
