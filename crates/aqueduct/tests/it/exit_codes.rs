//! Each exit code that a store on this machine can give, by its number.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::child;
use crate::fixture::{Ran, Site, noise};
use crate::server::Server;

const ABSENT: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn success_is_0() {
    let site = Site::new();
    site.write("a", "abc");
    let digest = site.put("a");
    assert_eq!(digest, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(site.run(&["has", &digest]).ok().text(), format!("{digest}\n"));
    site.run(&["rm", &digest]).ok();
}

#[test]
fn a_store_that_is_not_there_is_1_and_is_not_made() {
    let site = Site::new();
    for command in [&["ls"][..], &["has", ABSENT], &["get", ABSENT], &["rm", ABSENT], &["verify"]] {
        site.run(command).code(1).says("there is no store at").says("aqueduct put");
        assert!(!site.store().exists(), "{command:?}");
    }
}

#[test]
fn a_wrong_command_line_is_2() {
    let site = Site::new();
    site.write("a", "abc");
    site.put("a");
    for (arguments, words) in [
        (&["frobnicate"][..], "unrecognized"),
        (&["put"], "PATH"),
        (&["has", "sha256:xyz"], "64 hex digits"),
        (&["has", "md5:00"], "not one of sha256"),
        (&["get", &format!("{ABSENT}/5-2")], "ends before it begins"),
        (&["put", "-", "-"], "only once"),
        (&["get", ABSENT, ABSENT, "-o", "file"], "need a directory"),
        (&["get", ABSENT, "-o", "newdir/"], "newdir/ is no directory"),
        (&["get", ABSENT, "-o", "a/"], "a/ is no directory"),
        (&["serve", "--grace", "18446744073709551615"], "31536000"),
        (&["ls", "--timeout", "18446744073709551615"], "31536000"),
        (&["get", ABSENT, "--json"], "standard output"),
        (&["put", "a", "-q", "-v"], "cannot be used with"),
    ] {
        site.run(arguments).code(2).says(words);
    }
    let mut has = site.command(&["has", "-"]);
    has.stdin(File::open(site.path("a")).unwrap());
    Ran::of(&mut has).code(2).says("standard input, line 1");
}

#[test]
fn a_missing_source_is_3() {
    let site = Site::new();
    site.run(&["put", "nothing"]).code(3).says("cannot read nothing: No such file");
    std::os::unix::fs::symlink("nothing", site.path("dangling")).unwrap();
    site.run(&["put", "dangling"]).code(3);
}

#[test]
fn an_absent_blob_is_3() {
    let site = Site::new();
    site.write("a", "abc");
    let digest = site.put("a");
    site.run(&["has", ABSENT]).code(3).says("is not in the store");
    site.run(&["get", ABSENT, "-o", "out"]).code(3);
    assert!(!site.path("out").exists());
    site.run(&["rm", ABSENT]).code(3);
    site.run(&["rm", "-f", ABSENT]).ok();
    site.run(&["verify", ABSENT]).code(3);
    let both = site.run(&["has", ABSENT, &digest]).code(3).says("1 of 2");
    assert_eq!(both.text(), format!("{digest}\n"), "those that are there are printed");
    site.run(&["get", &format!("{digest}/3-")]).code(3).says("3 bytes");
}

#[test]
fn a_destination_that_exists_is_4() {
    let site = Site::new();
    site.write("a", "abc");
    let digest = site.put("a");
    site.write("out", "mine");
    site.run(&["get", &digest, "-o", "out"]).code(4).says("--force");
    assert_eq!(fs::read(site.path("out")).unwrap(), b"mine");
}

#[test]
fn damage_is_6() {
    let site = Site::new();
    site.write("a", "abc");
    let digest = site.put("a");
    fs::set_permissions(site.blob(&digest), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(site.blob(&digest), "abd").unwrap();
    site.run(&["verify"]).code(6);
}

#[test]
fn a_full_disk_is_7() {
    if !child::is_child() {
        return child::run("exit_codes::a_full_disk_is_7");
    }
    let site = Site::in_dir(&child::mount(&["-t", "tmpfs", "-o", "size=16m", "tmpfs"]));
    let outside = Site::new();
    outside.write("large", noise(32 << 20));
    let large = outside.path("large");
    site.run(&["put", large.to_str().unwrap()]).code(7).says("No space left").says("free some space");
    assert_eq!(site.run(&["ls"]).ok().text(), "", "nothing of it is there");
    outside.write("small", noise(1 << 20));
    site.run(&["put", outside.path("small").to_str().unwrap()]).ok();

    let digest = outside.put("large");
    let mut get = outside.command(&["get", &digest, "-o"]);
    Ran::of(get.arg(site.path("out"))).code(7).says("nothing partial was left behind");
    assert!(!site.path("out").exists());
}

#[test]
fn what_went_to_a_full_device_is_not_said_to_be_gone() {
    let site = Site::new();
    site.write("a", "abc");
    let digest = site.put("a");
    let server = Server::start(&site);
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let mut get = server.command(&site, &["get", &digest]);
    let ran = Ran::of(get.stdout(full())).code(7).says("free some space and run it again");
    assert!(!ran.stderr.contains("nothing partial"), "{}", ran.stderr);
    server.stop();
    let ran = Ran::of(site.command(&["get", &digest]).stdout(full())).code(7).says("free some space");
    assert!(!ran.stderr.contains("nothing partial"), "{}", ran.stderr);
}

#[test]
fn a_disk_error_is_8() {
    let site = Site::new();
    site.write("a", "abc");
    let digest = site.put("a");
    site.run(&["get", &digest, "-o", "no/such/directory/out"])
        .code(8)
        .says("cannot write no/such/directory/out");
    // Its first page is not mapped: reading it is EIO, whoever asks.
    site.run(&["put", "/proc/self/mem"]).code(8).says("/proc/self/mem");
}

#[test]
fn a_source_that_changes_is_11() {
    let site = Site::new();
    let path = site.write("a", noise(64 << 20));
    let file = File::options().write(true).open(path).unwrap();
    let stop = AtomicBool::new(false);
    let ran = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                file.write_all_at(b"x", 1).unwrap();
            }
        });
        let ran = site.run(&["put", "a"]);
        stop.store(true, Ordering::Relaxed);
        ran
    });
    ran.code(11).says("changed while it was read");
    assert_eq!(site.run(&["ls"]).ok().text(), "");
}

#[test]
fn one_failure_among_several_files_is_12_and_the_others_are_stored() {
    let site = Site::new();
    site.write("a", "a");
    site.write("b", "b");
    let ran = site.run(&["put", "a", "nothing", "/proc/self/mem", "b"]).code(12);
    let ran = ran.says("cannot read nothing").says("/proc/self/mem").says("2 of 4 failed");
    let names: Vec<_> = ran.text().lines().map(|line| line.split("  ").nth(1).unwrap()).collect();
    assert_eq!(names, ["a", "b"]);
}

/// A shell shows it as 130.
#[test]
fn an_interrupt_ends_the_program_by_its_signal_and_nothing_is_stored() {
    let site = Site::new();
    // A shell that starts this in the background ignores the signal, and so would all that is started from here.
    let mut put = Command::new("env");
    put.args(["--default-signal=INT", env!("CARGO_BIN_EXE_aqueduct"), "put", "-", "--store", "store"]);
    put.current_dir(site.path(".")).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut put = put.spawn().unwrap();
    let mut stdin = put.stdin.take().unwrap();
    // More than the pipe holds: once this returns, the program is at work.
    stdin.write_all(&noise(1 << 20)).unwrap();
    let pid = rustix::process::Pid::from_child(&put);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = put.wait().unwrap();
    assert_eq!(status.signal(), Some(2));
    assert_eq!(site.run(&["ls"]).ok().text(), "");
}

#[test]
fn a_file_that_may_not_be_read_is_3_and_12_among_others() {
    let site = Site::new();
    let path = site.write("secret", "secret");
    site.write("good", "good");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read any file, until it gives that up.
    let give_up: &[&str] = match File::open(&path) {
        Ok(_) => &["setpriv", "--bounding-set=-dac_override,-dac_read_search"],
        Err(_) => &["env"],
    };
    let put = |names: &[&str]| {
        let mut put = Command::new(give_up[0]);
        put.args(&give_up[1..])
            .arg(env!("CARGO_BIN_EXE_aqueduct"))
            .args(["put", "--store", "store"])
            .args(names);
        Ran::of(put.current_dir(site.path(".")))
    };
    put(&["secret"]).code(3).says("Permission denied");
    let ran = put(&["secret", "good"]).code(12).says("cannot read secret: ");
    assert_eq!(ran.text().lines().count(), 1);
}
