//! What is to be sent or received, and how.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aqueduct_blob::{Algorithm, Digest};
pub use aqueduct_wire::transfer::Verify;
use aqueduct_wire::transfer::limits::STREAM_COUNT_MAX;

use crate::sender::STDIN_NAME;
use crate::source::{Found, SourceFile, Walk};
use crate::{Error, Ticket};

/// What `aqueduct send` was asked to do.
#[derive(Clone, Debug)]
pub struct Send {
    /// What is sent.
    pub what: What,
    /// To whom.
    pub to: Peer,
    /// Under which algorithm files get their digests.
    pub algorithm: Algorithm,
    /// How the receiver finds out that it has the right bytes.
    pub verify: Verify,
    /// What of a file is kept beside its bytes.
    pub preserve: Preserve,
    /// Whether a receiver that cannot verify, such as `nc` or `curl`, is a failure.
    pub require_verify: bool,
    /// To how many receivers, one after the other; `None` is until it is told to stop.
    pub count: Option<NonZeroU32>,
    /// Names that are left out, as shells match them: `*` and `?`, against a name or, if they have a slash, against the path
    /// below what was named. One that ends in a slash is for directories alone.
    pub exclude: Vec<String>,
    /// Where what was hashed is remembered; `None` remembers nothing.
    pub cache: Option<PathBuf>,
    /// What both sides have.
    pub options: Options,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Files and trees; at least one.
    Paths(Vec<PathBuf>),
    /// Standard input, to its end.
    Stdin,
}

/// What `aqueduct recv` was asked to do.
#[derive(Clone, Debug)]
pub struct Receive {
    /// From whom.
    pub from: Peer,
    /// To which place.
    pub to: Where,
    /// What to do where something is there already.
    pub existing: Existing,
    /// What of a file is kept beside its bytes.
    pub preserve: Preserve,
    /// Whether it is on the medium when this ends.
    pub sync: Sync,
    /// Whether what an earlier attempt left is hashed again before it is believed.
    pub recheck: bool,
    /// Whether an earlier attempt is gone on with; else it is thrown away.
    pub resume: bool,
    /// From how many senders, one after the other; `None` is until it is told to stop.
    pub count: Option<NonZeroU32>,
    /// What bytes that come without a word about them must be: from `nc`.
    pub expected: Option<Digest>,
    /// How many bytes these must be.
    pub expected_size: Option<u64>,
    /// What both sides have.
    pub options: Options,
}

/// Where what is received goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// Into this directory, under its own name.
    Directory(PathBuf),
    /// One file or tree, under this name.
    Path(PathBuf),
    /// Standard output: one file or stream.
    Stdout,
}

/// Whom to speak to.
#[derive(Clone, Debug)]
pub enum Peer {
    /// Whoever connects and knows the ticket.
    Listen(Listen),
    /// Whoever made this ticket.
    Ticket(Ticket),
    /// Bare bytes over TCP, as `nc HOST PORT` would.
    Raw {
        /// A name or an address.
        host: String,
        /// The port.
        port: u16,
    },
    /// Any HTTP server: to receive from.
    Http(String),
}

/// How to listen.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Where; port 0 is any.
    pub address: SocketAddr,
    /// What the ticket says to connect to, where that is none of this machine's addresses.
    pub advertise: Vec<String>,
    /// Whether `nc` is spoken to: whoever connects and is silent is sent the bytes, or whoever sends something else is
    /// taken at its word. Nothing is proven and nothing verified then.
    pub raw: bool,
}

/// What both sides have.
#[derive(Clone, Debug)]
pub struct Options {
    /// Over how many connections.
    pub streams: Streams,
    /// At most so many bytes a second, over all connections.
    pub rate: Option<NonZeroU64>,
    /// How long things may take.
    pub times: Times,
    /// Finds out what would happen, and does nothing.
    pub dry_run: bool,
    /// Set by somebody who wants it to end soon; looked at several times a second.
    pub stop: Arc<AtomicBool>,
}

impl Send {
    /// Whether there is one path alone. Where it is a file, its digest is worth telling.
    pub(crate) fn is_single(&self) -> bool {
        matches!(&self.what, What::Paths(paths) if paths.len() == 1)
    }

    /// Over how many connections to send one file of `size` bytes, or, where that is not known, all there is.
    pub(crate) fn stream_count(&self, size: Option<u64>) -> u32 {
        // Cores share what is hashed, unless it is a chain. Threads that only write to one file wait for each other.
        let is_shared = match self.verify {
            Verify::Full => self.algorithm == Algorithm::Blake3,
            Verify::Wire => true,
            Verify::None => false,
        };
        match self.options.streams {
            Streams::Auto if size.is_some() && !is_shared => 1,
            _ => self.options.stream_count(size),
        }
    }

    /// What to call all of it: the first name.
    pub(crate) fn name(&self) -> Vec<u8> {
        let What::Paths(paths) = &self.what else { return STDIN_NAME.to_vec() };
        let walk = Walk::new(paths, &self.preserve, &self.exclude).ok();
        walk.and_then(|walk| walk.names().first().cloned()).unwrap_or_default()
    }

    /// The one file that is sent, if it is one.
    ///
    /// # Errors
    ///
    /// Where that cannot be read.
    pub(crate) fn single_file(&self) -> Result<Option<SourceFile>, Error> {
        let What::Paths(paths) = &self.what else { return Ok(None) };
        if paths.len() > 1 {
            return Ok(None);
        }
        match Walk::new(paths, &self.preserve, &self.exclude)?.next() {
            Some(Found::Entry { file, .. }) => Ok(file),
            Some(Found::Left { why, .. }) => Err(why),
            None => Ok(None),
        }
    }
}

impl Options {
    /// Over how many connections to move `size` bytes, if that is known.
    pub(crate) fn stream_count(&self, size: Option<u64>) -> u32 {
        match self.streams {
            Streams::Count(count) => count.get().min(STREAM_COUNT_MAX),
            Streams::Auto if size.is_some_and(|size| size < STREAMS_LEN_MIN) => 1,
            Streams::Auto => {
                let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
                u32::try_from(cores).unwrap_or(STREAMS_AUTO_MAX).clamp(1, STREAMS_AUTO_MAX)
            }
        }
    }
}

/// Below this one connection is as fast as two.
const STREAMS_LEN_MIN: u64 = 64 * 1024 * 1024;

/// More are of use where the way is long and lossy alone, and are asked for then.
const STREAMS_AUTO_MAX: u32 = 4;

/// Over how many connections bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// As many as measured best.
    Auto,
    /// This many.
    Count(NonZeroU32),
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How long the other side may be silent.
    pub idle: Duration,
    /// How often a connection is tried again without a byte of progress.
    pub retry_count_max: u32,
    /// The whole transfer.
    pub deadline: Option<Duration>,
}

impl Default for Times {
    fn default() -> Self {
        Self { idle: Duration::from_secs(15), retry_count_max: 10, deadline: None }
    }
}

/// What to do where something has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Fail, unless it is the same file with the same bytes.
    Refuse,
    /// Replace files, and merge directories.
    Replace,
    /// Give what comes another name: `NAME-1`.
    KeepBoth,
    /// Leave what is there, and take the rest.
    Skip,
}

/// How far what was received is on the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Nothing is waited for.
    None,
    /// The bytes of files, and the directories that name them.
    Data,
    /// As `Data`, with times and modes.
    Full,
}

/// What of a file is kept beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preserve {
    /// Permission bits; otherwise the umask decides.
    pub mode: bool,
    /// When it was changed.
    pub mtime: bool,
    /// Symbolic links as they are; otherwise what they lead to.
    pub symlinks: bool,
    /// Holes.
    pub sparse: bool,
    /// Files with several names as such.
    pub hardlinks: bool,
    /// Extended attributes that this process may read and write.
    pub xattrs: bool,
    /// User and group, by number: for root.
    pub owner: bool,
}

impl Default for Preserve {
    fn default() -> Self {
        Self {
            mode: true,
            mtime: true,
            symlinks: true,
            sparse: true,
            hardlinks: false,
            xattrs: false,
            owner: false,
        }
    }
}

#[cfg(test)]
mod tests;
