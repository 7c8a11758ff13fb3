#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

use super::layout::{DATA, Layout, PROGRAM};
use crate::process;

/// A root with the units in it, and with what they name.
struct Units(Layout);

impl Units {
    fn lay_out(name: &str) -> Self {
        let layout =
            Layout::make(&std::env::temp_dir().join(format!("{name}.{}", std::process::id()))).unwrap();
        let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
        for unit in ["aqueduct.service", "aqueduct.socket"] {
            layout.copy(&packaging.join(unit), &format!("usr/lib/systemd/system/{unit}"), DATA).unwrap();
        }
        // What every service and socket stands on: systemd.special(7).
        for target in ["sysinit", "basic", "shutdown", "sockets", "multi-user"] {
            let path = format!("usr/lib/systemd/system/{target}.target");
            layout.write(&path, DATA, b"[Unit]\nDescription=A target\n").unwrap();
        }
        for program in ["usr/bin/aqueduct", "bin/kill"] {
            layout.write(program, PROGRAM, b"#!/bin/sh\n").unwrap();
        }
        Self(layout)
    }

    /// What systemd-analyze(1) says of them.
    fn analyze(&self, arguments: &[&str]) -> process::Said {
        let root = format!("--root={}", self.0.dir().display());
        process::run(Command::new("systemd-analyze").arg(root).args(arguments)).unwrap()
    }
}

impl Drop for Units {
    fn drop(&mut self) {
        fs::remove_dir_all(self.0.dir()).unwrap();
    }
}

#[test]
fn systemd_understands_every_line_of_the_units() {
    let units = Units::lay_out("verified-units");
    let said = units.analyze(&["verify", "--man=no", "aqueduct.service", "aqueduct.socket"]);
    assert_eq!(said.stderr, "");
}

#[test]
fn the_service_is_exposed_to_little() {
    let units = Units::lay_out("exposed-units");
    // 10 is a service that says nothing, 1.4 is what is left to this one, most of it for the network.
    units.analyze(&["security", "--offline=true", "--threshold=15", "aqueduct.service"]);
}

#[test]
fn a_directory_is_as_open_as_debian_wants_it_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;
    let units = Units::lay_out("modes");
    let path = units.0.directory("usr/share/doc").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    units.0.write("usr/share/doc/aqueduct/copyright", DATA, b"").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, PROGRAM);
}

#[test]
fn sums_are_of_what_nobody_changes_and_sorted_by_path() {
    let dir = std::env::temp_dir().join(format!("sums.{}", std::process::id()));
    let layout = Layout::make(&dir).unwrap();
    for path in ["usr/b", "usr/a", "etc/c"] {
        layout.write(path, DATA, b"").unwrap();
    }
    let empty = "d41d8cd98f00b204e9800998ecf8427e";
    assert_eq!(layout.md5sums().unwrap(), format!("{empty}  usr/a\n{empty}  usr/b\n"));
    fs::remove_dir_all(dir).unwrap();
}
