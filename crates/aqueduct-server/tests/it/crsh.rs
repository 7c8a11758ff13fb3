//! ccache, in the protocol of its storage programs, as raw bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use aqueduct_server::{Control, Deadlines, Listeners, Options, RunError, Server};
use aqueduct_store::{Absent, Store, SyncPolicy};
use tempfile::TempDir;

use crate::fixture::{digest, files, pattern};

const GREETING: &[u8] = &[1, 3, 0, 1, 2];
const DONE: &[u8] = &[0];
const NOT_DONE: &[u8] = &[1];

/// A server that is found by a path.
struct Fixture {
    control: Control,
    store: Store,
    running: Option<JoinHandle<Result<(), RunError>>>,
    directory: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Options)) -> Self {
        Self::over(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap(), change)
    }

    fn over(directory: TempDir, change: impl FnOnce(&mut Options)) -> Self {
        let store_options = aqueduct_store::Options { sync: SyncPolicy::None, ..Default::default() };
        let store = Store::open(&directory.path().join("store"), Absent::Make, store_options).unwrap();
        let mut options = Options { listen: vec!["127.0.0.1:0".parse().unwrap()], ..Options::default() };
        change(&mut options);
        let socket = bind(&path(&directory));
        let listeners = Listeners::bind(&options).unwrap().with_crsh(vec![socket]).unwrap();
        let server = Server::new(store.clone(), options, listeners).unwrap();
        let control = server.control();
        let running = Some(std::thread::spawn(move || server.run()));
        Self { control, store, running, directory }
    }

    fn call(&self) -> Call {
        let mut call = Call::connect(&path(&self.directory));
        call.hears(GREETING);
        call
    }

    /// What the store holds, but for what it needs itself.
    fn blob_count(&self) -> usize {
        let files = files(&self.directory.path().join("store"));
        files.iter().filter(|file| file.starts_with("blobs/")).count()
    }

    fn ended(&mut self) {
        self.running.take().unwrap().join().unwrap().unwrap();
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.control.stop();
        if let Some(running) = self.running.take() {
            let ended = running.join();
            if !std::thread::panicking() {
                ended.unwrap().unwrap();
            }
        }
    }
}

/// Not beside the store's files: the path of a socket is short.
fn path(directory: &TempDir) -> PathBuf {
    directory.path().join("s")
}

/// By a path that is short, wherever the tests run.
fn bind(path: &Path) -> UnixListener {
    let _ = std::fs::remove_file(path);
    UnixListener::bind(path).unwrap()
}

struct Call(UnixStream);

impl Call {
    fn connect(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    fn says(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    #[track_caller]
    fn hears(&mut self, expected: &[u8]) {
        let mut heard = vec![0; expected.len()];
        self.0.read_exact(&mut heard).unwrap();
        assert!(heard == expected, "{:?} instead of {:?}", start(&heard), start(expected));
    }

    #[track_caller]
    fn gets(&mut self, key: &[u8], value: &[u8]) {
        self.says(&of_key(0, key));
        self.hears(&[DONE, &(value.len() as u64).to_ne_bytes(), value].concat());
    }

    #[track_caller]
    fn finds_nothing(&mut self, key: &[u8]) {
        self.says(&of_key(0, key));
        self.hears(NOT_DONE);
    }

    #[track_caller]
    fn puts(&mut self, key: &[u8], flags: u8, value: &[u8], reply: &[u8]) {
        self.says(&put(key, flags, value.len() as u64));
        self.says(value);
        self.hears(reply);
    }

    /// An error, with these words in it.
    #[track_caller]
    fn hears_why(&mut self, words: &str) {
        self.hears(&[2]);
        let mut len = [0];
        self.0.read_exact(&mut len).unwrap();
        let mut message = vec![0; usize::from(len[0])];
        self.0.read_exact(&mut message).unwrap();
        let message = String::from_utf8(message).unwrap();
        assert!(message.contains(words), "{message:?}");
    }

    /// The server says no more.
    #[track_caller]
    fn hears_the_end(mut self) {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => assert!(rest.is_empty(), "{rest:?}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

fn start(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(32)]
}

fn of_key(kind: u8, key: &[u8]) -> Vec<u8> {
    [&[kind, u8::try_from(key.len()).unwrap()], key].concat()
}

fn put(key: &[u8], flags: u8, size: u64) -> Vec<u8> {
    [&of_key(1, key)[..], &[flags], &size.to_ne_bytes()].concat()
}

const KEY: &[u8] = &[0xab; 20];

/// Held in memory; staged; more than one turn.
const LENS: [usize; 5] = [0, 100, 16 << 10, (16 << 10) + 1, 9 << 20];

#[test]
fn what_was_put_is_got_again() {
    let server = Fixture::new();
    let mut call = server.call();
    for (key, len) in (0..).zip(LENS) {
        let (key, value) = (&[key; 20], pattern(len));
        call.finds_nothing(key);
        call.puts(key, 1, &value, DONE);
        call.gets(key, &value);
        // By a connection of its own, too.
        server.call().gets(key, &value);
    }
}

#[test]
fn a_value_is_a_blob_like_any_other_and_stored_once() {
    let server = Fixture::new();
    let value = pattern(100_000);
    server.call().puts(KEY, 1, &value, DONE);
    server.call().puts(&[1; 20], 1, &value, DONE);
    assert_eq!(server.blob_count(), 1);
    assert_eq!(server.store.blob(&digest(&value)).unwrap().unwrap().size(), 100_000);
}

#[test]
fn an_entry_has_the_name_that_it_has_over_http() {
    let server = Fixture::new();
    server.call().puts(KEY, 1, b"value", DONE);
    let entries = server.store.entries(None, None, 10).unwrap();
    let [(key, entry)] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((key.namespace(), key.key()), ("ccache", "ab".repeat(20).as_str()));
    assert_eq!((entry.value, entry.size), (digest(b"value"), 5));
}

#[test]
fn a_value_is_overwritten_only_where_the_flag_says_so() {
    let server = Fixture::new();
    let mut call = server.call();
    for len in [10, 100_000] {
        let (first, second) = (vec![1; len], vec![2; len]);
        call.puts(KEY, 1, &first, DONE);
        // The flags but the first mean nothing.
        call.puts(KEY, 0xfe, &second, NOT_DONE);
        call.gets(KEY, &first);
        call.puts(KEY, 1, &second, DONE);
        call.gets(KEY, &second);
    }
    call.puts(&[1; 20], 0, b"new", DONE);
    call.gets(&[1; 20], b"new");
}

#[test]
fn a_key_is_removed_once() {
    let server = Fixture::new();
    let mut call = server.call();
    call.puts(KEY, 1, b"value", DONE);
    call.says(&of_key(2, KEY));
    call.hears(DONE);
    call.finds_nothing(KEY);
    call.says(&of_key(2, KEY));
    call.hears(NOT_DONE);
}

#[test]
fn whether_a_key_exists_can_be_asked() {
    let server = Fixture::new();
    let mut call = server.call();
    call.says(&of_key(5, KEY));
    call.hears(&[0, 0]);
    call.puts(KEY, 1, b"value", DONE);
    call.says(&of_key(5, KEY));
    call.hears(&[0, 1]);
}

#[test]
fn the_server_says_what_it_is() {
    let server = Fixture::new();
    let mut call = server.call();
    call.says(&[4]);
    let mut len = [0];
    call.0.read_exact(&mut len).unwrap();
    let mut identity = vec![0; usize::from(len[0])];
    call.0.read_exact(&mut identity).unwrap();
    assert!(identity.starts_with(b"aqueduct "));
    // No diagnostics.
    call.hears(&[0]);
}

#[test]
fn who_says_stop_ends_its_own_connection_and_no_other() {
    let server = Fixture::new();
    let (mut stopping, mut other) = (server.call(), server.call());
    stopping.says(&[3]);
    stopping.hears(DONE);
    stopping.hears_the_end();
    other.puts(KEY, 1, b"value", DONE);
    server.call().gets(KEY, b"value");
}

#[test]
fn requests_that_come_together_are_answered_in_their_order() {
    let server = Fixture::new();
    let mut call = server.call();
    let requests =
        [&put(KEY, 1, 5)[..], b"value", &of_key(5, KEY), &of_key(0, KEY), &of_key(2, KEY), &[3]].concat();
    call.says(&requests);
    call.hears(&[DONE, &[0, 1], DONE, &5_u64.to_ne_bytes(), b"value", DONE, DONE].concat());
    call.hears_the_end();
}

#[test]
fn a_request_may_come_a_byte_at_a_time() {
    let server = Fixture::new();
    let mut call = server.call();
    for byte in [&put(KEY, 1, 5)[..], b"value"].concat() {
        call.says(&[byte]);
    }
    call.hears(DONE);
    call.gets(KEY, b"value");
}

#[test]
fn keys_may_have_up_to_255_bytes() {
    let server = Fixture::new();
    let mut call = server.call();
    for key in [&[7][..], &[0xff; 255]] {
        call.puts(key, 1, key, DONE);
        call.gets(key, key);
    }
}

#[test]
fn what_is_no_request_is_refused_and_ends_the_connection() {
    let server = Fixture::new();
    for bytes in [&[6][..], &[0xff], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut call = server.call();
        call.says(bytes);
        call.hears_why("not known");
        call.hears_the_end();
    }
    // Half of what went before is no reason to serve nobody.
    server.call().finds_nothing(KEY);
}

#[test]
fn no_key_is_refused() {
    let server = Fixture::new();
    for request in [of_key(0, b""), of_key(2, b""), of_key(5, b""), put(b"", 1, 5)] {
        let mut call = server.call();
        call.says(&request);
        call.hears_why("empty");
        call.hears_the_end();
    }
}

#[test]
fn a_value_that_is_larger_than_any_blob_may_be_is_refused_before_it_comes() {
    let server = Fixture::with(|options| options.blob_size_max = 1000);
    let mut call = server.call();
    call.puts(KEY, 1, &[1; 1000], DONE);
    for size in [1001, u64::from(u32::MAX), u64::MAX] {
        for flags in [0, 1] {
            let mut call = server.call();
            call.says(&put(&[1; 20], flags, size));
            call.hears_why("1000");
            call.hears_the_end();
        }
    }
    assert_eq!(server.blob_count(), 1);
}

#[test]
fn a_peer_that_sends_all_of_a_refused_value_hears_why() {
    let server = Fixture::with(|options| options.blob_size_max = 1000);
    let mut call = server.call();
    let value = vec![1; 5 << 20];
    call.says(&put(KEY, 1, value.len() as u64));
    call.says(&value);
    call.hears_why("1000");
    call.hears_the_end();
}

#[test]
fn a_value_that_breaks_off_stores_nothing() {
    let mut server = Fixture::new();
    for len in [100, 100_000, 9 << 20] {
        for came in [0, 1, len / 2, len - 1] {
            let mut call = server.call();
            call.says(&put(KEY, 1, len as u64));
            call.says(&pattern(came));
            call.0.shutdown(Shutdown::Write).unwrap();
            call.hears_the_end();
        }
    }
    server.call().finds_nothing(KEY);
    server.control.stop();
    server.ended();
    assert_eq!(server.blob_count(), 0);
    assert_eq!(server.store.entry_counts().values().sum::<u64>(), 0);
}

#[test]
fn a_request_that_breaks_off_does_nothing() {
    let server = Fixture::new();
    server.call().puts(KEY, 1, b"value", DONE);
    let remove = of_key(2, KEY);
    for len in 0..remove.len() {
        let mut call = server.call();
        call.says(&remove[..len]);
        call.0.shutdown(Shutdown::Write).unwrap();
        call.hears_the_end();
    }
    server.call().gets(KEY, b"value");
}

#[test]
fn a_peer_that_never_goes_on_is_cut_off() {
    let server = Fixture::with(|options| {
        let moment = Duration::from_millis(100);
        options.deadlines = Deadlines { head: moment, body: moment, ..options.deadlines };
    });
    for begun in [&[0, 20, 1][..], &put(KEY, 1, 100), &put(KEY, 1, 100_000)] {
        let mut call = server.call();
        call.says(begun);
        call.hears_the_end();
    }
}

#[test]
fn a_peer_that_does_not_read_holds_nothing_for_ever() {
    let server = Fixture::with(|options| {
        options.deadlines = Deadlines { send: Duration::from_millis(100), ..options.deadlines };
    });
    let value = pattern(9 << 20);
    server.call().puts(KEY, 1, &value, DONE);
    let mut call = server.call();
    call.says(&of_key(0, KEY));
    // It ends before all of it is there, once the server has waited long enough for room.
    let watched = server.call();
    drop(watched);
    let mut server = server;
    server.control.stop();
    server.ended();
    let mut heard = Vec::new();
    let _ = call.0.read_to_end(&mut heard);
    assert!(heard.len() < value.len());
}

#[test]
fn many_short_connections_at_once_are_all_served() {
    let server = Fixture::new();
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let server = &server;
            scope.spawn(move || {
                for round in 0..50_u8 {
                    let (key, value) = ([thread, round], vec![thread; usize::from(round) * 100]);
                    let mut call = server.call();
                    call.finds_nothing(&key);
                    call.puts(&key, 1, &value, DONE);
                    call.gets(&key, &value);
                }
            });
        }
    });
}

#[test]
fn one_connection_too_many_is_closed() {
    let server = Fixture::with(|options| options.connection_count_max_per_address = Some(2));
    let (mut first, second) = (server.call(), server.call());
    Call::connect(&path(&server.directory)).hears_the_end();
    first.finds_nothing(KEY);
    drop(second);
}

#[test]
fn whoever_asks_when_the_server_is_told_to_stop_is_answered() {
    let mut server = Fixture::with(|options| {
        options.deadlines = Deadlines { idle_at_stop: PATIENCE, ..options.deadlines };
    });
    let mut call = server.call();
    server.control.stop();
    call.puts(KEY, 1, b"value", DONE);
    drop(call);
    server.ended();
}

#[test]
fn what_was_put_is_there_after_a_restart() {
    let mut server = Fixture::new();
    server.call().puts(KEY, 1, b"value", DONE);
    server.control.stop();
    server.ended();
    let directory =
        std::mem::replace(&mut server.directory, TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    drop(server);
    let server = Fixture::over(directory, |_| {});
    server.call().gets(KEY, b"value");
}

#[test]
fn a_socket_that_does_not_listen_is_refused() {
    let (mute, _other) = UnixStream::pair().unwrap();
    let mute = UnixListener::from(std::os::fd::OwnedFd::from(mute));
    let options = Options { listen: vec!["127.0.0.1:0".parse().unwrap()], ..Options::default() };
    let refused = Listeners::bind(&options).unwrap().with_crsh(vec![mute]).unwrap_err();
    assert!(refused.to_string().contains("does not listen"), "{refused}");
}

/// Far longer than anything here takes on a busy machine: a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
