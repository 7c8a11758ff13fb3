//! Where one side waits for the other: a port, and whoever comes to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::Scope;
use std::time::{Duration, Instant};

use aqueduct_flow::uninterrupted;
use aqueduct_sys::{Readiness, wait_at_most};
use aqueduct_wire::transfer::{Failure, Role, Word};

use crate::door::{Dialect, sniff};
use crate::line::{Line, Patience, TICK};
use crate::meet;
use crate::streams::Joining;
use crate::ticket::{HOST_COUNT_MAX, Host, is_host_name};
use crate::{Error, ErrorKind, Listen, Report, Secret, Ticket};

/// A port that somebody waits at.
pub(crate) struct Listener {
    socket: TcpListener,
    /// Where it is reached first.
    pub(crate) address: SocketAddr,
    pub(crate) ticket: Ticket,
    pub(crate) joining: Joining,
    raw: bool,
}

/// Somebody who came.
pub(crate) enum Visitor {
    /// Who has proven to know the ticket, and begins an attempt.
    Attempt(Line),
    /// Who speaks HTTP.
    Http(TcpStream),
    /// Who wants or brings bare bytes, where these are welcome.
    Raw(TcpStream),
    /// Somebody who was not let in.
    Refused(Error),
    /// Who spoke HTTP has gone: what came of it, if it was given everything.
    Served(Result<Option<Report>, Error>),
}

/// What somebody who waits at a port needs to do so.
#[derive(Clone, Copy)]
pub(crate) struct Welcome<'a> {
    /// What whoever connects has to want.
    pub(crate) role: Role,
    /// Whether HTTP is spoken.
    pub(crate) http: bool,
    pub(crate) patience: &'a Patience,
    /// Set when nobody is waited for any more.
    pub(crate) closing: &'a Arc<AtomicBool>,
}

impl Listener {
    pub(crate) fn bind(listen: &Listen) -> Result<Self, Error> {
        let cannot = |error| {
            Error::network(format!("cannot listen on {}", listen.address), error).of_kind(ErrorKind::Usage)
        };
        let socket = TcpListener::bind(listen.address).map_err(cannot)?;
        socket.set_nonblocking(true).map_err(cannot)?;
        let bound = socket.local_addr().map_err(cannot)?;
        let hosts = hosts(listen, bound.ip())?;
        let secret = Secret::random().map_err(|error| Error::disk("no random bytes", error))?;
        let first = hosts.iter().find_map(|host| match host {
            Host::Address(address) => Some(*address),
            Host::Name(_) => None,
        });
        let address = SocketAddr::new(first.unwrap_or(bound.ip()), bound.port());
        let ticket = Ticket { hosts, port: bound.port(), secret };
        Ok(Self { socket, address, ticket, joining: Joining::default(), raw: listen.raw })
    }

    /// Takes whoever comes, each on a thread of its own until it is known who it is, and hands them over. Whoever serves some of
    /// them aside says by the other end when that is done.
    pub(crate) fn take<'scope, 'env>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        welcome: Welcome<'env>,
    ) -> (Receiver<Visitor>, SyncSender<Visitor>) {
        let (sender, visitors) = mpsc::sync_channel(VISITOR_COUNT_MAX);
        let back = sender.clone();
        scope.spawn(move || self.accept(scope, welcome, &sender));
        (visitors, back)
    }

    /// Lets nobody in any more, and wakes whoever waits for somebody: a listening socket that is shut down listens no more.
    pub(crate) fn close(&self) {
        // Where it cannot be done, whoever waits looks up by itself before long.
        if let Ok(socket) = self.socket.try_clone() {
            let _ = TcpStream::from(OwnedFd::from(socket)).shutdown(Shutdown::Both);
        }
    }

    fn accept<'scope, 'env>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        welcome: Welcome<'env>,
        sender: &SyncSender<Visitor>,
    ) {
        let strangers = Arc::new(AtomicUsize::new(0));
        while !welcome.closing.load(Ordering::Acquire) {
            let is_ready = uninterrupted(|| wait_at_most(&self.socket, &[Readiness::Readable], TICK));
            if !is_ready.unwrap_or(false) {
                continue;
            }
            let Ok((stream, _)) = self.socket.accept() else {
                // It was gone again; or there are no descriptors left, which takes a while. Or nobody is let in any more.
                if !welcome.closing.load(Ordering::Acquire) {
                    let _ = welcome.patience.wait(PAUSE);
                }
                continue;
            };
            // Who is one too many is closed: strangers may come in any number.
            if strangers.fetch_add(1, Ordering::Relaxed) >= STRANGER_COUNT_MAX {
                strangers.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let (sender, strangers) = (sender.clone(), Arc::clone(&strangers));
            scope.spawn(move || {
                if let Some(visitor) = self.meet(stream, welcome) {
                    // Whoever finds too many waiting, or nobody who takes them, is closed.
                    let _ = sender.try_send(visitor);
                }
                strangers.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }

    /// Finds out who came. `None` for whoever is served already, or is gone.
    fn meet(&self, stream: TcpStream, welcome: Welcome<'_>) -> Option<Visitor> {
        let silence = if self.raw { RAW_SILENCE } else { welcome.patience.idle };
        match sniff(&stream, silence, welcome.closing).ok()? {
            Dialect::Native => self.meet_native(stream, welcome),
            Dialect::Http if welcome.http => Some(Visitor::Http(stream)),
            Dialect::Silent | Dialect::Other | Dialect::Http if self.raw => Some(Visitor::Raw(stream)),
            // Who has ended its side may still want what it is sent: `nc` without input.
            Dialect::Gone if self.raw && welcome.role == Role::Receive => Some(Visitor::Raw(stream)),
            Dialect::Tls => {
                let peer = stream
                    .peer_addr()
                    .map_or_else(|_| "somebody".to_owned(), |peer| crate::line::canonical(peer).to_string());
                let what =
                    format!("{peer} speaks TLS, which is not spoken here: use http:// and not https://");
                Some(Visitor::Refused(Error::new(ErrorKind::Protocol, what)))
            }
            Dialect::Silent | Dialect::Other | Dialect::Http | Dialect::Gone => None,
        }
    }

    fn meet_native(&self, stream: TcpStream, welcome: Welcome<'_>) -> Option<Visitor> {
        // Whoever drips its greeting byte by byte has no more time for it than others.
        let patience = Patience {
            over: Arc::clone(welcome.closing),
            until: Some(Instant::now() + welcome.patience.idle),
            pulse: Arc::default(),
            ..welcome.patience.clone()
        };
        let (line, purpose) = match meet::accept(stream, &self.ticket.secret, &patience) {
            Ok(met) => met,
            Err(error)
                if matches!(error.kind(), ErrorKind::Network | ErrorKind::Deadline | ErrorKind::Stopped) =>
            {
                return None;
            }
            Err(error) => return Some(Visitor::Refused(error)),
        };
        let line = line.with(welcome.patience.clone());
        if purpose.role != welcome.role {
            let why = match welcome.role {
                Role::Receive => "both sides want to send; this one is to be received from",
                Role::Send => "both sides want to receive; this one is to be sent to",
            };
            line.say_last(&Word::Failed { failure: Failure::Refused, why: why.to_owned() });
            return None;
        }
        if purpose.stream > 0 {
            self.joining.join(&purpose.attempt, line);
            return None;
        }
        Some(Visitor::Attempt(line))
    }
}

/// What the ticket says to connect to.
fn hosts(listen: &Listen, bound: IpAddr) -> Result<Vec<Host>, Error> {
    if !listen.advertise.is_empty() {
        return listen.advertise.iter().take(HOST_COUNT_MAX).map(|name| host(name)).collect();
    }
    if !bound.is_unspecified() {
        return Ok(vec![Host::Address(bound)]);
    }
    let mut addresses = own_addresses();
    if bound.is_ipv4() {
        addresses.retain(IpAddr::is_ipv4);
    }
    // What the way to the world leads through comes first.
    let first = [outward(V4_ELSEWHERE), outward(V6_ELSEWHERE)];
    addresses.sort_by_key(|address| {
        first.iter().position(|first| *first == Some(*address)).unwrap_or(first.len())
    });
    addresses.truncate(HOST_COUNT_MAX);
    if addresses.is_empty() {
        addresses.push(if bound.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    Ok(addresses.into_iter().map(Host::Address).collect())
}

fn host(name: &str) -> Result<Host, Error> {
    if let Ok(address) = name.parse() {
        return Ok(Host::Address(address));
    }
    if is_host_name(name) {
        return Ok(Host::Name(name.to_owned()));
    }
    Err(Error::new(ErrorKind::Usage, format!("{} is no name of a host, and no address", name.escape_debug())))
}

/// The addresses of this machine that others may reach: no loopback, and none that is good on one link alone.
fn own_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let addresses = interfaces.into_iter().map(|interface| interface.ip());
    addresses
        .filter(|address| match address {
            IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local(),
            IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
        })
        .collect()
}

/// Which address packets to `elsewhere` would leave from. Nothing is sent: a datagram socket only looks up the way.
fn outward(elsewhere: IpAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if elsewhere.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((elsewhere, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// Addresses for documentation (RFC 5737, RFC 3849): nobody has them, and the way to them is the way to the world.
const V4_ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const V6_ELSEWHERE: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

/// After a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(20);

/// How many may wait to be served: each holds a descriptor.
const VISITOR_COUNT_MAX: usize = 64;

/// How many there may be of whom nothing is known yet.
const STRANGER_COUNT_MAX: usize = 32;

/// Who says nothing for so long wants bare bytes: every other client speaks first.
const RAW_SILENCE: Duration = Duration::from_millis(300);
