// The files here are fixtures.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::source::CheckpointCache;
use crate::{Gauge, Listen, Options, Peer, Preserve, Send, Streams, Times, Verify, Watch};

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Watch for Notes {
    fn hear(&self, event: &Event<'_>) {
        if let Event::Note(note) = event {
            self.0.lock().unwrap().push((*note).to_owned());
        }
    }
}

/// Gives the file at `path` to one who asks for all of it by HTTP, has `meanwhile` happen, and answers what is told then, with
/// the notes.
fn given(path: &Path, meanwhile: impl FnOnce()) -> (Result<Report, Error>, Vec<String>) {
    let options = Options {
        streams: Streams::Auto,
        rate: None,
        times: Times::default(),
        dry_run: false,
        stop: Arc::default(),
    };
    let listen = Listen { address: ([127, 0, 0, 1], 0).into(), advertise: Vec::new(), raw: false };
    let send = Send {
        what: What::Paths(vec![path.to_owned()]),
        to: Peer::Listen(listen),
        algorithm: ALGORITHM,
        verify: Verify::Full,
        preserve: Preserve::default(),
        require_verify: false,
        count: None,
        exclude: Vec::new(),
        cache: None,
        options,
    };
    let (gauge, watch) = (Gauge::default(), Notes::default());
    let sender = Sender {
        send: &send,
        gauge: &gauge,
        watch: &watch,
        cache: CheckpointCache::open(None),
        throttle: None,
        has_read: AtomicBool::new(false),
    };
    let patience = super::super::patience(&send.options);
    let session = Session { options: &send.options, gauge: &gauge, watch: &watch, patience: &patience };
    let shelf = Shelf::new([7; 16], &[path.to_owned()], &[]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    write!(theirs, "GET {} HTTP/1.1\r\nHost: h\r\n\r\n", shelf.path()).unwrap();
    theirs.shutdown(Shutdown::Write).unwrap();
    let given = shelf.serve(&ours, manner(&sender, &session), &watch).unwrap().unwrap();
    meanwhile();
    let report = report_given(&sender, &session, &given, &ours);
    (report, watch.0.into_inner().unwrap())
}

#[test]
fn what_was_given_by_http_is_told_with_its_digest() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "bytes").unwrap();
    let (report, notes) = given(&path, || ());
    let report = report.unwrap();
    assert_eq!((report.file_count, report.failed_count, report.size), (1, 0, 5));
    assert_eq!(report.digest, Some(crate::digest_of(ALGORITHM, b"bytes")));
    assert_eq!(notes, [""; 0]);
}

#[test]
fn a_source_that_is_gone_or_another_once_all_was_given_has_no_digest_and_fails_nothing() {
    let changes: [fn(&Path); 2] =
        [|path| fs::remove_file(path).unwrap(), |path| fs::write(path, "other bytes").unwrap()];
    for change in changes {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "bytes").unwrap();
        let (report, notes) = given(&path, || change(&path));
        let report = report.unwrap();
        assert_eq!((report.file_count, report.size, report.digest), (1, 5, None));
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].starts_with("nobody knows the digest of what was sent: "), "{notes:?}");
    }
}
