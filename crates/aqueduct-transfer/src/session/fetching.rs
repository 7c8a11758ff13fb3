//! From an HTTP server that knows nothing of transfers.

use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use aqueduct_blob::{Algorithm, Hasher};
use aqueduct_wire::transfer::{Entry, EntryId, Kind, Meta};

use super::Session;
use super::receiving::begin_landing;
use crate::door::{Answered, Begun, Manner, Url, fetch};
use crate::landing::{Arriving, Landing};
use crate::receiver::Receiver;
use crate::{Error, ErrorKind, Event, Phase, Proof, Report, Where};

/// Fetches one file. Where the connection is lost, and the server can tell that it still has the same file, it goes on.
pub(super) fn fetch_from(receiver: &Receiver<'_>, session: &Session<'_>, url: &str) -> Result<Report, Error> {
    let began = Instant::now();
    let receive = receiver.receive;
    if receive.to == Where::Stdout {
        let what =
            "standard output is of no use here: what comes is to be looked at before it is believed; -o FILE";
        return Err(Error::new(ErrorKind::Usage, what));
    }
    let url: Url = url.parse()?;
    // A path that ends in a slash names nothing.
    let name = url.name().unwrap_or_else(|| b"received".to_vec());
    session.gauge.begin_attempt();
    session.watch.hear(&Event::Phase(Phase::Connect));
    let mut fetching = Fetching::new(receiver, session, name.clone());
    let mut count = 0;
    let fetched = loop {
        let failed = match fetching.once(&url) {
            Ok(fetched) => break fetched,
            Err(error) => error,
        };
        if failed.kind() != ErrorKind::Network || fetching.landing.is_none() {
            return Err(failed);
        }
        count = if fetching.has_moved { 1 } else { count + 1 };
        if count > session.options.times.retry_count_max {
            return Err(failed);
        }
        session.pause(count, &failed)?;
    };
    let Fetching { hasher, landing, arriving, .. } = fetching;
    let (Some(landing), Some(arriving)) = (landing, arriving) else {
        return Err(Error::new(ErrorKind::Protocol, "the server answered without a file"));
    };
    arriving.finish(fetched.size)?;
    let digest = hasher.finish().digest;
    if receive.expected.is_some_and(|expected| expected != digest) {
        return Err(Error::new(
            ErrorKind::Mismatch,
            format!("what came is {digest}, and not what was expected"),
        ));
    }
    if receive.expected_size.is_some_and(|expected| expected != fetched.size) {
        return Err(Error::new(
            ErrorKind::Mismatch,
            format!("{} bytes came, and others were expected", fetched.size),
        ));
    }
    if !fetched.is_end_known && receive.expected.is_none() && receive.expected_size.is_none() {
        session.watch.hear(&Event::Note("the server did not say how long it is: a cut would look the same"));
    }
    session.watch.hear(&Event::Phase(Phase::Sync));
    let landed = landing.finish()?;
    let path = landed.names.into_iter().next().map(|(_, path)| crate::path_bytes(path));
    Ok(Report {
        name: path.unwrap_or(name),
        file_count: 1,
        failed_count: 0,
        size: fetched.size,
        resumed: 0,
        digest: Some(digest),
        proof: if receive.expected.is_some() { Proof::Digest } else { Proof::Nothing },
        is_synced: landed.is_synced,
        carried: fetched.carried,
        elapsed: began.elapsed(),
        peer: None,
        streams: 1,
    })
}

/// A file that is being fetched.
struct Fetching<'a> {
    receiver: &'a Receiver<'a>,
    session: &'a Session<'a>,
    name: Vec<u8>,
    hasher: Hasher,
    validator: Option<String>,
    landing: Option<Landing>,
    arriving: Option<Arc<Arriving>>,
    /// Whether the last try brought anything.
    has_moved: bool,
}

impl<'a> Fetching<'a> {
    fn new(receiver: &'a Receiver<'a>, session: &'a Session<'a>, name: Vec<u8>) -> Self {
        let algorithm = receiver.receive.expected.map_or(Algorithm::Sha256, |digest| digest.algorithm());
        let hasher = Hasher::new(algorithm);
        Self {
            receiver,
            session,
            name,
            hasher,
            validator: None,
            landing: None,
            arriving: None,
            has_moved: false,
        }
    }

    fn once(&mut self, url: &Url) -> Result<crate::door::Fetched, Error> {
        let Self { receiver, session, name, hasher, validator, landing, arriving, has_moved } = self;
        let manner = Manner {
            times: &session.options.times,
            throttle: receiver.throttle.as_ref(),
            stop: &session.options.stop,
            until: session.patience.until,
            gauge: session.gauge,
        };
        let begun = validator.take().map(|validator| Begun { offset: hasher.size(), validator });
        let algorithm = hasher_algorithm(receiver);
        let before = hasher.size();
        let shared = std::cell::RefCell::new(hasher);
        let mut begin = |answered: &Answered| -> Result<Arc<File>, Error> {
            session.watch.hear(&Event::Phase(Phase::Transfer));
            validator.clone_from(&answered.validator);
            if let Some(size) = answered.size {
                session.gauge.set_total(size);
            }
            if answered.offset == 0 {
                **shared.borrow_mut() = Hasher::new(algorithm);
            }
            let arriving = match arriving {
                Some(arriving) => arriving,
                None => {
                    let begun = begin_landing(receiver, &receiver.receive.to, &entry(name))?;
                    let file = begun.file(&entry(name))?;
                    *landing = Some(begun);
                    let there = || Error::new(ErrorKind::Exists, "what is there already was to stay");
                    arriving.insert(file.ok_or_else(there)?)
                }
            };
            let file = arriving.file()?.try_clone();
            file.map(Arc::new).map_err(|error| Error::disk("cannot open a file twice", error))
        };
        let mut observe = |bytes: &[u8]| shared.borrow_mut().update(bytes);
        let fetched = fetch(url, begun.as_ref(), &mut begin, &mut observe, manner);
        *has_moved = shared.borrow().size() > before;
        fetched
    }
}

fn hasher_algorithm(receiver: &Receiver<'_>) -> Algorithm {
    receiver.receive.expected.map_or(Algorithm::Sha256, |digest| digest.algorithm())
}

fn entry(name: &[u8]) -> Entry {
    let meta = Meta { mode: 0o644, ..Meta::default() };
    Entry { id: EntryId(1), parent: EntryId::ROOT, name: name.to_vec(), meta, kind: Kind::Stream }
}
