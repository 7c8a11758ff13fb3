//! Fetching from any HTTP server: one file, gone on with where an earlier attempt ended.

mod body;
mod url;

use std::fs::File;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use aqueduct_flow::{Carried, SendQueue, SendRoute};
use aqueduct_sys::Readiness;
use aqueduct_wire::http1::{ContentRange, Fields, HeadWriter, ResponseFraming, ResponseHead, parse_response};
use http::{Method, StatusCode};

use super::peer::{Manner, Peer, TICK};
use crate::{Error, ErrorKind};
use body::Body;
pub(crate) use url::Url;

/// What an earlier attempt left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    /// So many bytes of the file are there.
    pub(crate) offset: u64,
    /// By what the server can tell whether it still has the same file: [`Answered::validator`] of that attempt.
    pub(crate) validator: String,
}

/// What the server has, before its first byte comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    /// From where on bytes come: 0, whatever an earlier attempt left, where the server has another file by now, or cannot tell.
    pub(crate) offset: u64,
    /// Bytes of the whole file, where the server says that.
    pub(crate) size: Option<u64>,
    /// What to go on with later, if it breaks; `None` where the server says nothing that would do.
    pub(crate) validator: Option<String>,
}

/// What came of fetching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// Bytes of the whole file.
    pub(crate) size: u64,
    /// Whether the server said where it ends. Otherwise its connection's end was taken for that, and a cut looks the same.
    pub(crate) is_end_known: bool,
    /// What carried the bytes that came now.
    pub(crate) carried: Carried,
}

/// Fetches a file. `begin` is told what the server has, and gives the file to write to: open for reading and writing, not in
/// append mode. From [`Answered::offset`] on it is written, and what is written is shown to `observe`. The gauge counts that.
///
/// # Errors
///
/// [`ErrorKind::Network`] for a connection that does not come about, or breaks: what was observed was written.
/// [`ErrorKind::Source`] for a server that has no such file; [`ErrorKind::Protocol`] for one that does not speak HTTP;
/// [`ErrorKind::Usage`] where it leads to `https`; those of `begin`, and of the disk.
pub(crate) fn fetch(
    url: &Url,
    begun: Option<&Begun>,
    begin: &mut dyn FnMut(&Answered) -> Result<Arc<File>, Error>,
    observe: &mut dyn FnMut(&[u8]),
    manner: Manner<'_>,
) -> Result<Fetched, Error> {
    let mut url = url.clone();
    for _ in 0..=REDIRECT_COUNT_MAX {
        let stream = connect(&url, manner.times.idle)?;
        let mut peer = Peer::new(&stream, manner)?;
        match ask(&mut peer, &url, begun)? {
            Reply::Elsewhere(to) => url = url.join(&to)?,
            Reply::NothingMore { size } => {
                let begun = begun.filter(|begun| begun.offset == size);
                let validator = begun.map(|begun| begun.validator.clone());
                // A shorter file than what is there is another one.
                let validator = validator.ok_or_else(|| refused(&url, "it has fewer bytes than are here"))?;
                begin(&Answered { offset: size, size: Some(size), validator: Some(validator) })?;
                return Ok(Fetched { size, is_end_known: true, carried: Carried::default() });
            }
            Reply::Bytes { answered, mut body } => {
                let file = begin(&answered)?;
                let (size, carried) = body.receive(&mut peer, &file, answered.offset, observe)?;
                if answered.size.is_some_and(|told| told != size) {
                    return Err(protocol(&url, "it sends another number of bytes than it said"));
                }
                return Ok(Fetched { size, is_end_known: body.is_end_known(), carried });
            }
        }
    }
    Err(refused(&url, "it leads on and on, from one address to another"))
}

/// The first of the addresses that answers in time.
fn connect(url: &Url, timeout: Duration) -> Result<TcpStream, Error> {
    let failed = |error| Error::network(format!("cannot connect to {}", url.authority()), error);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (url.host(), url.port()).to_socket_addrs().map_err(failed)? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

/// What a server answers.
enum Reply {
    Elsewhere(String),
    /// What is asked for would begin at its end, or behind it.
    NothingMore {
        size: u64,
    },
    Bytes {
        answered: Answered,
        body: Body,
    },
}

fn ask(peer: &mut Peer<'_>, url: &Url, begun: Option<&Begun>) -> Result<Reply, Error> {
    let begun = begun.filter(|begun| begun.offset > 0);
    let head = HeadWriter::request(&Method::GET, url.target())
        .field("Host", url.authority())
        .field("User-Agent", concat!("aqueduct/", env!("CARGO_PKG_VERSION")))
        .field("Accept", "*/*")
        // Other bytes than those of the file are of no use.
        .field("Accept-Encoding", "identity")
        .field("Connection", "close");
    let head = match begun {
        Some(Begun { offset, validator }) => {
            head.field("Range", format_args!("bytes={offset}-")).field("If-Range", validator)
        }
        None => head,
    };
    let mut queue = SendQueue::to_socket(SendRoute::Copy);
    queue.push_memory(head.finish());
    peer.send(&mut queue, false)?;
    let mut inbox = Vec::new();
    let deadline = peer.deadline();
    loop {
        let parsed = parse_response(&inbox, &Method::GET)
            .map_err(|error| protocol(url, "what it answers is no HTTP").because(error))?;
        match parsed {
            // What comes before the answer proper.
            Some((head, len)) if head.status.is_informational() => drop(inbox.drain(..len)),
            Some((head, len)) => {
                let reply = understand(url, &head, begun)?;
                return Ok(reply.with_rest(&inbox[len..]));
            }
            None if deadline.has_passed() => return Err(peer.late()),
            None => {
                let mut room = [0; FILL_LEN];
                match peer.read(&mut room)? {
                    Some(0) => {
                        let what = format!("{} ended the connection without an answer", url.authority());
                        return Err(Error::new(ErrorKind::Network, what));
                    }
                    Some(len) => inbox.extend_from_slice(&room[..len]),
                    None => drop(peer.wait(&[Readiness::Readable], TICK)?),
                }
            }
        }
    }
}

fn understand(url: &Url, head: &ResponseHead<'_>, begun: Option<&Begun>) -> Result<Reply, Error> {
    let content_range = head.fields.first("content-range");
    match head.status {
        StatusCode::OK => {
            let size = match head.framing {
                ResponseFraming::Length(size) => Some(size),
                _ => None,
            };
            let answered = Answered { offset: 0, size, validator: validator(&head.fields) };
            Ok(Reply::Bytes { answered, body: Body::new(head.framing) })
        }
        StatusCode::PARTIAL_CONTENT => {
            let range = content_range.and_then(ContentRange::parse);
            let Some((begun, range)) = begun.zip(range).filter(|(begun, it)| it.range.start == begun.offset)
            else {
                return Err(protocol(url, "it sends another part than was asked for"));
            };
            let found = validator(&head.fields);
            // Not every server knows If-Range.
            if found.as_ref().is_some_and(|found| *found != begun.validator) {
                return Err(refused(url, "it has another file by now"));
            }
            let answered = Answered {
                offset: begun.offset,
                size: Some(range.range.end).filter(|end| range.size.is_none_or(|size| size == *end)),
                validator: found.or_else(|| Some(begun.validator.clone())),
            };
            if answered.size.is_none() {
                return Err(protocol(url, "it sends less than was asked for"));
            }
            Ok(Reply::Bytes { answered, body: Body::new(head.framing) })
        }
        StatusCode::RANGE_NOT_SATISFIABLE if begun.is_some() => {
            let size =
                content_range.and_then(|it| str::from_utf8(it).ok()?.strip_prefix("bytes */")?.parse().ok());
            size.map(|size| Reply::NothingMore { size })
                .ok_or_else(|| protocol(url, "it does not say how large its file is"))
        }
        status if status.is_redirection() => {
            let to = head.fields.first("location").and_then(|to| str::from_utf8(to).ok());
            to.map(|to| Reply::Elsewhere(to.to_owned()))
                .ok_or_else(|| protocol(url, "it leads elsewhere, and does not say where"))
        }
        status => Err(refused(url, &format!("it answers {status}"))),
    }
}

impl Reply {
    /// With what has come of the body already.
    fn with_rest(self, rest: &[u8]) -> Self {
        match self {
            Self::Bytes { answered, body } => Self::Bytes { answered, body: body.with_rest(rest) },
            other => other,
        }
    }
}

/// What tells a file from another under the same address: a strong tag, or a date that is one by RFC 9110 section 8.8.2.2.
fn validator(fields: &Fields<'_>) -> Option<String> {
    let text = |name| str::from_utf8(fields.first(name)?).ok();
    let is_sayable =
        |text: &&str| text.len() <= VALIDATOR_LEN_MAX && !text.contains(|c: char| c.is_control());
    let tag = text("etag").filter(|tag| tag.starts_with('"')).filter(is_sayable);
    if let Some(tag) = tag {
        return Some(tag.to_owned());
    }
    let changed = text("last-modified").filter(is_sayable)?;
    let said = httpdate::parse_http_date(text("date")?).ok()?;
    let age = said.duration_since(httpdate::parse_http_date(changed).ok()?).ok()?;
    (age >= Duration::from_secs(1)).then(|| changed.to_owned())
}

fn protocol(url: &Url, what: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("{}: {what}", url.authority()))
}

fn refused(url: &Url, what: &str) -> Error {
    Error::new(ErrorKind::Source, format!("{url}: {what}"))
}

/// As many as some browsers follow are twenty; more than two are a mistake.
const REDIRECT_COUNT_MAX: u32 = 5;

/// A head is mostly shorter.
const FILL_LEN: usize = 4 << 10;

/// It is kept, and said again.
const VALIDATOR_LEN_MAX: usize = 1024;

#[cfg(test)]
mod tests;
