//! How two hosts come together: greetings, and a proof by either side that it knows the ticket.
//!
//! ```text
//! connector                                listener
//!    greeting, Hello, Open(nonce) ─────────>
//!              <───────────── greeting, Welcome, Challenge(nonce, proof)
//!    Proof ────────────────────────────────>            and only now anything else
//! ```

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use aqueduct_wire::native::{
    Answer, Ask, Closing, Code, GREETING_LEN, Hello, Request, Say, TaskId, Welcome, greeting, parse_answer,
    parse_greeting, parse_request,
};
use aqueduct_wire::transfer::{CAPABILITY, Failure, Role, Word};

use crate::line::{Heard, Line, Patience};
use crate::secret::{Challenge, Secret, Side, random};
use crate::ticket::Host;
use crate::{Error, ErrorKind, Ticket};

/// What whoever connected wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Purpose {
    pub(crate) role: Role,
    pub(crate) stream: u32,
    pub(crate) attempt: [u8; 16],
}

/// Connects to the first host of `ticket` that answers and proves that it knows the ticket.
///
/// # Errors
///
/// Of kind `Network` if none can be reached; that of the first that could be otherwise.
pub(crate) fn connect(ticket: &Ticket, purpose: &Purpose, patience: &Patience) -> Result<Line, Error> {
    let mut first = None;
    let mut unreached = None;
    for host in &ticket.hosts {
        patience.check_stop()?;
        match reach(host, ticket.port, patience.idle.min(CONNECT_TIME_MAX)) {
            Ok(stream) => match connected(stream, ticket, purpose, patience) {
                Ok(line) => return Ok(line),
                Err(error) => _ = first.get_or_insert(error),
            },
            Err(error) => _ = unreached.get_or_insert(error),
        }
    }
    Err(first.or(unreached).unwrap_or_else(|| Error::new(ErrorKind::Usage, "the ticket names no host")))
}

fn reach(host: &Host, port: u16, time: Duration) -> Result<TcpStream, Error> {
    let cannot = |error| Error::network(format!("cannot connect to {host} port {port}"), error);
    let addresses: Vec<SocketAddr> = match host {
        Host::Address(address) => vec![SocketAddr::new(*address, port)],
        Host::Name(name) => (name.as_str(), port).to_socket_addrs().map_err(cannot)?.collect(),
    };
    let mut failure = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(&address, time) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(cannot(failure))
}

/// Speaks first on a fresh connection.
fn connected(
    stream: TcpStream,
    ticket: &Ticket,
    purpose: &Purpose,
    patience: &Patience,
) -> Result<Line, Error> {
    let cannot = |error| Error::network("cannot speak over a connection", error);
    let line = Line::new(stream, patience.clone()).map_err(cannot)?;
    let nonce = random().map_err(|error| Error::disk("no random bytes", error))?;
    let Purpose { role, stream, attempt } = *purpose;

    let mut said = greeting().to_vec();
    let hello = Hello { agent: AGENT.to_owned(), token: None, capabilities: vec![CAPABILITY.to_owned()] };
    Request { task: TaskId::CONNECTION, ask: Ask::Hello(hello) }.write(0, &mut said);
    Word::Open { nonce, role, stream, attempt }.write(0, &mut said);
    line.write_all(&said)?;

    hear_greeting(&line)?;
    match line.hear_by(parse_answer)?.message.say {
        Say::Welcome(welcome) if welcome.capabilities.iter().any(|name| name == CAPABILITY) => {}
        Say::Welcome(_) => {
            let what = format!("{} is a blob server, and no sender or receiver: use put or get", line.peer);
            return Err(Error::new(ErrorKind::Protocol, what));
        }
        Say::Closing { message, .. } => {
            let what = format!("{} does not want to speak: {}", line.peer, message.escape_debug());
            return Err(Error::new(ErrorKind::Refused, what));
        }
        _ => return Err(line.nonsense("it answers what was not asked")),
    }
    let (listener, proof) = match line.hear()?.word {
        Word::Challenge { nonce, proof } => (nonce, proof),
        Word::Failed { failure, why } => return Err(Error::of_peer(failure, &why)),
        _ => return Err(line.nonsense("it proves nothing")),
    };
    let challenge = Challenge { connector: nonce, listener, role, stream, attempt };
    if !ticket.secret.accepts(Side::Listener, &challenge, &proof) {
        let what = format!("{} does not know this ticket: it is another one's, or an old one's", line.peer);
        return Err(Error::new(ErrorKind::Refused, what));
    }
    line.say(&Word::Proof { proof: ticket.secret.prove(Side::Connector, &challenge) })?;
    Ok(line)
}

/// Hears whoever connected, and proves that this side knows the secret once the other can be asked for its proof.
///
/// # Errors
///
/// Of kind `Refused` for a wrong proof, which the other side is told.
pub(crate) fn accept(
    stream: TcpStream,
    secret: &Secret,
    patience: &Patience,
) -> Result<(Line, Purpose), Error> {
    let cannot = |error| Error::network("cannot speak over a connection", error);
    let line = Line::new(stream, patience.clone()).map_err(cannot)?;
    hear_greeting(&line)?;
    let mut said = greeting().to_vec();
    match line.hear_by(parse_request)?.message.ask {
        Ask::Hello(hello) if hello.capabilities.iter().any(|name| name == CAPABILITY) => {
            let welcome = Welcome {
                agent: AGENT.to_owned(),
                capabilities: vec![CAPABILITY.to_owned()],
                task_count_max: 0,
                blob_size_max: 0,
            };
            Answer { task: TaskId::CONNECTION, say: Say::Welcome(welcome) }.write(0, &mut said);
        }
        _ => {
            let message = "this is no blob server: it sends or receives once, with a ticket".to_owned();
            let Closing { code, .. } = Closing { code: Code::UnknownMessage, message: String::new() };
            Answer { task: TaskId::CONNECTION, say: Say::Closing { code, message } }.write(0, &mut said);
            line.write_all(&said)?;
            line.finish_speaking();
            return Err(line.nonsense("it is a client of a blob server"));
        }
    }
    let Heard { word: Word::Open { nonce: connector, role, stream, attempt }, .. } = line.hear()? else {
        return Err(line.nonsense("it does not say what it wants"));
    };
    let listener = random().map_err(|error| Error::disk("no random bytes", error))?;
    let challenge = Challenge { connector, listener, role, stream, attempt };
    Word::Challenge { nonce: listener, proof: secret.prove(Side::Listener, &challenge) }.write(0, &mut said);
    line.write_all(&said)?;
    let Heard { word: Word::Proof { proof }, .. } = line.hear()? else {
        return Err(line.nonsense("it proves nothing"));
    };
    if !secret.accepts(Side::Connector, &challenge, &proof) {
        let why = "the ticket is another one's, or an old one's".to_owned();
        line.say_last(&Word::Failed { failure: Failure::Refused, why });
        return Err(Error::new(ErrorKind::Refused, format!("{} does not know the ticket", line.peer)));
    }
    Ok((line, Purpose { role, stream, attempt }))
}

fn hear_greeting(line: &Line) -> Result<(), Error> {
    let mut heard = [0; GREETING_LEN];
    line.read_exact(&mut heard)?;
    match parse_greeting(&heard) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(line.nonsense("its greeting is none")),
        Err(error) => Err(line.nonsense(&error.to_string())),
    }
}

/// For logs of the other side; nothing depends on it.
const AGENT: &str = concat!("aqueduct/", env!("CARGO_PKG_VERSION"));

/// A host that does not answer for so long is not tried further: another of the ticket's may be the right one.
pub(crate) const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
