#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "it is what is forbidden that is tried")]

use std::fs::{self, File};
use std::io::ErrorKind::{PermissionDenied, WouldBlock};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::thread;

use tempfile::TempDir;

use super::*;

/// Runs `work` in a thread that is confined to `reach`, unless there is no Landlock here, which is said.
fn confined(reach: &Reach, work: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let confined = scope.spawn(|| match restrict(reach).unwrap() {
            RestrictionStatus { ruleset: RulesetStatus::FullyEnforced, .. } => work(),
            status => println!("not tried: {}", words(&status)),
        });
        confined.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// A directory with a store, and what is beside it.
fn place() -> (TempDir, Reach) {
    let place = TempDir::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    for name in ["store", "config", "secrets"] {
        fs::create_dir(place.path().join(name)).unwrap();
        fs::write(place.path().join(name).join("file"), "here").unwrap();
    }
    let reach = Reach {
        store: place.path().join("store"),
        program: env::current_exe().unwrap(),
        files: vec![place.path().join("config/file")],
    };
    (place, reach)
}

#[test]
fn a_store_can_be_changed_and_what_is_configured_read_again() {
    let (place, reach) = place();
    confined(&reach, || {
        let store = place.path().join("store");
        fs::create_dir(store.join("below")).unwrap();
        fs::write(store.join("below/new"), "new").unwrap();
        fs::rename(store.join("below/new"), store.join("moved")).unwrap();
        fs::hard_link(store.join("moved"), store.join("below/linked")).unwrap();
        File::options().write(true).open(store.join("moved")).unwrap().set_len(1).unwrap();
        fs::remove_file(store.join("below/linked")).unwrap();
        fs::remove_dir(store.join("below")).unwrap();
        let unnamed = File::from(aqueduct_sys::open_unnamed(File::open(&store).unwrap(), 0o600).unwrap());
        let placed =
            aqueduct_sys::link_unnamed(&unnamed, File::open(&store).unwrap(), Path::new("published"));
        assert_eq!(placed.unwrap(), aqueduct_sys::Placed::New);
        // Another file of the same name, as an editor leaves.
        assert_eq!(fs::read_to_string(place.path().join("config/file")).unwrap(), "here");
        assert!(fs::read_to_string("/proc/self/statm").is_ok());
        assert!(Command::new(env::current_exe().unwrap()).arg("--list").output().unwrap().status.success());
    });
}

#[test]
fn what_a_control_group_may_use_can_be_read() {
    let (_place, reach) = place();
    let controllers = ["/sys/fs/cgroup/cgroup.controllers", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"];
    let found: Vec<_> = controllers.into_iter().filter(|path| fs::read(path).is_ok()).collect();
    if found.is_empty() {
        println!("not tried: no control groups here");
    }
    let count = thread::available_parallelism().unwrap();
    confined(&reach, || {
        for path in found {
            fs::read(path).unwrap();
        }
        assert_eq!(thread::available_parallelism().unwrap(), count);
    });
}

#[test]
fn nothing_else_can_be_read_or_written_or_run() {
    let (place, reach) = place();
    let denied = |done: std::io::Result<()>| assert_eq!(done.unwrap_err().kind(), PermissionDenied);
    symlink(place.path().join("secrets/file"), place.path().join("store/link")).unwrap();
    confined(&reach, || {
        let at = |name| place.path().join(name);
        denied(File::open(at("secrets/file")).map(drop));
        denied(File::open(at("store/link")).map(drop));
        denied(File::open("/etc/passwd").map(drop));
        denied(fs::write(at("secrets/new"), "new"));
        denied(fs::write(at("config/file"), "new"));
        denied(fs::remove_file(at("config/file")));
        denied(fs::hard_link(at("store/file"), at("secrets/linked")));
        denied(symlink("anything", at("store/symlink")));
        denied(Command::new(at("store/file")).status().map(drop));
    });
}

#[test]
fn nobody_is_connected_to_and_no_port_bound_and_sockets_that_listen_go_on() {
    let (_place, reach) = place();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let peer = TcpStream::connect(address).unwrap();
    confined(&reach, || {
        listener.accept().unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), WouldBlock);
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), PermissionDenied);
        assert_eq!(TcpListener::bind("127.0.0.1:0").unwrap_err().kind(), PermissionDenied);
    });
    drop(peer);
}

#[test]
fn what_is_found_out_about_the_kernel_confines_nobody() {
    let found = in_kernel().unwrap();
    if let LandlockStatus::Available { effective_abi, .. } = found {
        assert!(version(effective_abi) >= 1);
    }
    File::open("/etc/passwd").unwrap();
}
