//! What arrives whole.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use aqueduct_blob::{Algorithm, Hasher, SEGMENT_LEN};
use aqueduct_transfer::{
    ErrorKind, Event, Existing, Gauge, Peer, Preserve, Proof, Receive, Send, Verify, Watch,
};

use crate::pair::{Hearing, pulled, pulled_by, pushed, receive, send};

/// Bytes that repeat nowhere.
pub(crate) fn bytes(len: u64) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ len;
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(usize::try_from(len).unwrap());
    bytes
}

pub(crate) fn digest(algorithm: Algorithm, bytes: &[u8]) -> aqueduct_blob::Digest {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish().digest
}

#[test]
fn a_file_of_every_size_arrives_and_both_sides_name_its_digest() {
    for size in [
        0,
        1,
        262_144,
        262_145,
        SEGMENT_LEN - 1,
        SEGMENT_LEN,
        SEGMENT_LEN + 1,
        3 * SEGMENT_LEN,
        3 * SEGMENT_LEN + 7,
    ] {
        for (algorithm, verify) in [
            (Algorithm::Blake3, Verify::Full),
            (Algorithm::Sha256, Verify::Full),
            (Algorithm::Blake3, Verify::Wire),
            (Algorithm::Blake3, Verify::None),
        ] {
            let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let path = from.path().join("file");
            let bytes = bytes(size);
            fs::write(&path, &bytes).unwrap();
            let sending = Send { algorithm, verify, ..send(&[&path]) };
            let ((sent, _), (received, said)) = pulled(&sending, &receive(to.path()));
            let (sent, received) = (sent.unwrap(), received.unwrap());
            assert!(fs::read(to.path().join("file")).unwrap() == bytes, "{size} {algorithm} {verify:?}");
            let expected = (verify == Verify::Full).then(|| digest(algorithm, &bytes));
            assert_eq!((sent.digest, received.digest), (expected, expected), "{size} {verify:?}: {said:?}");
            assert_eq!((sent.size, received.size, received.file_count), (size, size, 1));
            let proof = match verify {
                Verify::Full => Proof::Digest,
                Verify::Wire => Proof::Wire,
                Verify::None => Proof::Nothing,
            };
            assert_eq!((sent.proof, received.proof), (proof, proof));
            assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1, "nothing else is left");
        }
    }
}

#[test]
fn a_tree_arrives_as_it_was_pushed_or_pulled() {
    let from = tempfile::tempdir().unwrap();
    let tree = from.path().join("tree");
    plant(&tree);
    for push in [false, true] {
        let to = tempfile::tempdir().unwrap();
        let sending =
            Send { preserve: Preserve { hardlinks: true, ..Preserve::default() }, ..send(&[&tree]) };
        let ((sent, _), (received, _)) =
            if push { pushed(&sending, &receive(to.path())) } else { pulled(&sending, &receive(to.path())) };
        let (sent, received) = (sent.unwrap(), received.unwrap());
        assert_eq!((sent.file_count, received.file_count), (124, 124));
        same(&tree, &to.path().join("tree"));
        let (one, other) = (to.path().join("tree/large"), to.path().join("tree/z"));
        assert_eq!(fs::metadata(one).unwrap().ino(), fs::metadata(other).unwrap().ino());
    }
}

/// Hears of everything but small files.
struct Listless(Mutex<Vec<String>>);

impl Watch for Listless {
    fn hear(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }

    fn hears_files(&self) -> bool {
        false
    }
}

#[test]
fn small_files_go_together_and_whoever_asks_is_told_the_digest_of_each() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("tree");
    fs::create_dir(&tree).unwrap();
    for len in 0..20 {
        fs::write(tree.join(format!("{len:02}")), bytes(len)).unwrap();
    }
    let (_, (received, said)) = pulled(&send(&[&tree]), &receive(to.path()));
    assert_eq!(received.unwrap().file_count, 20);
    for len in 0..20 {
        let digest = digest(Algorithm::Blake3, &bytes(len));
        let path = format!("tree/{len:02}");
        let told = Event::File { path: path.as_bytes(), size: len, digest: Some(digest) };
        assert!(said.contains(&format!("{told:?}")), "{len}: {said:?}");
    }
    let (to, listless) = (tempfile::tempdir().unwrap(), Listless(Mutex::default()));
    let (_, received) = pulled_by(&send(&[&tree]), &receive(to.path()), &listless);
    assert_eq!(received.unwrap().file_count, 20);
    same(&tree, &to.path().join("tree"));
    let said = listless.0.into_inner().unwrap();
    assert!(!said.iter().any(|event| event.starts_with("File")), "{said:?}");
}

fn plant(tree: &Path) {
    fs::create_dir_all(tree.join("a/b/c")).unwrap();
    fs::create_dir(tree.join("empty")).unwrap();
    for i in 0..120_u64 {
        fs::write(tree.join(format!("a/b/{i}")), bytes(i * 97)).unwrap();
    }
    fs::write(tree.join("large"), bytes(2 * SEGMENT_LEN + 5)).unwrap();
    fs::hard_link(tree.join("large"), tree.join("z")).unwrap();
    fs::write(tree.join("a/script"), b"#!/bin/sh\n").unwrap();
    fs::set_permissions(tree.join("a/script"), fs::Permissions::from_mode(0o750)).unwrap();
    fs::write(tree.join("a/secret"), b"x").unwrap();
    fs::set_permissions(tree.join("a/secret"), fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("../large", tree.join("a/link")).unwrap();
    std::os::unix::fs::symlink("/nowhere", tree.join("dangling")).unwrap();
    let sparse = fs::File::create(tree.join("a/b/c/sparse")).unwrap();
    sparse.set_len(5 * SEGMENT_LEN).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"in the middle", 2 * SEGMENT_LEN + 100_000).unwrap();
    fs::set_permissions(tree.join("a/b/c"), fs::Permissions::from_mode(0o555)).unwrap();
}

fn same(one: &Path, other: &Path) {
    let (a, b) = (fs::symlink_metadata(one).unwrap(), fs::symlink_metadata(other).unwrap());
    assert_eq!(
        (a.mode(), a.mtime(), a.mtime_nsec(), a.len()),
        (b.mode(), b.mtime(), b.mtime_nsec(), b.len()),
        "{one:?}"
    );
    if a.is_symlink() {
        assert_eq!(fs::read_link(one).unwrap(), fs::read_link(other).unwrap());
    } else if a.is_dir() {
        let names = |path: &Path| {
            let mut names: Vec<_> =
                fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(one), names(other), "{one:?}");
        names(one).iter().for_each(|name| same(&one.join(name), &other.join(name)));
    } else {
        assert!(fs::read(one).unwrap() == fs::read(other).unwrap(), "{one:?}");
        assert!(b.blocks() <= a.blocks() + 16, "{one:?}: holes are kept");
    }
}

#[test]
fn what_exists_is_refused_unless_something_else_was_said() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = from.path().join("file");
    fs::write(&path, b"new").unwrap();
    fs::write(to.path().join("file"), b"old").unwrap();
    let (_, (received, _)) = pulled(&send(&[&path]), &receive(to.path()));
    assert_eq!(received.unwrap_err().kind(), ErrorKind::Exists);
    assert_eq!(fs::read(to.path().join("file")).unwrap(), b"old");
    for (existing, there, beside) in [
        (Existing::KeepBoth, b"old", Some(b"new")),
        (Existing::Skip, b"old", Some(b"new")),
        (Existing::Replace, b"new", Some(b"new")),
    ] {
        let receiving = Receive { existing, ..receive(to.path()) };
        let ((sent, _), (received, _)) = pulled(&send(&[&path]), &receiving);
        sent.unwrap();
        received.unwrap();
        assert_eq!(fs::read(to.path().join("file")).unwrap(), there);
        assert_eq!(fs::read(to.path().join("file-1")).ok().as_deref(), beside.map(|beside| &beside[..]));
    }
}

#[test]
fn a_wrong_ticket_opens_nothing() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = from.path().join("file");
    fs::write(&path, b"bytes").unwrap();
    let (hearing, ticket) = crate::pair::Hearing::new();
    let sending = send(&[&path]);
    std::thread::scope(|scope| {
        let sent =
            scope.spawn(|| aqueduct_transfer::send(&sending, &aqueduct_transfer::Gauge::default(), &hearing));
        let ticket = ticket.recv().unwrap();
        let other =
            aqueduct_transfer::Ticket { secret: aqueduct_transfer::Secret::random().unwrap(), ..ticket };
        let receiving = Receive { from: aqueduct_transfer::Peer::Ticket(other), ..receive(to.path()) };
        let (hearing, _) = crate::pair::Hearing::new();
        let received = aqueduct_transfer::recv(&receiving, &aqueduct_transfer::Gauge::default(), &hearing);
        assert_eq!(received.unwrap_err().kind(), ErrorKind::Refused);
        sending.options.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(sent.join().unwrap().unwrap_err().kind(), ErrorKind::Stopped);
    });
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
}

#[test]
fn a_stream_that_has_nothing_to_bring_for_longer_than_silence_may_last_does_no_harm() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = from.path().join("file");
    let bytes = bytes(SEGMENT_LEN / 2);
    fs::write(&path, &bytes).unwrap();
    let mut sending = send(&[&path]);
    // Two frames of 1 MiB: the second leaves when the first has had its time, which is longer than anybody may be silent.
    sending.options.rate = std::num::NonZeroU64::new(256 * 1024);
    sending.options.times.idle = std::time::Duration::from_secs(3);
    let mut receiving = receive(to.path());
    receiving.options.times.idle = std::time::Duration::from_secs(3);
    let ((sent, _), (received, said)) = pushed(&sending, &receiving);
    sent.unwrap();
    received.unwrap();
    assert!(!said.iter().any(|said| said.starts_with("Retry")), "{said:#?}");
    assert!(fs::read(to.path().join("file")).unwrap() == bytes);
}

#[test]
fn a_receiver_that_listens_ends_although_fewer_connections_come_than_it_was_ready_for() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = from.path().join("file");
    fs::write(&path, bytes(2 * SEGMENT_LEN)).unwrap();
    let (hearing, ticket) = crate::pair::Hearing::new();
    let receiving = receive(to.path());
    std::thread::scope(|scope| {
        let received = scope
            .spawn(|| aqueduct_transfer::recv(&receiving, &aqueduct_transfer::Gauge::default(), &hearing));
        let ticket = ticket.recv().unwrap();
        // Lets the first connection through, and nobody after it.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = ticket.port;
        std::thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            drop(listener);
            let server = std::net::TcpStream::connect(("127.0.0.1", target)).unwrap();
            let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let back = std::thread::spawn(move || {
                let _ = std::io::copy(&mut &server, &mut &client);
                let _ = client.shutdown(std::net::Shutdown::Both);
            });
            let _ = std::io::copy(&mut up, &mut down);
            let _ = down.shutdown(std::net::Shutdown::Write);
            back.join().unwrap();
        });
        let host = aqueduct_transfer::Host::Address("127.0.0.1".parse().unwrap());
        let ticket = aqueduct_transfer::Ticket { hosts: vec![host], port, ..ticket };
        let (hearing, _) = crate::pair::Hearing::new();
        let sending = Send { to: aqueduct_transfer::Peer::Ticket(ticket), ..send(&[&path]) };
        aqueduct_transfer::send(&sending, &aqueduct_transfer::Gauge::default(), &hearing).unwrap();
        assert_eq!(received.join().unwrap().unwrap().file_count, 1);
    });
}

#[test]
fn a_tree_of_which_all_is_left_out_is_none_that_failed() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("tree");
    fs::create_dir(&tree).unwrap();
    assert!(Command::new("mkfifo").arg(tree.join("fifo")).status().unwrap().success());
    let ((sent, _), (received, _)) = pulled(&send(&[&tree]), &receive(to.path()));
    let (sent, received) = (sent.unwrap(), received.unwrap());
    assert_eq!((sent.file_count, sent.failed_count), (0, 1));
    assert_eq!((received.file_count, received.failed_count), (0, 1));
    assert!(to.path().join("tree").is_dir());
}

/// It says that it has 4096 bytes, and has fewer.
const SHORT: &str = "/sys/devices/system/cpu/online";

#[test]
fn one_file_that_cannot_be_read_fails_at_both_ends() {
    let to = tempfile::tempdir().unwrap();
    let ((sent, _), (received, _)) = pulled(&send(&[Path::new(SHORT)]), &receive(to.path()));
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::Source);
    // The sender alone knows why.
    assert_eq!(received.unwrap_err().kind(), ErrorKind::Changed);
}

#[test]
fn nobody_who_cannot_connect_is_promised_that_a_stream_goes_on() {
    let to = tempfile::tempdir().unwrap();
    // Bound, so that nobody else takes it, and nobody listens.
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None);
    let bound = socket.unwrap();
    rustix::net::bind(&bound, &"127.0.0.1:0".parse::<std::net::SocketAddrV4>().unwrap()).unwrap();
    let port = std::net::TcpListener::from(bound.try_clone().unwrap()).local_addr().unwrap().port();
    let raw = || Peer::Raw { host: "127.0.0.1".to_owned(), port };
    let receiving = Receive { from: raw(), ..receive(to.path()) };
    let (hearing, _) = Hearing::new();
    let error = aqueduct_transfer::recv(&receiving, &Gauge::default(), &hearing).unwrap_err();
    assert_eq!((error.kind(), error.is_resumable()), (ErrorKind::Network, false));
    fs::write(to.path().join("file"), "bytes").unwrap();
    let sending = Send { to: raw(), ..send(&[&to.path().join("file")]) };
    let error = aqueduct_transfer::send(&sending, &Gauge::default(), &hearing).unwrap_err();
    assert_eq!((error.kind(), error.is_resumable()), (ErrorKind::Network, false));
}
