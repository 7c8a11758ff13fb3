//! What peers are told when the kernel refuses something, and what becomes of blobs whose files were changed behind the
//! server's back.

use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aqueduct_blob::Digest;
use aqueduct_flow::SendRoute;
use aqueduct_store::{Absent, Store};
use aqueduct_sys::Errno;
use aqueduct_testkit::{Plan, SimDisk, Slot};
use aqueduct_wire::native::{Code, Say};
use tempfile::TempDir;

use crate::fixture::{Fixture, digest, pattern};
use crate::frames::{Native, get, put, refused};

const HOST: &str = "Host: localhost\r\n";

/// A server whose disk can fail.
fn on_a_disk_that_fails() -> (Slot, SimDisk, Fixture) {
    let mut slot = Slot::new().unwrap();
    let disk = slot.empty().unwrap();
    let store = Store::open_on(Arc::new(disk.clone()), Absent::Make, Default::default()).unwrap();
    let server = Fixture::serving(store, TempDir::new().unwrap(), |_| {});
    server.put(b"so that the session is on record");
    (slot, disk, server)
}

fn refuse(disk: &SimDisk, verb: u64, errno: Errno) {
    disk.plan(Plan { refuse_at: Some((verb, errno)), ..Plan::default() });
}

/// How often a kind of fault was counted, in this process.
fn count(server: &Fixture, kind: &str) -> u64 {
    let page = server.ask(&format!("GET /metrics HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(page.status, 200);
    value(page.text(), &format!("aqueduct_faults_total{{kind=\"{kind}\"}} "))
}

fn value(page: &str, name: &str) -> u64 {
    page.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().parse().unwrap()
}

#[test]
fn each_errno_has_its_status_its_code_and_its_count() {
    let table = [
        (Errno::NOSPC, 507, "no-space", Code::NoSpace, "no_space"),
        (Errno::DQUOT, 507, "no-space", Code::NoSpace, "quota"),
        (Errno::IO, 500, "fault", Code::Fault, "io"),
        (Errno::MFILE, 503, "short-of-resources", Code::Busy, "descriptors"),
        (Errno::NFILE, 503, "short-of-resources", Code::Busy, "descriptors"),
        (Errno::NOMEM, 503, "short-of-resources", Code::Busy, "memory"),
        (Errno::ROFS, 503, "read-only", Code::ReadOnly, "read_only"),
    ];
    let (_slot, disk, server) = on_a_disk_that_fails();
    // Small ones are stored together, and a large one is staged: its file, its space, its bytes, its sync, its name.
    let (small, large) = (pattern(100), pattern(300_000));
    for (errno, status, name, code, kind) in table {
        for (bytes, verb) in [(&small, 1), (&small, 4), (&large, 1), (&large, 2), (&large, 3)] {
            let before = count(&server, kind);
            refuse(&disk, verb, errno);
            let mut peer = server.connect();
            let name_of = digest(bytes);
            peer.say(&format!(
                "PUT /blobs/{name_of} HTTP/1.1\r\n{HOST}Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
                bytes.len()
            ));
            let first = peer.head();
            let reply = if first.status == 100 {
                peer.say_bytes(bytes);
                peer.reply()
            } else {
                let len = first.field("Content-Length").unwrap().parse().unwrap();
                crate::fixture::Reply { body: peer.take(len), ..first }
            };
            reply.assert_problem(status, name);
            assert_eq!(reply.field("Retry-After").is_some(), status == 503, "{errno:?}");
            assert!(count(&server, kind) > before, "{errno:?} at verb {verb}");
            refuse(&disk, verb, errno);
            let mut native = Native::connect(server.address);
            let told = native.ask_and_hear(put(Some(name_of), bytes.len()), bytes);
            assert_eq!(refused(&told), code, "{errno:?} at verb {verb}");
            disk.plan(Plan::default());
            assert!(!server.has(&name_of), "nothing is there of what was refused");
        }
    }
    assert_eq!(server.ask(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n")).status, 200);
    for bytes in [small, large] {
        server.put(&bytes);
    }
}

#[test]
fn a_server_without_a_descriptor_for_a_file_says_try_again_and_means_it() {
    let (_slot, disk, server) = on_a_disk_that_fails();
    let bytes = pattern(300_000);
    let name = server.put(&bytes);
    disk.plan(Plan { refuse_open_at: Some((1, Errno::MFILE)), ..Plan::default() });
    let request = format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}\r\n");
    let refusal = server.ask(&request);
    refusal.assert_problem(503, "short-of-resources");
    assert_eq!(refusal.field("Retry-After"), Some("1"));
    assert!(server.ask(&request).body == bytes);
}

#[test]
fn after_a_failed_directory_sync_the_server_reads_and_says_that_it_does_not_write() {
    let (_slot, disk, server) = on_a_disk_that_fails();
    let name = server.put(b"before");
    refuse(&disk, 5, Errno::IO);
    let put = format!("PUT /blobs/{} HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nafter", digest(b"after"));
    for _ in 0..2 {
        let refusal = server.ask(&put);
        refusal.assert_problem(503, "read-only");
        assert_eq!(refusal.field("Retry-After"), Some("60"));
    }
    disk.plan(Plan::default());
    server.ask(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n")).assert_problem(503, "read-only");
    let page = server.ask(&format!("GET /metrics HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(value(page.text(), "aqueduct_store_read_only "), 1);
    assert_eq!(page.field("Content-Type").unwrap().split(';').next(), Some("text/plain"));
    assert!(server.has(&name));
    // It cannot be closed as if all were well.
    let mut server = server;
    server.control.stop();
    server.ended().unwrap_err();
}

fn path_of(server: &Fixture, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    server.root().join("blobs").join(digest.algorithm().name()).join(&hex[..2]).join(&hex[2..])
}

/// Opens a published file for writing, which nobody should.
fn opened(path: &Path) -> File {
    fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o444)).unwrap();
    file
}

fn damaged_count(server: &Fixture) -> u64 {
    let page = server.ask(&format!("GET /metrics HTTP/1.1\r\n{HOST}\r\n"));
    value(page.text(), "aqueduct_damaged_blobs_total ")
}

/// Waits until the server has put away what it found damaged.
fn wait_until_put_away(server: &Fixture, before: u64) {
    // Whoever asks waits for the hash: there is nothing else to wait for.
    while damaged_count(server) == before {
        std::thread::yield_now();
    }
}

#[test]
fn a_blob_that_is_cut_short_while_it_is_open_breaks_off_and_is_gone_and_can_be_put_again() {
    for route in SendRoute::ALL {
        let server = Fixture::with(|options| options.send_route = route);
        let bytes = pattern(3 << 20);
        let name = server.put(&bytes);
        let request = format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}\r\n");
        assert!(server.ask(&request).body == bytes, "from now on it stays open");
        let before = damaged_count(&server);
        opened(&path_of(&server, &name)).set_len(1 << 20).unwrap();
        let mut peer = server.connect();
        peer.say(&request);
        assert_eq!(peer.head().field("Content-Length"), Some((3 << 20).to_string().as_str()));
        let mut rest = Vec::new();
        // Whether it ends or is reset, it is short.
        let _ = peer.stream.read_to_end(&mut rest);
        assert!(rest.len() < 3 << 20, "{route}: nothing is made up");
        wait_until_put_away(&server, before);
        server.ask(&request).assert_problem(404, "absent");
        // Beside it lies a note of what is wrong with it.
        let quarantine = fs::read_dir(server.root().join("quarantine")).unwrap();
        let kept = quarantine.filter(|entry| entry.as_ref().unwrap().path().extension().is_none());
        assert_eq!(kept.count(), 1, "{route}");
        server.put(&bytes);
        assert!(server.ask(&request).body == bytes, "{route}");
    }
}

#[test]
fn a_native_peer_hears_of_no_byte_that_is_not_there_either() {
    let server = Fixture::new();
    let bytes = pattern(3 << 20);
    let name = server.put(&bytes);
    let before = damaged_count(&server);
    let mut native = Native::connect(server.address);
    let task = native.ask(get(name), &[]);
    assert!(native.bytes(task) == bytes);
    opened(&path_of(&server, &name)).set_len(1 << 20).unwrap();
    native.ask(get(name), &[]);
    let mut rest = Vec::new();
    let _ = native.peer.stream.read_to_end(&mut rest);
    assert!(rest.len() < 3 << 20);
    wait_until_put_away(&server, before);
    let mut native = Native::connect(server.address);
    assert_eq!(refused(&native.ask_and_hear(get(name), &[])), Code::Absent);
    assert!(matches!(native.ask_and_hear(put(Some(name), 5), b"wrong").say, Say::Refused { .. }));
    server.put(&bytes);
}

#[test]
fn a_large_blob_that_was_changed_in_place_is_not_served_by_a_server_that_opens_it() {
    let server = Fixture::new();
    let bytes = pattern(3 << 20);
    let name = server.put(&bytes);
    opened(&path_of(&server, &name)).write_all_at(&[!bytes[1 << 20]], 1 << 20).unwrap();
    for method in ["GET", "HEAD"] {
        let mut peer = server.connect();
        peer.say(&format!("{method} /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!(peer.head().status, 404);
    }
    assert_eq!(damaged_count(&server), 1);
    server.put(&bytes);
    assert!(server.ask(&format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}\r\n")).body == bytes);
}

#[test]
fn what_is_counted_is_for_those_who_may_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "read reader\n").unwrap();
    let tokens = aqueduct_server::Tokens::load(file.path()).unwrap();
    let server = Fixture::with(|options| options.tokens = Some(tokens));
    let ask = |token: &str| server.ask(&format!("GET /metrics HTTP/1.1\r\n{HOST}{token}\r\n"));
    ask("").assert_problem(401, "needs-token");
    assert_eq!(ask("Authorization: Bearer reader\r\n").status, 200);
    server
        .ask(&format!("POST /metrics HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n"))
        .assert_problem(405, "method-not-allowed");
}
