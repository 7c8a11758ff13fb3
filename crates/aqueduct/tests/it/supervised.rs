//! What a server tells the program that supervises it, as sd_notify(3) says.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::fixture::{Site, aqueduct, noise};
use crate::server::Server;

/// A supervisor that listens.
struct Supervisor(UnixDatagram);

impl Supervisor {
    fn at(path: &Path) -> Self {
        Self::of(UnixDatagram::bind(path).unwrap())
    }

    fn of(socket: UnixDatagram) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    /// What it hears next.
    fn hear(&self) -> String {
        let mut heard = [0; 1000];
        let len = self.0.recv(&mut heard).unwrap();
        String::from_utf8_lossy(&heard[..len]).into_owned()
    }

    /// Hears until something has a line that begins so.
    fn hear_of(&self, beginning: &str) -> String {
        loop {
            let heard = self.hear();
            if heard.lines().any(|line| line.starts_with(beginning)) {
                return heard;
            }
        }
    }
}

fn serve(site: &Site) -> Command {
    let mut serve = aqueduct();
    serve.args(["serve", "--store", "store", "--listen", "127.0.0.1:0"]).current_dir(site.path("."));
    serve
}

#[test]
fn a_supervisor_is_told_when_a_server_is_ready_reloads_begins_anew_and_stops() {
    let site = Site::new();
    let supervisor = Supervisor::at(&site.path("notify"));
    let server = Server::spawn(serve(&site).env("NOTIFY_SOCKET", site.path("notify")));
    let opening = supervisor.hear();
    assert!(opening.contains("EXTEND_TIMEOUT_USEC=600000000\n") && !opening.contains("READY"), "{opening}");
    let ready = format!("READY=1\nSTATUS=Serving {}\n", server.address());
    assert_eq!(supervisor.hear(), ready);

    server.signal(Signal::HUP);
    let reloading = supervisor.hear();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(supervisor.hear(), ready);

    server.signal(Signal::USR2);
    let restarting = supervisor.hear();
    assert!(restarting.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{restarting}");
    assert_eq!(supervisor.hear_of("READY=1"), ready, "the same process, and the same address");

    server.signal(Signal::TERM);
    let stopping = supervisor.hear();
    assert!(stopping.starts_with("STOPPING=1\n"), "{stopping}");
    assert!(stopping.contains("EXTEND_TIMEOUT_USEC=90000000\n"), "--grace and a minute: {stopping}");
    assert_eq!(server.wait().0.code(), Some(0));
}

#[test]
fn a_supervisor_may_have_a_socket_without_a_path() {
    let site = Site::new();
    let name = format!("aqueduct-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let supervisor = Supervisor::of(UnixDatagram::bind_addr(&address).unwrap());
    let server = Server::spawn(serve(&site).env("NOTIFY_SOCKET", format!("@{name}")));
    supervisor.hear_of("READY=1");
    server.stop();
}

#[test]
fn a_supervisor_that_does_not_listen_keeps_nobody_from_serving() {
    let site = Site::new();
    let server = Server::spawn(serve(&site).env("NOTIFY_SOCKET", site.path("nobody")));
    server.run(&site, &["ls"]).ok();
    assert!(server.stop().contains("cannot tell the supervisor"));
}

#[test]
fn a_watchdog_is_told_again_and_again_that_the_server_is_alive_across_a_restart() {
    let site = Site::new();
    let supervisor = Supervisor::at(&site.path("notify"));
    let mut serve = Command::new("sh");
    let arguments = ["serve", "--store", "store", "--listen", "127.0.0.1:0"];
    serve
        .args(["-c", "WATCHDOG_PID=$$ exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_aqueduct")])
        .args(arguments)
        .current_dir(site.path("."))
        .env("NOTIFY_SOCKET", site.path("notify"))
        .env("WATCHDOG_USEC", "200000");
    let server = Server::spawn(&mut serve);
    for _ in 0..2 {
        supervisor.hear_of("READY=1");
        for _ in 0..3 {
            supervisor.hear_of("WATCHDOG=1");
        }
        server.signal(Signal::USR2);
    }
    supervisor.hear_of("READY=1");
    assert!(!server.stop().contains("no round"));
}

#[test]
fn who_asks_to_reload_once_a_stop_has_begun_is_too_late() {
    let site = Site::new();
    site.write("a", noise(64 << 20));
    let supervisor = Supervisor::at(&site.path("notify"));
    let server = Server::spawn(serve(&site).env("NOTIFY_SOCKET", site.path("notify")));
    let large = server.put(&site, "a");
    let mut slow = TcpStream::connect(server.address()).unwrap();
    write!(slow, "GET /blobs/{large} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    slow.read_exact(&mut [0; 1000]).unwrap();
    supervisor.hear_of("READY=1");
    server.signal(Signal::TERM);
    supervisor.hear_of("STOPPING=1");
    server.signal(Signal::HUP);
    server.wait_until_said("files are not read again any more");
    drop(slow);
    assert_eq!(server.wait().0.code(), Some(0));
    supervisor.0.set_nonblocking(true).unwrap();
    assert!(supervisor.0.recv(&mut [0; 1000]).is_err(), "nothing is said after STOPPING=1");
}

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
