//! What goes on where it was.

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use aqueduct_blob::{Algorithm, SEGMENT_LEN};
use aqueduct_transfer::{
    Error, ErrorKind, Event, Gauge, Host, Peer, Phase, Receive, Report, Send, Streams, Ticket, Verify, Watch,
};

use crate::pair::{Hearing, Outcome, pulled, pulled_by, receive, send};
use crate::whole::{bytes, digest};

/// Relays connections to `port`, and does to the bytes that the listener sends what `mangle` says: given how many went before,
/// it may change them, or say to cut.
fn relay(
    port: u16,
    over: Arc<AtomicBool>,
    mangle: impl Fn(u64, &mut [u8]) -> bool + std::marker::Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mangle = Arc::new(mangle);
    let total = Arc::new(AtomicU64::new(0));
    thread::spawn(move || {
        for client in listener.incoming() {
            if over.load(Ordering::Relaxed) {
                return;
            }
            let Ok(client) = client else { return };
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
            let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut up, &mut down);
                let _ = down.shutdown(std::net::Shutdown::Write);
            });
            let (mangle, total) = (Arc::clone(&mangle), Arc::clone(&total));
            thread::spawn(move || {
                let (mut server, mut client) = (server, client);
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(len @ 1..) = server.read(&mut buffer) {
                    let before = total.fetch_add(len as u64, Ordering::Relaxed);
                    if mangle(before, &mut buffer[..len]) || client.write_all(&buffer[..len]).is_err() {
                        break;
                    }
                }
                let _ = client.shutdown(std::net::Shutdown::Both);
                let _ = server.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    address.port()
}

/// Sends a file through a relay, and says what came of it at either end, and what the receiver heard.
fn relayed(
    sending: &Send,
    to: &Path,
    mangle: impl Fn(u64, &mut [u8]) -> bool + std::marker::Send + Sync + 'static,
) -> (Result<Report, Error>, Outcome) {
    let (hearing, ticket) = Hearing::new();
    let over = Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        let sent = scope.spawn(|| aqueduct_transfer::send(sending, &Gauge::default(), &hearing));
        let ticket = ticket.recv().unwrap();
        let port = relay(ticket.port, Arc::clone(&over), mangle);
        let host = Host::Address("127.0.0.1".parse().unwrap());
        let ticket = Ticket { hosts: vec![host], port, secret: ticket.secret };
        let (hearing, _) = Hearing::new();
        let receiving = Receive { from: Peer::Ticket(ticket), ..receive(to) };
        let received = aqueduct_transfer::recv(&receiving, &Gauge::default(), &hearing);
        over.store(true, Ordering::Relaxed);
        sending.options.stop.store(received.is_err(), Ordering::Relaxed);
        (sent.join().unwrap(), (received, hearing.said.into_inner().unwrap()))
    })
}

/// Sends a file through a relay; gives how many bytes passed it.
fn through(
    algorithm: Algorithm,
    size: u64,
    mangle: impl Fn(u64, &mut [u8]) -> bool + std::marker::Send + Sync + 'static,
) -> u64 {
    let (from, to, cache) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = from.path().join("file");
    let bytes = bytes(size);
    fs::write(&path, &bytes).unwrap();
    let sending = Send { algorithm, cache: Some(cache.path().to_owned()), ..send(&[&path]) };
    let passed = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&passed);
    let (sent, (received, said)) = relayed(&sending, to.path(), move |before, bytes| {
        counted.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        mangle(before, bytes)
    });
    received.unwrap_or_else(|error| panic!("{error:?}: {said:#?}"));
    sent.unwrap();
    assert!(fs::read(to.path().join("file")).unwrap() == bytes);
    passed.load(Ordering::Relaxed)
}

#[test]
fn a_source_that_changes_while_it_is_sent_is_what_both_sides_fail_with() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = from.path().join("file");
    fs::write(&path, bytes(16 * SEGMENT_LEN)).unwrap();
    let (sending, source) = (send(&[&path]), path.clone());
    let has_changed = AtomicBool::new(false);
    let (sent, (received, said)) = relayed(&sending, to.path(), move |before, _| {
        if before > SEGMENT_LEN && !has_changed.swap(true, Ordering::Relaxed) {
            fs::File::options().append(true).open(&source).unwrap().write_all(b"more").unwrap();
        }
        false
    });
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::Changed);
    assert_eq!(received.unwrap_err().kind(), ErrorKind::Changed, "{said:#?}");
    assert!(!to.path().join("file").exists(), "what changed has its name");
}

#[test]
fn a_file_under_two_names_goes_on_under_both_although_only_one_has_its_segments() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("tree");
    fs::create_dir(&tree).unwrap();
    let bytes = bytes(10 * SEGMENT_LEN);
    fs::write(tree.join("a"), &bytes).unwrap();
    fs::hard_link(tree.join("a"), tree.join("b")).unwrap();
    let has_cut = AtomicBool::new(false);
    let (sent, (received, said)) = relayed(&send(&[&tree]), to.path(), move |before, _| {
        before > 6 * SEGMENT_LEN && !has_cut.swap(true, Ordering::Relaxed)
    });
    received.unwrap_or_else(|error| panic!("{error:?}: {said:#?}"));
    assert_eq!(sent.unwrap().failed_count, 0);
    assert!(fs::read(to.path().join("tree/a")).unwrap() == bytes);
    assert!(fs::read(to.path().join("tree/b")).unwrap() == bytes);
}

#[test]
fn small_files_of_a_tree_that_were_there_when_the_connection_broke_do_not_come_again() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("tree");
    fs::create_dir(&tree).unwrap();
    for number in 0..200 {
        fs::write(tree.join(number.to_string()), bytes(64 << 10)).unwrap();
    }
    let has_cut = AtomicBool::new(false);
    // What breaks is the one stream, behind the packs that it has brought.
    let mut sending = send(&[&tree]);
    sending.options.streams = Streams::Count(NonZeroU32::MIN);
    let (sent, (received, said)) = relayed(&sending, to.path(), move |before, _| {
        before > 9 << 20 && !has_cut.swap(true, Ordering::Relaxed)
    });
    let received = received.unwrap_or_else(|error| panic!("{error:?}: {said:#?}"));
    assert!(received.resumed >= 4 << 20, "{} bytes were there", received.resumed);
    assert_eq!((sent.unwrap().file_count, received.file_count), (200, 200));
    let told: HashSet<_> = said.iter().filter(|it| it.starts_with("File ")).collect();
    let count = said.iter().filter(|it| it.starts_with("File ")).count();
    assert_eq!((told.len(), count), (200, 200), "each is told of once");
}

#[test]
fn a_small_file_that_somebody_changed_where_it_waits_comes_again() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("tree");
    fs::create_dir(&tree).unwrap();
    for number in 0..3 {
        fs::write(tree.join(number.to_string()), bytes(1000 + number)).unwrap();
    }
    let arrived = to.path().join("tree");
    let (_, received) = pulled_by(&send(&[&tree]), &receive(to.path()), &InTheWay(&arrived));
    assert_eq!(received.unwrap_err().kind(), ErrorKind::Exists);
    fs::remove_file(&arrived).unwrap();
    let staged = found(to.path(), "1").expect("it waits for its name");
    fs::write(staged, "other bytes").unwrap();

    let ((sent, _), (received, said)) = pulled(&send(&[&tree]), &receive(to.path()));
    let received = received.unwrap_or_else(|error| panic!("{error:?}: {said:#?}"));
    assert_eq!((sent.unwrap().file_count, received.file_count), (3, 3));
    for number in 0..3 {
        assert!(fs::read(arrived.join(number.to_string())).unwrap() == bytes(1000 + number), "{number}");
    }
}

/// A file of this name, somewhere below.
fn found(directory: &Path, name: &str) -> Option<PathBuf> {
    fs::read_dir(directory).unwrap().find_map(|entry| {
        let entry = entry.unwrap();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found(&entry.path(), name),
            _ => (entry.file_name() == name).then(|| entry.path()),
        }
    })
}

/// Puts something in the way of what has arrived, just before it would get its name.
struct InTheWay<'a>(&'a Path);

impl Watch for InTheWay<'_> {
    fn hear(&self, event: &Event<'_>) {
        if matches!(event, Event::Phase(Phase::Sync)) {
            fs::write(self.0, "in the way").unwrap();
        }
    }
}

#[test]
fn what_was_there_already_is_told_with_its_digest_at_both_ends() {
    let large = 3 * SEGMENT_LEN + 5;
    for (verify, lens) in [
        (Verify::Full, &[large][..]),
        (Verify::Full, &[100_000]),
        (Verify::Full, &[0]),
        (Verify::Full, &[100_000, 7, 0, large]),
        (Verify::None, &[100_000, large]),
    ] {
        let (from, to, cache) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let tree = from.path().join("tree");
        fs::create_dir(&tree).unwrap();
        for (index, len) in lens.iter().enumerate() {
            fs::write(tree.join(index.to_string()), bytes(*len)).unwrap();
            fs::set_permissions(tree.join(index.to_string()), fs::Permissions::from_mode(0o400)).unwrap();
        }
        let sending = || Send { verify, cache: Some(cache.path().to_owned()), ..send(&[&tree]) };
        let arrived = to.path().join("tree");
        let (_, received) = pulled_by(&sending(), &receive(to.path()), &InTheWay(&arrived));
        assert_eq!(received.unwrap_err().kind(), ErrorKind::Exists);
        fs::remove_file(&arrived).unwrap();

        let ((sent, _), (received, said)) = pulled(&sending(), &receive(to.path()));
        let (sent, received) = (sent.unwrap(), received.unwrap());
        let digest = |len| (verify == Verify::Full).then(|| digest(Algorithm::Blake3, &bytes(len)));
        for (index, &size) in lens.iter().enumerate() {
            let path = format!("tree/{index}");
            let told = Event::File { path: path.as_bytes(), size, digest: digest(size) };
            assert!(said.contains(&format!("{told:?}")), "{lens:?}: {told:?} of {said:#?}");
        }
        let only = if let [len] = lens { digest(*len) } else { None };
        assert_eq!((sent.digest, received.digest), (only, only), "{lens:?}");
        // The first small file of one path may be all there is, and has come again.
        let again = if lens[0] == large { 0 } else { lens[0] };
        assert_eq!(received.resumed, lens.iter().sum::<u64>() - again, "{lens:?}");
    }
}

#[test]
fn a_connection_that_breaks_is_made_again_and_what_had_arrived_is_not_sent_again() {
    for algorithm in Algorithm::ALL {
        let size = 24 * SEGMENT_LEN + 3;
        let cuts = [5 * SEGMENT_LEN, 11 * SEGMENT_LEN, 19 * SEGMENT_LEN];
        let done = AtomicU64::new(0);
        let passed = through(algorithm, size, move |before, _| {
            let cut = usize::try_from(done.load(Ordering::Relaxed)).unwrap();
            let is_due = cuts.get(cut).is_some_and(|cut| before >= *cut);
            is_due
                && done
                    .compare_exchange(cut as u64, cut as u64 + 1, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
        });
        // At each break what was in flight on three connections is lost: a segment each, and what the relay holds.
        let lost_max = 3 * 2 * 3 * SEGMENT_LEN;
        assert!(passed < size + lost_max, "{passed} of {size} bytes passed");
    }
}

#[test]
fn a_bit_that_flips_on_the_way_is_noticed_and_comes_again() {
    for algorithm in Algorithm::ALL {
        for at in [1_000_000, 5 * SEGMENT_LEN + 17] {
            through(algorithm, 9 * SEGMENT_LEN, move |before, bytes| {
                if (before..before + bytes.len() as u64).contains(&at) {
                    bytes[usize::try_from(at - before).unwrap()] ^= 0x10;
                }
                false
            });
        }
    }
}
