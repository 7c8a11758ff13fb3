//! Whom a side speaks to, where that is neither a file nor a place: a ticket that is read, or whoever comes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;

use aqueduct_transfer::{Listen, Peer, Ticket};

use crate::fault::Fault;
use crate::flags::Transfer;
use crate::text::shown;
use crate::voice::Voice;

/// The peer whose ticket is the first line of a file, or of standard input (`-`).
pub(super) fn ticket_in(path: &Path, voice: &Voice) -> Result<Peer, Fault> {
    let (name, line) = if path == Path::new("-") {
        if io::stdin().is_terminal() {
            voice.print("the ticket:");
        }
        ("standard input".to_owned(), first_line(io::stdin()))
    } else {
        (shown(path), File::open(path).and_then(first_line))
    };
    let line = line.map_err(Fault::local(format!("read a ticket from {name}")))?;
    let ticket = line.parse::<Ticket>().map_err(|error| Fault::Usage(format!("{name}: {error}")))?;
    Ok(Peer::Ticket(ticket))
}

fn first_line(from: impl Read) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(from.take(LEN_MAX)).read_line(&mut line)?;
    Ok(line)
}

/// How to listen.
pub(super) fn listen(flags: &Transfer) -> Result<Listen, Fault> {
    let address = match flags.listen.as_slice() {
        [] => SocketAddr::new(
            if has_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() },
            0,
        ),
        [address] => *address,
        _ => return Err(Fault::Usage("a transfer listens at one address: give --listen once".to_owned())),
    };
    Ok(Listen { address, advertise: flags.advertise.clone(), raw: flags.raw })
}

/// A kernel without IPv6 has no such sockets.
fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok()
}

/// Longer than any ticket.
const LEN_MAX: u64 = 16 << 10;
