use std::io::Write;
use std::net::{Shutdown, TcpListener};

use aqueduct_flow::Throttle;
use aqueduct_wire::native::greeting;

use super::*;
use crate::{Gauge, Times};

/// Two ends of a connection: ours, and theirs.
pub(super) fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, theirs)
}

/// What a test's conversations keep to.
pub(super) struct Terms {
    pub(super) times: Times,
    pub(super) throttle: Option<Throttle>,
    pub(super) stop: AtomicBool,
    pub(super) gauge: Gauge,
}

impl Terms {
    pub(super) fn patient() -> Self {
        Self::of(Duration::from_secs(60))
    }

    pub(super) fn of(idle: Duration) -> Self {
        let times = Times { idle, ..Times::default() };
        Self { times, throttle: None, stop: AtomicBool::new(false), gauge: Gauge::default() }
    }

    pub(super) fn manner(&self) -> Manner<'_> {
        let Self { times, throttle, stop, gauge } = self;
        Manner { times, throttle: throttle.as_ref(), stop, until: None, gauge }
    }
}

/// What is made of somebody who says this, and then nothing.
fn sniffed(said: &[u8]) -> Dialect {
    let (ours, mut theirs) = tcp_pair();
    theirs.write_all(said).unwrap();
    sniff(&ours, Duration::from_millis(20), &AtomicBool::new(false)).unwrap()
}

#[test]
fn each_dialect_is_told_by_its_first_bytes() {
    assert_eq!(sniffed(&greeting()), Dialect::Native);
    assert_eq!(sniffed(b"GET /x HTTP/1.1\r\n"), Dialect::Http);
    assert_eq!(sniffed(b"GET http://host/x HTTP/1.1\r\n"), Dialect::Http);
    assert_eq!(sniffed(b"OPTIONS * HTTP/1.1\r\n"), Dialect::Http);
    assert_eq!(sniffed(b"\x16\x03\x01\x02\x00"), Dialect::Tls);
    assert_eq!(sniffed(b"GETTING started"), Dialect::Other);
    assert_eq!(sniffed(b"POST no bills"), Dialect::Other);
    assert_eq!(sniffed(b"\x16"), Dialect::Other, "one byte that was a file's last");
    assert_eq!(sniffed(b"GE"), Dialect::Other, "it says no more");
    assert_eq!(sniffed(b"\0"), Dialect::Other);
    assert_eq!(sniffed(b""), Dialect::Silent);
}

#[test]
fn what_comes_a_byte_at_a_time_is_waited_for_and_nothing_of_it_is_taken() {
    for said in [&b"HEAD / HTTP/1.1\r\n\r\n"[..], &greeting()] {
        let (ours, mut theirs) = tcp_pair();
        theirs.set_nodelay(true).unwrap();
        let told = std::thread::scope(|scope| {
            let sniffer = scope.spawn(|| sniff(&ours, Duration::MAX, &AtomicBool::new(false)).unwrap());
            for byte in said {
                theirs.write_all(&[*byte]).unwrap();
            }
            sniffer.join().unwrap()
        });
        assert!(matches!(told, Dialect::Http | Dialect::Native), "{told:?}");
        theirs.shutdown(Shutdown::Write).unwrap();
        let mut heard = Vec::new();
        std::io::Read::read_to_end(&mut &ours, &mut heard).unwrap();
        assert_eq!(heard, said);
    }
}

#[test]
fn an_end_tells_at_once() {
    let (ours, theirs) = tcp_pair();
    theirs.shutdown(Shutdown::Write).unwrap();
    assert_eq!(sniff(&ours, Duration::MAX, &AtomicBool::new(false)).unwrap(), Dialect::Gone);
    let (ours, mut theirs) = tcp_pair();
    theirs.write_all(b"PU").unwrap();
    drop(theirs);
    assert_eq!(sniff(&ours, Duration::MAX, &AtomicBool::new(false)).unwrap(), Dialect::Other);
}

#[test]
fn whoever_asks_for_an_end_does_not_wait_for_a_word() {
    let (ours, _theirs) = tcp_pair();
    let error = sniff(&ours, Duration::MAX, &AtomicBool::new(true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
}
