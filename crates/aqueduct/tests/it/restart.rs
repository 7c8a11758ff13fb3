//! A restart loses nothing: not the one that a signal asks for, nor the one under a supervisor that holds the socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use aqueduct_blob::{Algorithm, Hasher};
use rustix::process::Signal;

use crate::asker::Asker;
use crate::fixture::{Ran, Site, aqueduct, noise};
use crate::server::{Server, wait_until};

/// A server that is handed `socket`, as systemd.socket(5) says.
fn serve_handed(site: &Site, socket: &TcpListener, arguments: &[&str]) -> Command {
    let hand = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", hand, env!("CARGO_BIN_EXE_aqueduct"), "serve", "--store", "store"])
        .args(arguments)
        .current_dir(site.path("."))
        .stdin(Stdio::from(OwnedFd::from(socket.try_clone().unwrap())));
    command
}

/// Bytes that nobody else has, and their name.
fn blob(seed: usize, size: usize) -> (String, Vec<u8>) {
    let mut bytes = noise(size);
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(&bytes);
    (hasher.finish().digest.to_string(), bytes)
}

/// Stands in for the operator: has the server begin anew, and comes back once it has.
trait Operator {
    fn restart(&mut self);
    fn address(&self) -> SocketAddr;
    fn server(&self) -> &Server;
    fn end(self);
}

/// By a signal.
struct Signals(Server);

impl Operator for Signals {
    fn restart(&mut self) {
        self.0.restart();
    }

    fn address(&self) -> SocketAddr {
        self.0.address().parse().unwrap()
    }

    fn server(&self) -> &Server {
        &self.0
    }

    fn end(self) {
        self.0.stop();
    }
}

/// By ending it and starting another, with the same socket.
struct Supervisor<'a> {
    site: &'a Site,
    socket: TcpListener,
    server: Option<Server>,
}

impl<'a> Supervisor<'a> {
    fn new(site: &'a Site) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Some(Server::spawn(&mut serve_handed(site, &socket, &[])));
        Self { site, socket, server }
    }
}

impl Operator for Supervisor<'_> {
    fn restart(&mut self) {
        self.server.take().unwrap().stop();
        self.server = Some(Server::spawn(&mut serve_handed(self.site, &self.socket, &[])));
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn end(self) {
        self.server.unwrap().stop();
    }
}

#[test]
fn what_is_in_flight_is_finished_and_who_connects_meanwhile_waits() {
    let site = Site::new();
    let bytes = noise(64 << 20);
    site.write("a", &bytes);
    let server = Server::start(&site);
    let large = server.put(&site, "a");
    let (coming, half) = blob(1, 1 << 20);
    let address = server.address().to_owned();
    let connect = || TcpStream::connect(&address).unwrap();
    let mut download = connect();
    write!(download, "GET /blobs/{large} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    download.read_exact(&mut [0; 1000]).unwrap();
    let mut upload = connect();
    let expect = "Expect: 100-continue\r\n";
    let len = half.len();
    write!(
        upload,
        "PUT /blobs/{coming} HTTP/1.1\r\nHost: {address}\r\n{expect}Content-Length: {len}\r\n\r\n"
    )
    .unwrap();
    let mut go_on = [0; 25];
    upload.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    upload.write_all(&half[..len / 2]).unwrap();

    server.signal(Signal::USR2);
    server.wait_until_said("finishing what is in flight to begin anew");
    // More than one, so that some come to every socket there is.
    let mut waiting: Vec<_> = (0..16).map(|_| connect()).collect();
    for stream in &mut waiting {
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    }
    upload.write_all(&half[len / 2..]).unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains("onnection: close"), "{answer}");
    assert_eq!(server.said().matches(BEGUN).count(), 1, "the download goes on");
    let mut rest = Vec::new();
    download.read_to_end(&mut rest).unwrap();
    assert!(bytes.ends_with(&rest[rest.len() - (63 << 20)..]) && rest.len() > (64 << 20) - 1000);
    for mut stream in waiting {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert_eq!(server.said().matches(BEGUN).count(), 2);
    server.stop();
    site.run(&["has", &coming]).ok();
}

#[test]
fn a_restart_under_load_loses_no_request_and_no_byte() {
    let site = Site::new();
    under_load(&site, Signals(Server::start(&site)));
}

#[test]
fn nor_does_one_under_a_supervisor_that_holds_the_socket() {
    let site = Site::new();
    under_load(&site, Supervisor::new(&site));
}

/// Has clients of every kind ask for all they want, while the server begins anew a few times; nobody may notice.
fn under_load(site: &Site, mut operator: impl Operator) {
    let address = operator.address();
    let (small, small_bytes) = blob(0, 5000);
    let (large, large_bytes) = blob(0, 8 << 20);
    site.write("large", &large_bytes);
    let mut first = Asker::new(address);
    assert_eq!(first.put(&small, &small_bytes), 201);
    assert_eq!(first.put(&large, &large_bytes), 201);
    drop(first);
    let program = |arguments: &[&str]| {
        let mut command = aqueduct();
        command.args(arguments).current_dir(site.path(".")).env("XDG_CACHE_HOME", site.path("cache"));
        Ran::of(command.env("AQUEDUCT_SERVER", format!("aqueduct://{address}"))).ok()
    };
    let put = |asker: &mut Asker, seed, size| {
        let (digest, bytes) = blob(seed, size);
        assert_eq!(asker.put(&digest, &bytes), 201, "{seed}");
        assert!(asker.get(&digest) == bytes, "{seed}");
    };
    let get_small = |asker: &mut Asker, _| assert!(asker.get(&small) == small_bytes);
    let put_small = |asker: &mut Asker, seed| put(asker, seed, 3000);
    let get_large = |asker: &mut Asker, _| assert!(asker.get(&large) == large_bytes);
    let put_large = |asker: &mut Asker, seed| put(asker, seed, 3 << 20);
    let native_get = |_: &mut Asker, _| assert!(program(&["get", &large]).stdout == large_bytes);
    let native_put = |_: &mut Asker, seed| {
        let (digest, bytes) = blob(seed, 5 << 20);
        let name = format!("in-{seed}");
        site.write(&name, &bytes);
        assert!(program(&["put", &name]).text().starts_with(&digest));
        assert!(program(&["get", &digest]).stdout == bytes);
    };
    // Some of each kind keep their connection, and some ask each time on a new one.
    type Round<'a> = &'a (dyn Fn(&mut Asker, usize) + Sync);
    let kinds: [(Round<'_>, bool); 10] = [
        (&get_small, true),
        (&get_small, false),
        (&put_small, true),
        (&put_small, false),
        (&get_large, true),
        (&get_large, false),
        (&put_large, true),
        (&put_large, false),
        (&native_get, true),
        (&native_put, true),
    ];
    let counts = [const { AtomicUsize::new(0) }; 10];
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..kinds.len())
            .map(|kind| {
                let ((round, is_kept), counts, is_over) = (kinds[kind], &counts, &is_over);
                scope.spawn(move || {
                    let mut asker = Asker::new(address);
                    while !is_over.load(Ordering::Relaxed) {
                        if !is_kept {
                            asker = Asker::new(address);
                        }
                        let count = counts[kind].fetch_add(1, Ordering::Relaxed);
                        round(&mut asker, 1 + kind + count * kinds.len());
                    }
                })
            })
            .collect();
        let wait_for_all = || {
            let before = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
            wait_until("a round of every client", || {
                let has_gone_on =
                    |(count, before): (&AtomicUsize, usize)| count.load(Ordering::Relaxed) > before;
                counts.iter().zip(before).all(has_gone_on) || clients.iter().any(|it| it.is_finished())
            });
        };
        for _ in 0..RESTART_COUNT {
            wait_for_all();
            operator.restart();
        }
        wait_for_all();
        is_over.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().unwrap();
        }
    });
    assert!(!operator.server().said().contains("ERROR"), "{}", operator.server().said());
    operator.end();
    site.run(&["verify"]).ok().says("all intact");
}

#[test]
fn a_server_that_could_not_begin_again_goes_on() {
    let site = Site::new();
    site.write("tokens", "write long-enough-to-be-a-token\n");
    let server = Server::start_with(&site, &["--token-file", "tokens"]);
    site.write("tokens", "nonsense");
    server.signal(Signal::USR2);
    server.wait_until_said(REFUSED);
    let mut asker = Asker::new(server.address().parse().unwrap());
    assert_eq!(asker.ask("GET /healthz", "", &[]).status, 200);
    assert!(server.said().contains("tokens"), "it says why: {}", server.said());
    server.stop();
}

#[test]
fn what_a_server_takes_over_is_held_against_what_it_may_have() {
    let site = Site::new();
    std::fs::create_dir(site.path("other")).unwrap();
    std::fs::create_dir_all(site.path("store")).unwrap();
    std::os::unix::fs::symlink("store", site.path("link")).unwrap();
    site.write("tokens", "write long-enough-to-be-a-token\n");
    let right = "token-file = 'tokens'\n[serve]\nstore = 'link'\n";
    site.write("config.toml", right);
    let mut serve = aqueduct();
    serve.args(["serve", "--listen", "0.0.0.0:0", "--config", "config.toml"]).current_dir(site.path("."));
    let mut server = Server::spawn(&mut serve);
    let mut asker = Asker::new(server.address().parse().unwrap());
    for (wrong, why) in [
        ("[serve]\nstore = 'link'\n", "can be reached from the network, and there are no tokens"),
        ("token-file = 'tokens'\n[serve]\nstore = 'other'\n", "other is not the store that is served"),
        ("token-file = 'tokens'\n[serve]\nstore = 'nowhere'\n", "nowhere is not the store that is served"),
    ] {
        site.write("config.toml", wrong);
        let count = server.said().matches(REFUSED).count();
        server.signal(Signal::USR2);
        wait_until("the restart is refused", || server.said().matches(REFUSED).count() > count);
        assert!(server.said().contains(why), "{}", server.said());
        assert_eq!(asker.ask("GET /healthz", "", &[]).status, 200, "it goes on");
    }
    // The same directory by another name is the same store.
    site.write("config.toml", right.replace("link", "store"));
    server.restart();
    server.stop();
}

#[test]
fn a_stop_while_it_finishes_to_begin_anew_is_a_stop() {
    let site = Site::new();
    site.write("a", noise(64 << 20));
    let server = Server::start(&site);
    let large = server.put(&site, "a");
    let mut slow = TcpStream::connect(server.address()).unwrap();
    write!(slow, "GET /blobs/{large} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    slow.read_exact(&mut [0; 1000]).unwrap();
    server.signal(Signal::USR2);
    server.wait_until_said("to begin anew");
    server.signal(Signal::TERM);
    let address = server.address().to_owned();
    wait_until("the door is closed", || TcpStream::connect(&address).is_err());
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).unwrap();
    assert!(rest.len() > (64 << 20) - 1000, "what is in flight is finished all the same");
    let (status, said) = server.wait();
    assert_eq!((status.code(), said.matches(BEGUN).count()), (Some(0), 1), "{said}");
}

#[test]
fn a_check_says_what_would_keep_a_server_from_beginning() {
    let site = Site::new();
    let server = Server::start(&site);
    let check = ["serve", "--check", "--listen", server.address()];
    site.run(&check).ok();
    site.write("tokens", "nonsense");
    site.run(&[&check[..], &["--token-file", "tokens"]].concat()).code(2).says("tokens");
    let open = ["serve", "--check", "--store", "store", "--listen", "0.0.0.0:0"];
    site.run(&open).code(2).says("--open-to-network");
    std::fs::create_dir(site.path("other")).unwrap();
    site.write("other/file", "");
    site.run(&[&check[..], &["--store", "other"]].concat()).code(1).says("is not a store");
}

#[test]
fn what_does_not_listen_for_tcp_is_not_served() {
    let site = Site::new();
    let file = std::fs::File::open("/dev/null").unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = serve_handed(&site, &socket, &[]);
    Ran::of(command.stdin(Stdio::from(file))).code(8).says("hand in sockets that listen for TCP");
}

#[test]
fn sockets_that_are_for_another_process_are_left_alone() {
    let site = Site::new();
    let mut serve = aqueduct();
    serve.args(["serve", "--store", "store", "--listen", "127.0.0.1:0"]).current_dir(site.path("."));
    for (pid, count) in [(Some("1"), "1"), (None, "3"), (Some(""), "3")] {
        serve.env_remove("LISTEN_PID").env("LISTEN_FDS", count);
        if let Some(pid) = pid {
            serve.env("LISTEN_PID", pid);
        }
        let server = Server::spawn(&mut serve);
        assert!(!server.said().contains("handed in"), "{}", server.said());
        server.stop();
    }
}

#[test]
fn a_handed_socket_is_served_in_place_of_those_of_the_flags() {
    let site = Site::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let server = Server::spawn(&mut serve_handed(&site, &socket, &["--listen", "127.0.0.1:1"]));
    assert_eq!(server.address(), address.to_string());
    assert!(server.said().contains("--listen does not count"), "{}", server.said());
    let environment = std::fs::read_to_string(format!("/proc/{}/environ", server.pid())).unwrap();
    assert!(environment.contains("LISTEN_FDS=1"), "{environment}");
    let open = TcpListener::bind("0.0.0.0:0").unwrap();
    Ran::of(&mut serve_handed(&site, &open, &[])).code(2).says("--open-to-network");
    server.stop();
    assert!(TcpStream::connect(address).is_ok(), "who holds the socket keeps it open");
}

const RESTART_COUNT: usize = 4;

/// What a server says that does not begin anew.
const REFUSED: &str = "a new server could not begin with these flags";

/// What every server says once.
const BEGUN: &str = " routes: ";
