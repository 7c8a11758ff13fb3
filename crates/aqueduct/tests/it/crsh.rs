//! ccache served at a path: by a server, and by the program that ccache starts for a server elsewhere.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::Signal;

use crate::fixture::{Ran, Site, aqueduct, noise};
use crate::server::{Server, wait_until};

const KEY: [u8; 20] = [0xab; 20];

/// What ccache says and hears.
struct Ccache(UnixStream);

impl Ccache {
    fn connect(path: &Path) -> Self {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut greeting = [0; 5];
        stream.read_exact(&mut greeting).unwrap();
        assert_eq!(greeting, [1, 3, 0, 1, 2]);
        Self(stream)
    }

    fn request(kind: u8, key: &[u8]) -> Vec<u8> {
        [&[kind, u8::try_from(key.len()).unwrap()], key].concat()
    }

    fn put(&mut self, key: &[u8], flags: u8, value: &[u8]) -> u8 {
        self.0.write_all(&Self::request(1, key)).unwrap();
        self.0.write_all(&[&[flags][..], &(value.len() as u64).to_ne_bytes()].concat()).unwrap();
        self.0.write_all(value).unwrap();
        self.byte()
    }

    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.write_all(&Self::request(0, key)).unwrap();
        match self.byte() {
            0 => {
                let mut size = [0; 8];
                self.0.read_exact(&mut size).unwrap();
                let mut value = vec![0; usize::try_from(u64::from_ne_bytes(size)).unwrap()];
                self.0.read_exact(&mut value).unwrap();
                Some(value)
            }
            1 => None,
            _ => panic!("{}", self.message()),
        }
    }

    fn remove(&mut self, key: &[u8]) -> u8 {
        self.0.write_all(&Self::request(2, key)).unwrap();
        self.byte()
    }

    fn exists(&mut self, key: &[u8]) -> bool {
        self.0.write_all(&Self::request(5, key)).unwrap();
        assert_eq!(self.byte(), 0);
        self.byte() == 1
    }

    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.0.read_exact(&mut byte).unwrap();
        byte[0]
    }

    fn message(&mut self) -> String {
        let mut message = vec![0; usize::from(self.byte())];
        self.0.read_exact(&mut message).unwrap();
        String::from_utf8(message).unwrap()
    }

    fn is_at_the_end(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(0))
    }
}

/// A path that is short enough for a socket, wherever the tests run.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::TempDir::new().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("ccache")
    }

    fn serve(&self, site: &Site, arguments: &[&str]) -> Server {
        let path = self.path();
        let mut server = Server::start_with(site, &[&["--crsh", path.to_str().unwrap()], arguments].concat());
        server.wait_until_printed(&format!("listening crsh:{}", path.display()));
        server
    }
}

#[test]
fn a_server_is_found_by_a_path_that_nobody_else_may_open() {
    let (site, place) = (Site::new(), Place::new());
    let server = place.serve(&site, &[]);
    assert_eq!(fs::metadata(place.path()).unwrap().permissions().mode() & 0o777, 0o600);
    let mut ccache = Ccache::connect(&place.path());
    let value = noise(1 << 20);
    assert_eq!(ccache.get(&KEY), None);
    assert_eq!(ccache.put(&KEY, 1, &value), 0);
    assert_eq!(Ccache::connect(&place.path()).get(&KEY), Some(value));
    // What it left, if it did, is in nobody's way.
    server.stop();
    let server = place.serve(&site, &[]);
    assert!(Ccache::connect(&place.path()).exists(&KEY));
    server.kill();
    let server = place.serve(&site, &[]);
    assert!(Ccache::connect(&place.path()).exists(&KEY));
    server.stop();
}

#[test]
fn a_server_that_is_not_confined_takes_its_socket_away() {
    let (site, place) = (Site::new(), Place::new());
    place.serve(&site, &["--landlock", "off"]).stop();
    assert!(!place.path().exists());
}

#[test]
fn a_path_where_somebody_listens_is_not_taken() {
    let (site, place) = (Site::new(), Place::new());
    let _server = place.serve(&site, &[]);
    let path = place.path();
    let serve = ["serve", "--store", "other", "--listen", "127.0.0.1:0", "--crsh", path.to_str().unwrap()];
    site.run(&serve).code(1).says("listens at");
    Ccache::connect(&path);
}

#[test]
fn a_file_that_is_no_socket_is_not_taken() {
    let site = Site::new();
    let path = site.write("precious", b"x");
    let serve = ["serve", "--store", "store", "--listen", "127.0.0.1:0", "--crsh", path.to_str().unwrap()];
    site.run(&serve).code(8).says("no socket");
    assert_eq!(fs::read(path).unwrap(), b"x");
}

#[test]
fn a_restart_keeps_the_socket() {
    let (site, place) = (Site::new(), Place::new());
    let mut server = place.serve(&site, &[]);
    assert_eq!(Ccache::connect(&place.path()).put(&KEY, 1, b"value"), 0);
    for _ in 0..2 {
        server.signal(Signal::USR2);
        // Whoever connects meanwhile waits.
        assert_eq!(Ccache::connect(&place.path()).get(&KEY).as_deref(), Some(&b"value"[..]));
        server.wait_until_printed("listening crsh:");
    }
    assert_eq!(Ccache::connect(&place.path()).get(&KEY).as_deref(), Some(&b"value"[..]));
    server.stop();
}

/// The program as ccache starts it. Killed when it is dropped.
struct Storage {
    child: Child,
    place: Place,
}

impl Storage {
    fn command(url: &str, path: &Path, attributes: &[(&str, &str)]) -> Command {
        let mut command = aqueduct();
        command.env("CRSH_IPC_ENDPOINT", path).env("CRSH_URL", url).env("CRSH_IDLE_TIMEOUT", "0");
        command.env("CRSH_NUM_ATTR", attributes.len().to_string());
        for (index, (key, value)) in attributes.iter().enumerate() {
            command.env(format!("CRSH_ATTR_KEY_{index}"), key);
            command.env(format!("CRSH_ATTR_VALUE_{index}"), value);
        }
        command
    }

    fn start(url: &str, attributes: &[(&str, &str)]) -> Self {
        let place = Place::new();
        let child = Self::command(url, &place.path(), attributes).spawn().unwrap();
        let storage = Self { child, place };
        wait_until("it listens", || UnixStream::connect(storage.place.path()).is_ok());
        storage
    }

    fn connect(&self) -> Ccache {
        Ccache::connect(&self.place.path())
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_program_that_ccache_starts_asks_a_server() {
    let (site, place) = (Site::new(), Place::new());
    let server = place.serve(&site, &[]);
    let storage = Storage::start(&format!("aqueduct://{}", server.address()), &[]);
    let mut elsewhere = storage.connect();
    for (key, size) in [(1, 0), (2, 100), (3, 5 << 20)] {
        let (key, value) = ([key; 20], noise(size));
        assert_eq!(elsewhere.get(&key), None);
        assert!(!elsewhere.exists(&key));
        assert_eq!(elsewhere.put(&key, 1, &value), 0);
        assert!(elsewhere.exists(&key));
        assert_eq!(elsewhere.get(&key).as_ref(), Some(&value));
        // It is the entry that the server has for whoever asks it itself.
        assert_eq!(Ccache::connect(&place.path()).get(&key).as_ref(), Some(&value));
    }
    assert_eq!(elsewhere.put(&[2; 20], 0, b"other"), 1, "it was not to be overwritten");
    assert_eq!(elsewhere.put(&[2; 20], 1, b"other"), 0);
    assert_eq!(elsewhere.get(&[2; 20]).as_deref(), Some(&b"other"[..]));
    assert_eq!(elsewhere.remove(&[2; 20]), 0);
    assert_eq!(elsewhere.remove(&[2; 20]), 1);
    // A key that no path has.
    assert_eq!(elsewhere.remove(&[2; 19]), 2);
    assert!(elsewhere.message().contains("20 bytes"));
    assert_eq!(elsewhere.get(&[2; 20]), None);
}

#[test]
fn a_prefix_keeps_what_one_team_has_apart() {
    let (site, place) = (Site::new(), Place::new());
    let server = place.serve(&site, &[]);
    let url = format!("aqueduct://{}", server.address());
    let (one, other) = (Storage::start(&format!("{url}/one"), &[]), Storage::start(&url, &[]));
    assert_eq!(one.connect().put(&KEY, 1, b"value"), 0);
    assert!(one.connect().exists(&KEY));
    assert!(!other.connect().exists(&KEY));
}

#[test]
fn a_token_is_an_attribute() {
    let (site, place) = (Site::new(), Place::new());
    let tokens = site.write("tokens", "read looking\nwrite writing\n");
    let server = place.serve(&site, &["--token-file", tokens.to_str().unwrap()]);
    let url = format!("aqueduct://{}", server.address());
    let token = site.write("token", "writing\n");
    for attribute in [("bearer-token", "writing"), ("token-file", token.to_str().unwrap())] {
        let storage = Storage::start(&url, &[("unknown", "x"), attribute]);
        assert_eq!(storage.connect().put(&KEY, 1, b"value"), 0);
    }
    for attributes in [&[][..], &[("bearer-token", "looking")]] {
        let storage = Storage::start(&url, attributes);
        let mut ccache = storage.connect();
        assert_eq!(ccache.put(&KEY, 1, b"value"), 2);
        assert!(ccache.message().contains("token"));
    }
}

#[test]
fn a_server_that_is_gone_is_told_of_at_once() {
    let storage = Storage::start("aqueduct://127.0.0.1:1", &[]);
    for _ in 0..3 {
        let mut ccache = storage.connect();
        assert_eq!(ccache.remove(&KEY), 2);
        let message = ccache.message();
        assert!(message.contains("connect") || message.contains("reached"), "{message:?}");
    }
}

#[test]
fn the_program_ends_when_it_is_told_to_and_takes_its_socket_away() {
    let mut storage = Storage::start("aqueduct://127.0.0.1:1", &[]);
    // One that is connected keeps it no longer.
    let mut other = storage.connect();
    let mut ccache = storage.connect();
    ccache.0.write_all(&[3]).unwrap();
    assert_eq!(ccache.byte(), 0);
    assert_eq!(storage.child.wait().unwrap().code(), Some(0));
    assert!(other.is_at_the_end());
    assert!(!storage.place.path().exists());
}

#[test]
fn the_program_ends_when_nobody_compiles_any_more() {
    let place = Place::new();
    let mut command = Storage::command("aqueduct://127.0.0.1:1", &place.path(), &[]);
    Ran::of(command.env("CRSH_IDLE_TIMEOUT", "1")).ok();
    assert!(!place.path().exists());
}

#[test]
fn the_program_says_what_it_misses() {
    let place = Place::new();
    Ran::of(aqueduct().arg("crsh")).code(2).says("CRSH_IPC_ENDPOINT");
    Ran::of(aqueduct().env("CRSH_IPC_ENDPOINT", place.path())).code(2).says("CRSH_URL");
    Ran::of(&mut Storage::command("ftp://host", &place.path(), &[])).code(2).says("CRSH_URL");
    let mut command = Storage::command("aqueduct://host", &place.path(), &[("bearer-token", "two words")]);
    Ran::of(&mut command).code(2).says("bearer-token");
    let other = Storage::start("aqueduct://127.0.0.1:1", &[]);
    Ran::of(&mut Storage::command("aqueduct://host", &other.place.path(), &[])).code(1).says("listens at");
}

/// Far longer than anything here takes on a busy machine: a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
