//! Listening: which sockets connections come by, and which of them each reactor takes them from.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use aqueduct_sys::{is_listening, set_reuse_port};
use tokio::net::TcpSocket;

use crate::Options;
use crate::spread::Place;

/// Sockets that listen. Connections wait in their backlogs until a server takes them.
#[derive(Debug)]
pub struct Listeners {
    bound: Vec<Bound>,
    /// Those that ccache finds by a path.
    crsh: Vec<UnixListener>,
}

/// The sockets of one address: connections are spread over them by the kernel.
#[derive(Debug)]
struct Bound {
    address: SocketAddr,
    sockets: Vec<TcpListener>,
}

/// Why nobody can listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody listens there.
    #[error("{address} is taken by another program; stop that one, or choose another port (0 for any)")]
    Taken {
        /// Where.
        address: SocketAddr,
    },
    /// Anybody on the network could read and delete.
    #[error(
        "{address} can be reached from the network, and there are no tokens; give --token-file, or --open-to-network \
         if everybody there may read, write and delete"
    )]
    Open {
        /// Where.
        address: SocketAddr,
    },
    /// What was handed in is bound, and does not listen.
    #[error("the socket for {address} that was handed in does not listen; hand in one that does")]
    Mute {
        /// Where.
        address: SocketAddr,
    },
    /// The same, of a socket for ccache.
    #[error("the socket {} that was handed in does not listen; hand in one that does", path.display())]
    MuteLocal {
        /// Where.
        path: PathBuf,
    },
    /// The kernel said no.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A thread or a descriptor was not to be had.
    #[error("cannot start")]
    Start(#[from] io::Error),
}

impl Listeners {
    /// Whether to let in who can reach `addresses`, with `options`; those that are in them are not looked at. Listens nowhere.
    ///
    /// # Errors
    ///
    /// Where one is open to a network without tokens.
    pub fn check(addresses: &[SocketAddr], options: &Options) -> Result<(), BindError> {
        addresses.iter().try_for_each(|&address| check(address, options))
    }

    /// Listens on every address of `options`, with a socket for each reactor.
    ///
    /// # Errors
    ///
    /// Where an address is taken, cannot be had, or is open to a network without tokens.
    pub fn bind(options: &Options) -> Result<Self, BindError> {
        Self::check(&options.listen, options)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let _context = runtime.enter();
        let bind = |&address: &SocketAddr| match listen(address, options.reactors) {
            Ok((address, sockets)) => Ok(Bound { address, sockets }),
            Err(source) if source.kind() == io::ErrorKind::AddrInUse => Err(BindError::Taken { address }),
            Err(source) => Err(BindError::Listen { address, source }),
        };
        let bound = options.listen.iter().map(bind).collect::<Result<_, _>>()?;
        Ok(Self { bound, crsh: Vec::new() })
    }

    /// Takes sockets that listen already: those of a supervisor, which keeps them open, or of the server before this one. The
    /// addresses of `options` are not looked at.
    ///
    /// # Errors
    ///
    /// Where one does not listen, or is open to a network without tokens.
    pub fn handed(sockets: Vec<TcpListener>, options: &Options) -> Result<Self, BindError> {
        let mut all: Vec<Bound> = Vec::new();
        for socket in sockets {
            let address = socket.local_addr()?;
            if !is_listening(&socket).map_err(io::Error::from)? {
                return Err(BindError::Mute { address });
            }
            // A reactor must not wait in accept(2). Whoever else has the socket open only polls it.
            socket.set_nonblocking(true)?;
            match all.iter_mut().find(|bound| bound.address == address) {
                Some(bound) => bound.sockets.push(socket),
                None => {
                    check(address, options)?;
                    all.push(Bound { address, sockets: vec![socket] });
                }
            }
        }
        Ok(Self { bound: all, crsh: Vec::new() })
    }

    /// Serves ccache on these, too, in the protocol of its storage programs (CRSH). They listen already. Whoever may connect
    /// may read and write: the permissions of their files say who that is, and tokens do not count.
    ///
    /// # Errors
    ///
    /// Where one does not listen.
    pub fn with_crsh(mut self, sockets: Vec<UnixListener>) -> Result<Self, BindError> {
        for socket in &sockets {
            if !is_listening(socket).map_err(io::Error::from)? {
                return Err(BindError::MuteLocal { path: path(socket) });
            }
            socket.set_nonblocking(true)?;
        }
        self.crsh.extend(sockets);
        Ok(self)
    }

    /// Where ccache finds this server.
    #[must_use]
    pub fn crsh_paths(&self) -> Vec<PathBuf> {
        self.crsh.iter().map(path).collect()
    }

    /// The sockets for ccache once more; see [`Self::sockets`].
    ///
    /// # Errors
    ///
    /// Where there are no descriptors left.
    pub fn crsh_sockets(&self) -> io::Result<Vec<UnixListener>> {
        self.crsh.iter().map(UnixListener::try_clone).collect()
    }

    /// Takes the sockets for ccache out.
    pub(crate) fn take_crsh(&mut self) -> Vec<UnixListener> {
        std::mem::take(&mut self.crsh)
    }

    /// Where they listen, with the ports that they were given.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.bound.iter().map(|bound| bound.address).collect()
    }

    /// All sockets but those for ccache once more: as long as somebody has them, connections wait there when the server has ended.
    ///
    /// # Errors
    ///
    /// Where there are no descriptors left.
    pub fn sockets(&self) -> io::Result<Vec<TcpListener>> {
        self.bound.iter().flat_map(|bound| &bound.sockets).map(TcpListener::try_clone).collect()
    }

    /// How many sockets each reactor has at most, when there are `count`.
    pub(crate) fn count_for_each(&self, count: NonZeroUsize) -> usize {
        self.bound.iter().map(|bound| bound.sockets.len().div_ceil(count.get())).sum()
    }

    /// Deals the sockets out to `count` reactors: each has one of every address at least, and no socket is left out, since
    /// connections may wait in it. Where there are fewer sockets than reactors, some share one.
    pub(crate) fn deal(self, count: NonZeroUsize) -> io::Result<Vec<Vec<(TcpListener, Place)>>> {
        let mut dealt: Vec<Vec<_>> = (0..count.get()).map(|_| Vec::new()).collect();
        for Bound { sockets, .. } in self.bound {
            let places = count.max(NonZeroUsize::new(sockets.len()).unwrap_or(count));
            for (index, place) in Place::each(places).into_iter().enumerate() {
                let socket = sockets[index % sockets.len()].try_clone()?;
                dealt[index % count].push((socket, place));
            }
        }
        Ok(dealt)
    }
}

/// Where a socket is found; nothing where that has no path.
fn path(socket: &UnixListener) -> PathBuf {
    let address = socket.local_addr().ok();
    address.as_ref().and_then(|address| address.as_pathname()).map(ToOwned::to_owned).unwrap_or_default()
}

/// Whether to let in who can reach `address`.
fn check(address: SocketAddr, options: &Options) -> Result<(), BindError> {
    if address.ip().is_loopback() || options.tokens.is_some() {
        return Ok(());
    }
    if !options.open_to_network {
        return Err(BindError::Open { address });
    }
    tracing::warn!("everybody who can reach {address} may read, write and delete");
    Ok(())
}

/// Listens on `address`, `count` times, and says where that is if the port was left open.
///
/// The kernel spreads connections over sockets that all have `SO_REUSEPORT` (socket(7)), whichever process of this user
/// they belong to: a second server would silently take half of the first one's. So the first of them listens without it,
/// which fails where anybody listens, and only then lets the others join.
///
/// Needs the context of a runtime.
fn listen(address: SocketAddr, count: NonZeroUsize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let first = socket(address)?;
    first.bind(address)?;
    let first = first.listen(BACKLOG)?.into_std()?;
    let address = first.local_addr()?;
    set_reuse_port(&first)?;
    let mut listeners = vec![first];
    while listeners.len() < count.get() {
        let socket = socket(address)?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        listeners.push(socket.listen(BACKLOG)?.into_std()?);
    }
    Ok((address, listeners))
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of a server that has just ended keep its port for a minute otherwise.
    socket.set_reuseaddr(true)?;
    Ok(socket)
}

/// Connections that the kernel keeps until they are accepted. It lowers this to net.core.somaxconn.
const BACKLOG: u32 = 4096;
