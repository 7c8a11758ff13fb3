//! How a server begins and ends.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::time::Duration;

use aqueduct_server::{BindError, Listeners, Options, Server};
use aqueduct_store::{Absent, Store};
use tempfile::TempDir;

use crate::fixture::{Fixture, Peer, SMALL, digest, pattern};

const HOST: &str = "Host: localhost\r\n";

fn bind(address: &str, change: impl FnOnce(&mut Options)) -> Result<Server, BindError> {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = Store::open(directory.path(), Absent::Make, aqueduct_store::Options::default()).unwrap();
    let mut options = Options { listen: vec![address.parse().unwrap()], ..Options::default() };
    change(&mut options);
    Server::bind(store, options)
}

#[test]
fn a_taken_port_is_an_error_and_not_a_second_listener() {
    let server = Fixture::new();
    let taken = bind(&server.address.to_string(), |_| {}).unwrap_err();
    assert!(matches!(taken, BindError::Taken { address } if address == server.address), "{taken}");
    for _ in 0..20 {
        assert_eq!(server.ask(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n")).status, 200);
    }
}

#[test]
fn a_network_needs_tokens_or_a_word() {
    let error = bind("0.0.0.0:0", |_| {}).unwrap_err();
    assert!(matches!(error, BindError::Open { .. }));
    assert!(error.to_string().contains("--open-to-network"));
    bind("0.0.0.0:0", |options| options.open_to_network = true).unwrap();
    bind("[::1]:0", |_| {}).unwrap();
}

#[test]
fn a_port_is_free_again_at_once() {
    let server = Fixture::new();
    let address = server.address;
    server.put(b"so that a connection was closed by the server");
    drop(server);
    drop(bind(&address.to_string(), |_| {}).unwrap());
}

#[test]
fn what_is_in_flight_is_finished_and_the_store_closed() {
    let mut server = Fixture::new();
    let bytes = pattern(8 << 20);
    let large = server.put(&bytes);
    let coming = digest(b"coming in");
    let (mut reader, mut writer, mut idle) = (server.connect(), server.connect(), server.connect());
    // So that it is known to be accepted.
    idle.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(idle.reply().status, 200);
    rustix::net::sockopt::set_socket_recv_buffer_size(&reader.stream, SMALL).unwrap();
    reader.say(&format!("GET /blobs/{large} HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(reader.head().status, 200);
    writer.say(&format!(
        "PUT /blobs/{coming} HTTP/1.1\r\n{HOST}Content-Length: 9\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(writer.head().status, 100);
    server.control.stop();
    idle.assert_closed();
    assert!(reader.take(bytes.len()) == bytes);
    writer.say("coming in");
    let reply = writer.reply();
    assert_eq!((reply.status, reply.field("Connection")), (201, Some("close")));
    for peer in [reader, writer] {
        peer.finish();
        peer.assert_closed();
    }
    let address: SocketAddr = server.address;
    server.ended().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens");
    let store = Store::open(server.root(), Absent::Refuse, aqueduct_store::Options::default()).unwrap();
    assert!(store.has(&coming).unwrap());
}

#[test]
fn what_is_not_finished_in_time_is_cut_off() {
    let mut server = Fixture::with(|options| options.deadlines.grace = std::time::Duration::from_millis(50));
    let name = digest(b"never comes");
    let mut peer = server.connect();
    peer.say(&format!(
        "PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: 11\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(peer.head().status, 100);
    server.control.stop();
    peer.assert_closed();
    server.ended().unwrap();
}

#[test]
fn several_addresses_are_one_server() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = Store::open(directory.path(), Absent::Make, aqueduct_store::Options::default()).unwrap();
    let listen = vec!["127.0.0.1:0".parse().unwrap(), "127.0.0.2:0".parse().unwrap()];
    let server = Server::bind(store, Options { listen, ..Options::default() }).unwrap();
    let (addresses, control) = (server.addresses().to_vec(), server.control());
    let running = std::thread::spawn(move || server.run());
    for address in addresses {
        let mut peer = Peer::connect(address);
        peer.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!(peer.reply().status, 200, "{address}");
    }
    control.stop();
    running.join().unwrap().unwrap();
}

#[test]
fn a_head_that_does_not_end_holds_up_no_stop() {
    let mut server = Fixture::with(|options| {
        options.deadlines.head = std::time::Duration::from_secs(3600);
        options.deadlines.grace = std::time::Duration::from_secs(3600);
    });
    // Several, so that the stop finds some in the middle of a head, and some on their way to it.
    let mut peers: Vec<_> = (0..16).map(|_| server.connect()).collect();
    for peer in &mut peers {
        peer.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\nGET / HTTP/1.1\r\nHost: loc"));
    }
    for peer in &mut peers {
        assert_eq!(peer.reply().status, 200);
    }
    server.control.stop();
    for mut peer in peers {
        peer.reply().assert_problem(408, "slow-head");
        peer.finish();
        peer.assert_closed();
    }
    server.ended().unwrap();
}

#[test]
fn every_reactor_has_a_listener_of_its_own() {
    let server = Fixture::new();
    for _ in 0..64 {
        assert_eq!(server.ask(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n")).status, 200);
    }
    let listening = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{:04X} ", server.address.port());
    let count =
        listening.lines().filter(|line| line.contains(&port) && line.contains(" 00000000:0000 0A ")).count();
    assert_eq!(count, 2, "one for each reactor");
}

#[test]
fn who_asks_before_it_can_know_of_the_stop_is_answered_and_told() {
    let mut server = Fixture::with(|options| {
        options.deadlines.idle_at_stop = Duration::from_secs(3600);
        options.deadlines.grace = Duration::from_secs(3600);
    });
    let mut silent = server.connect();
    let mut asking = server.connect();
    for peer in [&mut silent, &mut asking] {
        peer.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!(peer.reply().status, 200);
    }
    server.control.stop();
    asking.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n"));
    let reply = asking.reply();
    assert_eq!((reply.status, reply.field("Connection")), (200, Some("close")));
    for peer in [silent, asking] {
        peer.finish();
        peer.assert_closed();
    }
    server.ended().unwrap();
}

#[test]
fn who_asks_nothing_holds_up_no_stop() {
    let mut server = Fixture::with(|options| {
        options.deadlines.idle_at_stop = Duration::ZERO;
        options.deadlines.grace = Duration::from_secs(3600);
    });
    let mut idle = server.connect();
    idle.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(idle.reply().status, 200);
    server.control.stop();
    idle.assert_closed();
    server.ended().unwrap();
}

/// A server of a store of its own, with so many reactors, for connections to `sockets`.
fn serve_handed(sockets: Vec<TcpListener>, reactors: usize) -> (Server, TempDir) {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = Store::open(directory.path(), Absent::Make, aqueduct_store::Options::default()).unwrap();
    let options = Options { reactors: NonZeroUsize::new(reactors).unwrap(), ..Options::default() };
    let listeners = Listeners::handed(sockets, &options).unwrap();
    (Server::new(store, options, listeners).unwrap(), directory)
}

#[test]
fn connections_wait_from_one_server_to_the_next_whatever_socket_they_came_to() {
    let options = Options {
        listen: vec!["127.0.0.1:0".parse().unwrap(), "127.0.0.2:0".parse().unwrap()],
        reactors: NonZeroUsize::new(3).unwrap(),
        ..Options::default()
    };
    let listeners = Listeners::bind(&options).unwrap();
    let addresses = listeners.addresses();
    let mut sockets = listeners.sockets().unwrap();
    assert_eq!(sockets.len(), 6, "one for each reactor and address");
    drop(listeners);
    // Fewer reactors than there are sockets of an address, as many, and more.
    for reactors in [1, 3, 4] {
        let kept: Vec<_> = sockets.iter().map(|socket| socket.try_clone().unwrap()).collect();
        // So many that each socket has some.
        let waiting = addresses.iter().flat_map(|address| [*address; 32]).map(Peer::connect);
        let mut waiting: Vec<_> = waiting.collect();
        let (server, _directory) = serve_handed(sockets, reactors);
        assert_eq!(server.addresses(), addresses);
        let control = server.control();
        let running = std::thread::spawn(move || server.run());
        for peer in &mut waiting {
            peer.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"));
            assert_eq!(peer.reply().status, 200, "{reactors} reactors");
        }
        drop(waiting);
        control.stop();
        running.join().unwrap().unwrap();
        sockets = kept;
    }
}

#[test]
fn reactors_share_a_socket_where_there_is_but_one() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (server, _directory) = serve_handed(vec![socket], 4);
    let control = server.control();
    let running = std::thread::spawn(move || server.run());
    for _ in 0..64 {
        let mut peer = Peer::connect(address);
        peer.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!(peer.reply().status, 200);
    }
    assert!(control.is_alive());
    control.stop();
    running.join().unwrap().unwrap();
    assert!(control.is_alive(), "who has ended is no cause for concern");
}

#[test]
fn what_was_handed_in_is_held_to_the_same_rules() {
    let open = TcpListener::bind("0.0.0.0:0").unwrap();
    let refused = Listeners::handed(vec![open.try_clone().unwrap()], &Options::default()).unwrap_err();
    assert!(matches!(refused, BindError::Open { .. }), "{refused}");
    let options = Options { open_to_network: true, ..Options::default() };
    assert_eq!(Listeners::handed(vec![open], &options).unwrap().addresses().len(), 1);
    let mute = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None);
    let mute = TcpListener::from(mute.unwrap());
    let refused = Listeners::handed(vec![mute], &options).unwrap_err();
    assert!(matches!(refused, BindError::Mute { .. }), "{refused}");
}
