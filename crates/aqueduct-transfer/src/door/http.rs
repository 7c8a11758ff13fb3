//! What a sender answers to `curl`, `wget` and browsers: files, listings, and all of it as a tar stream.
//!
//! Everything is below a path that only those know who were given it. What is found there is looked for at each request, so
//! that a program that fetches in parts, or in parallel, or goes on later, gets what it asks for; what it has got of each
//! file is added up.

mod answer;
mod asked;
mod delivered;
mod files;
mod listing;
mod tarball;

use std::net::TcpStream;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aqueduct_flow::Carried;
use aqueduct_wire::http1::{decode_name, encode_name};
use aqueduct_wire::transfer::{Identity, Kind};
use http::{Method, StatusCode};

use super::peer::{Manner, Peer};
use crate::error::with_causes;
use crate::line::canonical;
use crate::source::{Found, Look, Seen, Walk};
use crate::ticket::base32;
use crate::{Error, ErrorKind, Event, Preserve, Watch};
use answer::Answer;
use asked::{Asked, Heard, Inbox};
use delivered::{Contents, Delivered, FILE_COUNT_MAX, Turn, Wanted};

/// What one receiver may fetch by HTTP.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// The first name of every path, which nobody can guess.
    capability: String,
    path: String,
    look: Look,
    paths: Vec<PathBuf>,
    exclude: Vec<String>,
    /// The name of everything as a tar stream; `None` for a single file.
    tar_name: Option<Vec<u8>>,
    delivered: Mutex<Delivered>,
    /// Held by whoever finds out what is wanted; the others wait for that, and not at `delivered`.
    finding: Mutex<()>,
    /// Whether somebody has asked for it who knows the path.
    is_known: AtomicBool,
}

/// All that one receiver was given, at one connection or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// Files.
    pub(crate) file_count: u64,
    /// What had to be left out. Each was told as an event.
    pub(crate) left_count: u64,
    /// Bytes of the files.
    pub(crate) size: u64,
    /// Which file it was, if it was one alone that was given by itself.
    pub(crate) identity: Option<Identity>,
    /// What carried it, but for what was put together in memory.
    pub(crate) carried: Carried,
    /// How long that took, from the first request for bytes.
    pub(crate) elapsed: Duration,
}

impl Shelf {
    /// Offers `paths` below a path made of `capability`.
    ///
    /// # Errors
    ///
    /// Those of [`Walk::new`].
    pub(crate) fn new(capability: [u8; 16], paths: &[PathBuf], exclude: &[String]) -> Result<Self, Error> {
        let look = Look::new(paths, exclude)?;
        let capability = base32(&capability);
        let names: Vec<Vec<u8>> = look.names().map(<[u8]>::to_vec).collect();
        let tar_name = match &names[..] {
            [name] => match look.at(&names)? {
                Some(Seen::Directory(_)) => Some([name, &b".tar"[..]].concat()),
                _ => None,
            },
            _ => {
                let mut name = b"all.tar".to_vec();
                while names.contains(&name) {
                    name.extend(b".tar");
                }
                Some(name)
            }
        };
        let path = format!("/{capability}/{}", encode_name(tar_name.as_ref().unwrap_or(&names[0])));
        Ok(Self {
            capability,
            path,
            look,
            paths: paths.to_vec(),
            exclude: exclude.to_vec(),
            tar_name,
            delivered: Mutex::default(),
            finding: Mutex::default(),
            is_known: AtomicBool::new(false),
        })
    }

    /// The path of all there is, as `curl` may be given it: the file, or the tar stream. Up to its last slash it is that of a
    /// listing.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// All that one receiver was given, once that is complete, and once: what is given from now on is the next one's. Tells
    /// what of the tree was left out, where that is not told yet.
    fn take_given(&self, watch: &dyn Watch) -> Option<Given> {
        self.find_wanted();
        let mut delivered = self.delivered();
        let Contents { file_count, left_count, size } = delivered.all()?;
        let taken = delivered.take();
        self.is_known.store(false, Ordering::Relaxed);
        drop(delivered);
        if taken.tar().is_none() {
            for (path, why) in taken.wanted.iter().flat_map(|wanted| &wanted.left) {
                watch.hear(&Event::Left { path, why });
            }
        }
        let elapsed = taken.began.map_or(Duration::ZERO, |began| began.elapsed());
        let (identity, carried) = (taken.only(), taken.carried);
        Some(Given { file_count, left_count, size, identity, carried, elapsed })
    }

    /// Answers what is asked on a connection, until it ends or all was given: to whichever connection finds that, what one
    /// receiver was given is answered, with what came over others. The gauge counts bytes of files that were acknowledged, each
    /// once, or those of the tar stream.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Changed`] where a file changed while it was sent: its answer is cut short. [`ErrorKind::Network`] for a
    /// connection that was lost: what was acknowledged counts, and another connection may go on.
    pub(crate) fn serve(
        &self,
        stream: &TcpStream,
        manner: Manner<'_>,
        watch: &dyn Watch,
    ) -> Result<Option<Given>, Error> {
        let mut peer = Peer::new(stream, manner)?;
        let answered = self.answer_all(&mut peer, watch);
        // Before the connection ends, which may take its time: the next receiver may be there already.
        let given = self.take_given(watch);
        let ended = answered.and_then(|()| match peer.finish() {
            // What was given was acknowledged before.
            Err(error) if error.kind() == ErrorKind::Network => Ok(()),
            finished => finished,
        });
        // Who has everything may break off as it likes.
        if given.is_some() { Ok(given) } else { ended.map(|()| None) }
    }

    fn answer_all(&self, peer: &mut Peer<'_>, watch: &dyn Watch) -> Result<(), Error> {
        let mut inbox = Inbox::default();
        loop {
            match inbox.next(peer)? {
                Heard::End => return Ok(()),
                Heard::Nonsense(status, error) => {
                    return Answer::refusal(status, &error.to_string()).send(peer, None);
                }
                Heard::Asked(asked) => {
                    self.answer(peer, &asked, watch)?;
                    // Looked for in any case: what all there is consists of is found out before it is gone.
                    if self.is_complete() || !asked.keeps_alive {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Answers one request.
    fn answer(&self, peer: &mut Peer<'_>, asked: &Asked, watch: &dyn Watch) -> Result<(), Error> {
        if !matches!(asked.method, Method::GET | Method::HEAD) {
            let refusal = Answer::refusal(StatusCode::METHOD_NOT_ALLOWED, "ask with GET or HEAD");
            return refusal.field("Allow", "GET, HEAD").send(peer, Some(asked));
        }
        let Some(place) = self.place(&asked.path) else { return not_found(peer, asked) };
        self.meet(peer, watch);
        let is_tar = matches!(&place.names[..], [name] if Some(name) == self.tar_name.as_ref());
        if is_tar && !place.is_directory {
            return self.send_tar(peer, asked, watch);
        }
        let seen = match self.look.at(&place.names) {
            Ok(seen) => seen,
            Err(why) => {
                let path = place.names.join(&b'/');
                watch.hear(&Event::Left { path: &path, why: &why.to_string() });
                let refusal = Answer::refusal(StatusCode::FORBIDDEN, "this cannot be read");
                return refusal.send(peer, Some(asked));
            }
        };
        match seen {
            Some(Seen::Directory(items)) if place.is_directory => {
                let tar = self.tar_name.as_deref().filter(|_| place.names.is_empty());
                listing::answer(&place.names, &items, tar).send(peer, Some(asked))?;
            }
            // The links of a listing begin where its path ends.
            Some(Seen::Directory(_)) => {
                let to = match place.names.last() {
                    Some(name) => format!("{}/", encode_name(name)),
                    None => format!("{}/", self.capability),
                };
                Answer::refusal(StatusCode::MOVED_PERMANENTLY, "it is a directory")
                    .field("Location", to)
                    .send(peer, Some(asked))?;
            }
            Some(Seen::File { opened, identity, stat }) if !place.is_directory => {
                let file = files::Shown { names: &place.names, opened, identity, mtime: stat.mtime };
                self.send_file(peer, asked, &file)?;
            }
            _ => return not_found(peer, asked),
        }
        Ok(())
    }

    /// What a path leads to; `None` for one that is not below the capability, or could lead elsewhere.
    fn place(&self, path: &str) -> Option<Place> {
        let rest = path.strip_prefix('/')?;
        let (first, rest) = match rest.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (rest, None),
        };
        // Hashes are compared in the same time wherever they differ.
        if blake3::hash(first.as_bytes()) != blake3::hash(self.capability.as_bytes()) {
            return None;
        }
        let Some(rest) = rest else { return Some(Place { names: Vec::new(), is_directory: false }) };
        if rest.is_empty() {
            return Some(Place { names: Vec::new(), is_directory: true });
        }
        let (rest, is_directory) = match rest.strip_suffix('/') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let names: Vec<Vec<u8>> = rest.split('/').map(decode_name).collect::<Option<_>>()?;
        Some(Place { names, is_directory })
    }

    /// Tells, once, that somebody is there who knows the path.
    fn meet(&self, peer: &Peer<'_>, watch: &dyn Watch) {
        if let Ok(address) = peer.stream.peer_addr().map(canonical)
            && !self.is_known.swap(true, Ordering::Relaxed)
        {
            watch.hear(&Event::Connected { peer: address, dialect: "http" });
        }
    }

    /// Bytes are about to be given, to the receiver whose turn it is.
    fn begin(&self) -> Turn {
        let mut delivered = self.delivered();
        delivered.began.get_or_insert_with(Instant::now);
        delivered.next_turn()
    }

    /// Where what `peer` was given counts, with what carried it: whoever finds that to be all finds the routes, too. Nowhere,
    /// where the receiver whose turn it was has everything.
    fn deliver(&self, peer: &mut Peer<'_>, turn: Turn) -> Option<MutexGuard<'_, Delivered>> {
        let mut delivered = self.delivered();
        let carried = peer.take_carried();
        if delivered.turn != turn {
            return None;
        }
        delivered.carried += carried;
        Some(delivered)
    }

    /// A tar stream that began at `began` was given to its end: whoever has it has everything, and nobody else a part of it.
    fn deliver_tar(&self, peer: &mut Peer<'_>, began: Instant, contents: Contents) {
        let mut delivered = self.delivered();
        delivered.carried += peer.take_carried();
        delivered.began.get_or_insert(began);
        delivered.add_tar(contents);
    }

    fn delivered(&self) -> MutexGuard<'_, Delivered> {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether everything was given and acknowledged: the single file; the tar stream; or every file of the tree.
    fn is_complete(&self) -> bool {
        self.find_wanted();
        self.delivered().all().is_some()
    }

    /// Finds out, where it has to be, what all there is consists of. Nobody waits for that in the middle of an answer.
    fn find_wanted(&self) {
        if !self.delivered().needs_wanted() {
            return;
        }
        let _finding = self.finding.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = {
            let delivered = self.delivered();
            // Somebody has found it out meanwhile.
            if !delivered.needs_wanted() {
                return;
            }
            delivered.turn
        };
        // One file is all there is, even where it is gone by now. A walk that fails is tried again.
        let is_single = self.tar_name.is_none();
        let found = if is_single { Some(Wanted::default()) } else { self.files().ok() };
        let mut delivered = self.delivered();
        if delivered.turn == turn {
            delivered.wanted = found;
        }
    }

    /// All files, for whoever fetches them one by one.
    fn files(&self) -> Result<Wanted, Error> {
        let mut wanted = Wanted::default();
        let mut paths = tarball::Paths::default();
        for found in Walk::new(&self.paths, &Preserve::default(), &self.exclude)? {
            match found {
                Found::Entry { entry, .. } => {
                    let path = paths.of(&entry);
                    if matches!(entry.kind, Kind::Regular { .. }) {
                        wanted.files.insert(path);
                    }
                }
                Found::Left { path, why } => {
                    wanted.left.push((path.into_os_string().into_vec(), with_causes(&why)));
                }
            }
            if wanted.files.len().max(wanted.left.len()) > FILE_COUNT_MAX {
                return Ok(Wanted { is_too_much: true, ..Wanted::default() });
            }
        }
        Ok(wanted)
    }
}

/// What a path leads to: names, and whether a slash ended it.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    names: Vec<Vec<u8>>,
    is_directory: bool,
}

/// The same whatever was asked for, so that nobody learns which part of a path is wrong.
fn not_found(peer: &mut Peer<'_>, asked: &Asked) -> Result<(), Error> {
    Answer::refusal(StatusCode::NOT_FOUND, "nothing is here").send(peer, Some(asked))
}

#[cfg(test)]
mod tests;
