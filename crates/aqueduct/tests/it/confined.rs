//! A server that reaches what it needs, and nothing else.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::Command;

use rustix::process::Signal;

use crate::fixture::{Ran, Site, aqueduct, noise};
use crate::server::Server;

const TOKENS: &str = "write long-enough-to-be-a-token\n";

/// Whether a server says that it is confined; where it cannot be, the test says so.
fn is_confined(said: &str) -> bool {
    assert!(!said.contains("a bug"), "{said}");
    let is_confined = said.contains(" confined by Landlock (version ");
    if !is_confined {
        println!("not tried: this kernel has no Landlock, or forbids it: {said}");
        assert!(said.contains("not confined by Landlock"), "{said}");
    }
    is_confined
}

#[test]
fn a_server_reads_its_tokens_again_and_no_file_elsewhere() {
    let site = Site::new();
    for directory in ["config", "elsewhere"] {
        fs::create_dir(site.path(directory)).unwrap();
        site.write(format!("{directory}/tokens"), TOKENS);
    }
    let server = Server::start_with(&site, &["--token-file", "config/tokens"]);
    if !is_confined(&server.said()) {
        return;
    }
    site.write("config/new", TOKENS);
    fs::rename(site.path("config/new"), site.path("config/tokens")).unwrap();
    server.signal(Signal::HUP);
    server.wait_until_said("read the tokens in config/tokens again");
    fs::remove_file(site.path("config/tokens")).unwrap();
    symlink(site.path("elsewhere/tokens"), site.path("config/tokens")).unwrap();
    server.signal(Signal::HUP);
    server.wait_until_said("everything stays as it was");
    assert!(server.said().contains("Permission denied"), "{}", server.said());
    server.stop();
}

#[test]
fn a_server_that_is_confined_begins_anew_as_often_as_it_is_told_to() {
    let site = Site::new();
    // Two levels that are not there yet.
    let mut serve = aqueduct();
    serve.args(["serve", "--store", "new/store", "--listen", "127.0.0.1:0"]).current_dir(site.path("."));
    let mut server = Server::spawn(&mut serve);
    let is_confined = is_confined(&server.said());
    // There may be 16 layers.
    for _ in 0..20 {
        server.restart();
    }
    site.write("a", noise(9 << 20));
    let digest = server.put(&site, "a");
    assert!(server.run(&site, &["get", &digest]).ok().stdout == noise(9 << 20));
    let said = server.stop();
    assert_eq!(said.matches("confined by Landlock (version").count(), usize::from(is_confined), "{said}");
    assert_eq!(said.matches("confined by Landlock as before").count(), if is_confined { 20 } else { 0 });
}

#[test]
fn a_server_may_be_left_unconfined_or_told_to_be_confined_or_not_to_start() {
    let site = Site::new();
    let server = Server::start_with(&site, &["--landlock", "off"]);
    assert!(!server.stop().contains("Landlock"));
    let mut serve = site.command(&["serve", "--listen", "127.0.0.1:0", "--landlock", "require"]);
    let has_landlock = site.run(&["doctor", "--json"]).text().contains("a server is confined to its store");
    if has_landlock {
        let server = Server::spawn(&mut serve);
        assert!(is_confined(&server.said()));
        server.stop();
    } else {
        Ran::of(&mut serve).code(1).says("not confined by Landlock").says("--landlock auto");
    }
}

#[test]
fn an_ordinary_user_serves_and_asks_the_doctor() {
    let site = Site::new();
    let own = site.path("own");
    fs::create_dir(&own).unwrap();
    if rustix::process::geteuid().is_root() {
        // The whole way there may be walked by anybody, or this says nothing about users.
        chown(&own, Some(NOBODY), Some(NOBODY)).unwrap();
        fs::set_permissions(site.path("."), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let program = env!("CARGO_BIN_EXE_aqueduct");
    let as_user = |arguments: &[&str]| {
        let mut command = match rustix::process::geteuid().is_root() {
            true => {
                let mut command = Command::new("setpriv");
                let user = NOBODY.to_string();
                command.args(["--reuid", &user, "--regid", &user, "--clear-groups", program]);
                command
            }
            false => Command::new(program),
        };
        command.args(arguments).current_dir(&own).env("AQUEDUCT_STORE", "store").env("HOME", &own);
        command
    };
    site.write("own/a", noise(5 << 20));
    let mut server = Server::spawn(&mut as_user(&["serve", "--listen", "127.0.0.1:0"]));
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    assert!(!status.contains("\nUid:\t0\t"), "{status}");
    let url = format!("aqueduct://{}", server.address());
    let put = Ran::of(&mut as_user(&["put", "--server", &url, "a"])).ok();
    let digest = put.text().split(' ').next().unwrap();
    assert!(Ran::of(&mut as_user(&["get", "--server", &url, digest])).ok().stdout == noise(5 << 20));
    server.restart();
    assert!(Ran::of(&mut as_user(&["get", "--server", &url, digest])).ok().stdout == noise(5 << 20));
    assert!(Ran::of(&mut as_user(&["doctor"])).text().contains("Landlock"));
    server.stop();
}

const NOBODY: u32 = 65534;
