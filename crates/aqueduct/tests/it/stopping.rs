//! How a server ends, and what is left when it, or its client, is killed.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::fixture::{Ran, Site, aqueduct, files_below, noise};
use crate::server::{Server, wait_until};

#[test]
fn a_taken_port_is_an_error() {
    let (site, other) = (Site::new(), Site::new());
    let server = Server::start(&site);
    let address = server.url.strip_prefix("http://").unwrap();
    let mut second = aqueduct();
    second.args(["serve", "--store", "store", "--listen", address]).current_dir(other.path("."));
    Ran::of(&mut second).code(1).says("is taken by another program");
}

#[test]
fn a_second_server_on_the_same_store_is_an_error() {
    let site = Site::new();
    let _server = Server::start(&site);
    let mut second = aqueduct();
    second.args(["serve", "--store", "store", "--listen", "127.0.0.1:0"]).current_dir(site.path("."));
    Ran::of(&mut second).code(1).says("in use by another process");
    site.run(&["ls"]).code(1).says("in use by another process");
}

#[test]
fn an_open_door_to_the_network_is_an_error() {
    let site = Site::new();
    let mut serve = aqueduct();
    serve
        .args(["serve", "--listen", "0.0.0.0:0"])
        .current_dir(site.path("."))
        .env("XDG_DATA_HOME", site.path("data"));
    Ran::of(&mut serve).code(2).says("--token-file").says("--open-to-network");
    let mut serve = aqueduct();
    serve
        .args(["serve", "--listen", "0.0.0.0:0", "--open-to-network"])
        .env("XDG_DATA_HOME", site.path("data"));
    let server = Server::spawn(&mut serve);
    assert_eq!(server.store, site.path("data/aqueduct/store"), "where a user's data is");
    assert!(server.stop().contains("WARN"));
}

#[test]
fn what_is_in_flight_is_finished() {
    for signal in [Signal::TERM, Signal::INT] {
        let site = Site::new();
        site.write("a", noise(64 << 20));
        let server = Server::start(&site);
        let digest = server.put(&site, "a");
        let address = server.url.strip_prefix("http://").unwrap();
        let mut slow = TcpStream::connect(address).unwrap();
        write!(slow, "GET /blobs/{digest} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        slow.read_exact(&mut [0; 1000]).unwrap();
        server.signal(signal);
        // Nobody else comes in once it stops.
        wait_until("the door is closed", || TcpStream::connect(address).is_err());
        let mut rest = Vec::new();
        slow.read_to_end(&mut rest).unwrap();
        assert!(rest.len() > (64 << 20) - 1000);
        let (status, said) = server.wait();
        assert_eq!(status.code(), Some(0), "{said}");
        site.run(&["verify"]).ok();
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let site = Site::new();
    site.write("a", noise(64 << 20));
    let server = Server::start(&site);
    let digest = server.put(&site, "a");
    let address = server.url.strip_prefix("http://").unwrap();
    let mut slow = TcpStream::connect(address).unwrap();
    write!(slow, "GET /blobs/{digest} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    slow.read_exact(&mut [0; 1000]).unwrap();
    server.signal(Signal::TERM);
    wait_until("the door is closed", || TcpStream::connect(address).is_err());
    server.signal(Signal::INT);
    let (status, _) = server.wait();
    assert_eq!(status.signal(), Some(2), "a shell shows it as 130");
}

#[test]
fn a_signal_ends_a_server_that_is_not_ready_yet() {
    let site = Site::new();
    let fifo = site.path("tokens");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let mut serve = aqueduct();
    serve.args(["serve", "--store", "store", "--listen", "127.0.0.1:0", "--token-file", "tokens"]);
    let serve = serve.current_dir(site.path(".")).spawn().unwrap();
    // Once this returns, the server waits for what is never written.
    let _silent = fs::File::options().write(true).open(&fifo).unwrap();
    kill_process(Pid::from_child(&serve), Signal::TERM).unwrap();
    let serve = RefCell::new(serve);
    wait_until("the server's end", || serve.borrow_mut().try_wait().unwrap().is_some());
    assert_eq!(serve.into_inner().wait().unwrap().signal(), Some(15), "as if it were never caught");
}

#[test]
fn a_hangup_without_tokens_changes_nothing() {
    let site = Site::new();
    let server = Server::start(&site);
    server.signal(Signal::HUP);
    server.wait_until_said("no option changed");
    server.run(&site, &["ls"]).ok();
    server.stop();
}

#[test]
fn json_says_where_it_listens() {
    let site = Site::new();
    let mut serve = aqueduct();
    serve
        .args(["serve", "--json", "--store", "store", "--listen", "127.0.0.1:0"])
        .current_dir(site.path("."));
    let mut serve = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(serve.stdout.take().unwrap()).lines();
    let mut object = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(object(), json!({ "store": "store" }));
    let listening = object();
    assert!(listening["listening"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{listening}");
    kill_process(Pid::from_child(&serve), Signal::TERM).unwrap();
    assert_eq!(serve.wait().unwrap().code(), Some(0));
}

#[test]
fn a_client_that_is_killed_leaves_nothing_behind() {
    let site = Site::new();
    let server = Server::start(&site);
    let mut put = server.command(&site, &["put", "-"]);
    let mut put = put.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // More than lies in pipes and sockets: once this returns, the server has begun to write.
    let mut stdin = put.stdin.take().unwrap();
    stdin.write_all(&noise(32 << 20)).unwrap();
    put.kill().unwrap();
    put.wait().unwrap();
    drop(stdin);
    assert_eq!(server.run(&site, &["ls"]).ok().text(), "");
    server.stop();
    assert_nothing_is_stored(&site);
}

#[test]
fn a_server_that_is_killed_leaves_nothing_behind() {
    let site = Site::new();
    let server = Server::start(&site);
    let mut put = server.command(&site, &["put", "-"]);
    let mut put = put.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = put.stdin.take().unwrap();
    stdin.write_all(&noise(32 << 20)).unwrap();
    server.kill();
    drop(stdin);
    let output = put.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stderr));
    let server = Server::start(&site);
    assert_eq!(server.run(&site, &["ls"]).ok().text(), "");
    site.write("a", "abc");
    server.put(&site, "a");
    server
        .run(&site, &["rm", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"])
        .ok();
    server.stop();
    assert_nothing_is_stored(&site);
}

#[test]
fn a_get_goes_on_when_the_server_is_back() {
    let site = Site::new();
    let bytes = noise(64 << 20);
    site.write("a", &bytes);
    let server = Server::start(&site);
    let digest = server.put(&site, "a");
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut get = server.command(&site, &["get", &digest]).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = get.stdout.take().unwrap();
    let mut arrived = vec![0; 1 << 20];
    stdout.read_exact(&mut arrived).unwrap();
    server.kill();
    let _back = Server::start_with(&site, &["--listen", &address]);
    stdout.read_to_end(&mut arrived).unwrap();
    assert_eq!(get.wait().unwrap().code(), Some(0));
    assert!(arrived == bytes);
}

#[test]
fn a_get_that_is_killed_leaves_no_file() {
    let site = Site::new();
    site.write("a", noise(64 << 20));
    let server = Server::start(&site);
    let digest = server.put(&site, "a");
    fs::create_dir(site.path("out")).unwrap();
    let mut get = server.command(&site, &["get", &digest, "-o", "out"]);
    let mut get = get.stderr(Stdio::null()).spawn().unwrap();
    let io = format!("/proc/{}/io", get.id());
    let written = || {
        let io = fs::read_to_string(&io).unwrap_or_default();
        io.lines().find_map(|line| line.strip_prefix("wchar: ")).map_or(u64::MAX, |it| it.parse().unwrap())
    };
    while get.try_wait().unwrap().is_none() && written() < 1 << 20 {
        std::thread::yield_now();
    }
    get.kill().unwrap();
    if get.wait().unwrap().code().is_none() {
        assert_eq!(fs::read_dir(site.path("out")).unwrap().count(), 0);
    }
}

/// The store has its own files and nothing else.
fn assert_nothing_is_stored(site: &Site) {
    let store = site.store();
    let names: Vec<_> =
        files_below(&store).iter().map(|path| path.strip_prefix(&store).unwrap().to_owned()).collect();
    let own = ["aqueduct-store", "index.redb", "lock", "meta.redb"];
    assert_eq!(names.iter().map(|name| name.to_str().unwrap()).collect::<Vec<_>>(), own);
}
