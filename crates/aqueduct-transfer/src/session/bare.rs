//! Whoever verifies nothing: bare bytes, and HTTP.

use std::io::Read;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aqueduct_blob::{Algorithm, Digest, parallel};
use aqueduct_flow::Carried;
use aqueduct_sys::pread;
use aqueduct_wire::transfer::Identity;

use super::Session;
use crate::door::{Given, Manner, RawSource, Shelf, send_raw};
use crate::meet::CONNECT_TIME_MAX;
use crate::sender::Sender;
use crate::sender::stdin::has_input;
use crate::source::SourceFile;
use crate::{Error, ErrorKind, Event, Phase, Proof, Report, What};

/// Connects to whoever listens for bare bytes.
pub(super) fn connect(host: &str, port: u16) -> Result<TcpStream, Error> {
    let cannot = |error| Error::network(format!("cannot connect to {host} port {port}"), error);
    let mut failure = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in (host, port).to_socket_addrs().map_err(cannot)? {
        match TcpStream::connect_timeout(&address, CONNECT_TIME_MAX) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(cannot(failure))
}

/// Sends the one file, or standard input, as bare bytes.
pub(super) fn send(sender: &Sender<'_>, session: &Session<'_>, stream: &TcpStream) -> Result<Report, Error> {
    let began = Instant::now();
    let manner = manner(sender, session);
    session.gauge.begin_attempt();
    let (sent, digest) = match &sender.send.what {
        What::Stdin => {
            let mut stdin = Hashing {
                inner: std::io::stdin().lock(),
                has_read: &sender.has_read,
                hasher: aqueduct_blob::Hasher::new(ALGORITHM),
            };
            let sent = send_raw(stream, RawSource::Reader(&mut stdin), manner)
                .map_err(|error| sender.once(error))?;
            (sent, stdin.hasher.finish().digest)
        }
        What::Paths(_) => {
            let file = single(sender)?;
            session.gauge.set_total(file.size());
            let opened = file.open()?;
            let sent = send_raw(stream, RawSource::File(Arc::clone(opened.file()), file.size()), manner)?;
            (sent, digest_of(session, &file)?)
        }
    };
    let report = report(sender.send.name(), sent.size, Some(digest), sent.carried, began.elapsed(), stream);
    accept_unverified(sender, report)
}

/// Answers one HTTP connection. `Some` once one receiver has everything.
pub(super) fn serve(
    sender: &Sender<'_>,
    session: &Session<'_>,
    shelf: &Shelf,
    stream: &TcpStream,
    closing: &AtomicBool,
) -> Result<Option<Report>, Error> {
    let manner = Manner { stop: closing, ..manner(sender, session) };
    let given = shelf.serve(stream, manner, session.watch)?;
    given.map(|given| report_given(sender, session, &given, stream)).transpose()
}

/// What is told of a receiver that was given everything by HTTP, at the end on `stream`.
fn report_given(
    sender: &Sender<'_>,
    session: &Session<'_>,
    given: &Given,
    stream: &TcpStream,
) -> Result<Report, Error> {
    let digest = match given.identity.map_or(Ok(None), |identity| digest_given(sender, session, identity)) {
        Ok(digest) => digest,
        // It is there, whatever has become of the source.
        Err(error) => {
            let why = crate::error::with_causes(&error);
            session.watch.hear(&Event::Note(&format!("nobody knows the digest of what was sent: {why}")));
            None
        }
    };
    let report = report(sender.send.name(), given.size, digest, given.carried, given.elapsed, stream);
    let report = Report { file_count: given.file_count, failed_count: given.left_count, ..report };
    accept_unverified(sender, report)
}

/// The digest of the one file that is sent, as long as it is the one that was given; `None` for a tree.
fn digest_given(
    sender: &Sender<'_>,
    session: &Session<'_>,
    given: Identity,
) -> Result<Option<Digest>, Error> {
    let Some(file) = sender.send.single_file()? else { return Ok(None) };
    if file.identity() != given {
        return Err(changed(&file));
    }
    digest_of(session, &file).map(Some)
}

fn manner<'a>(sender: &'a Sender<'_>, session: &Session<'a>) -> Manner<'a> {
    Manner {
        times: &session.options.times,
        throttle: sender.throttle.as_ref(),
        stop: &session.options.stop,
        until: session.patience.until,
        gauge: session.gauge,
    }
}

/// Success, unless somebody wanted it verified.
fn accept_unverified(sender: &Sender<'_>, report: Report) -> Result<Report, Error> {
    if sender.send.require_verify {
        let what = "everything was sent and acknowledged, and the other side could not verify it";
        return Err(Error::new(ErrorKind::Unverified, what));
    }
    Ok(report)
}

/// The one file that is sent.
fn single(sender: &Sender<'_>) -> Result<SourceFile, Error> {
    let several =
        || Error::new(ErrorKind::Usage, "bare bytes are one file; a tree has to be packed, as tar does");
    sender.send.single_file()?.ok_or_else(several)
}

/// What the receiver may compare: SHA-256, since every machine has a program for it.
fn digest_of(session: &Session<'_>, file: &SourceFile) -> Result<Digest, Error> {
    session.watch.hear(&Event::Phase(Phase::Verify));
    let opened = file.open()?;
    let read = |offset, buffer: &mut [u8]| read_exact_at(opened.file(), buffer, offset);
    let hashed = parallel::hash(ALGORITHM, file.size(), THREADS, read)
        .map_err(|error| Error::source_file(format!("cannot read {}", file.path().display()), error))?;
    if !opened.is_unchanged().unwrap_or(false) {
        return Err(changed(file));
    }
    Ok(hashed.digest)
}

fn changed(file: &SourceFile) -> Error {
    Error::new(ErrorKind::Changed, format!("{} changed while it was sent", file.path().display()))
}

fn read_exact_at(file: &std::fs::File, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        match pread(file, &mut buffer[filled..], offset + filled as u64)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            len => filled += len,
        }
    }
    Ok(())
}

fn report(
    name: Vec<u8>,
    size: u64,
    digest: Option<Digest>,
    carried: Carried,
    elapsed: Duration,
    stream: &TcpStream,
) -> Report {
    Report {
        name,
        file_count: 1,
        failed_count: 0,
        size,
        resumed: 0,
        digest,
        proof: Proof::Acknowledged,
        is_synced: false,
        carried,
        elapsed,
        peer: stream.peer_addr().ok().map(crate::line::canonical),
        streams: 1,
    }
}

/// Standard input, hashed on its way; where there is nothing yet, it says so after a while.
struct Hashing<'a, R> {
    inner: R,
    has_read: &'a AtomicBool,
    hasher: aqueduct_blob::Hasher,
}

impl<R: Read> Read for Hashing<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if !has_input().map_err(std::io::Error::other)? {
            return Err(std::io::ErrorKind::WouldBlock.into());
        }
        self.has_read.store(true, Ordering::Relaxed);
        let len = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..len]);
        Ok(len)
    }
}

const ALGORITHM: Algorithm = Algorithm::Sha256;

/// A chain is hashed by one.
const THREADS: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN;

#[cfg(test)]
mod tests;
