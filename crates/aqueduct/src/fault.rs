//! What can go wrong, in words. [`exit`](crate::exit) has the numbers.

use std::io;
use std::ops::Range;

use aqueduct_bench::BenchError;
use aqueduct_blob::{Digest, UploadId};
use aqueduct_client::ErrorKind;
use aqueduct_server::{BindError, RunError, TokenError};
use aqueduct_store::{ChangeError, OpenError, PinError, PublishError, ReadOnly, StorageFault, VerifyError};
use signal_hook::consts::SIGTERM;

use crate::text;

/// Why a command, or its work on one file or blob, failed. Paths in it are fit to be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{0}")]
    Usage(String),
    /// clap prints it best by itself.
    #[error(transparent)]
    Flags(clap::Error),
    #[error("cannot read {path}")]
    Source { path: String, source: io::Error },
    #[error("{0} is not in the store")]
    Absent(Digest),
    #[error("{count} of {of} blobs are not in the store")]
    SomeAbsent { count: usize, of: usize },
    #[error("there is no upload {id}{}", text::and_others(*.count))]
    NoSuchUpload { id: UploadId, count: usize },
    #[error("there is no entry {key} in {namespace}{}", text::and_others(*.count))]
    NoSuchEntry { namespace: String, key: String, count: usize },
    #[error("{digest} has {size} bytes, and the range asked for begins behind them")]
    OutOfRange { digest: Digest, size: u64 },
    #[error("{path} exists; --force replaces it")]
    Exists { path: String },
    #[error("{digest} {}; moved to quarantine", text::damage(.damage, *.size))]
    Damaged { digest: Digest, damage: Vec<Range<u64>>, size: u64 },
    #[error("cannot read bytes {}-{} of {digest}", .range.start, .range.end.saturating_sub(1))]
    Unread { digest: Digest, range: Range<u64>, source: StorageFault },
    #[error("{count} blobs are damaged; they were moved to quarantine")]
    SomeDamaged { count: usize },
    #[error(
        "what was written to {path} is not {digest}, which the store has right; check that disk, then memory"
    )]
    Miswritten { path: String, digest: Digest },
    #[error("{path} changed while it was read; nothing was stored for it")]
    Changed { path: String, source: io::Error },
    #[error("{failed} of {of} failed")]
    Some { failed: usize, of: usize },
    #[error("action is needed on {}", text::counted(*.count, "finding"))]
    NeedsAction { count: usize },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the store failed")]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Pin(PinError),
    #[error("cannot store {path}")]
    Publish { path: String, source: PublishError },
    #[error("cannot verify {path}")]
    Verify { path: String, source: VerifyError },
    #[error("the store could not be closed; nothing is lost, and the next command checks more")]
    Close(#[from] ReadOnly),
    #[error(transparent)]
    Client(#[from] aqueduct_client::Error),
    #[error("cannot store {path}")]
    Upload { path: String, source: aqueduct_client::Error },
    #[error("cannot fetch {path}")]
    Download { path: String, source: aqueduct_client::Error },
    #[error("cannot remove {digest}")]
    Remove { digest: Digest, source: aqueduct_client::Error },
    #[error(transparent)]
    Transfer(#[from] aqueduct_transfer::Error),
    #[error("stopped by {}", match .signal { &SIGTERM => "SIGTERM", _ => "SIGINT" })]
    Stopped {
        signal: i32,
        /// Whether it goes on where it was when it is run again.
        is_resumable: bool,
    },
    /// A file that was to appear whole, and did not.
    #[error("cannot write {path}")]
    Landing { path: String, source: io::Error },
    #[error(transparent)]
    Tokens(#[from] TokenError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("somebody listens at {path} already; stop that program, or choose another path")]
    PathTaken { path: String },
    #[error(transparent)]
    Serve(#[from] RunError),
    #[error("{0}; use a kernel that has Landlock, or --landlock auto")]
    Unconfined(String),
    #[error("nothing was measured; the report says why")]
    NothingMeasured,
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// Anything else between this program and a disk, pipe or terminal.
    #[error("cannot {doing}")]
    Local { doing: String, source: io::Error },
}

impl From<StorageFault> for Fault {
    fn from(fault: StorageFault) -> Self {
        Self::Change(fault.into())
    }
}

impl From<PinError> for Fault {
    fn from(error: PinError) -> Self {
        match error {
            PinError::Change(error) => Self::Change(error),
            PinError::TooMany { .. } => Self::Pin(error),
        }
    }
}

impl Fault {
    /// An I/O error with what was being done, as an infinitive.
    pub(crate) fn local(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Local { doing, source }
    }

    /// Whether all that is to be stored after it will fail for the same reason: the store takes nothing, or the server
    /// is out of reach.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Change(ChangeError::ReadOnly(_))
            | Self::Publish { source: PublishError::Change(ChangeError::ReadOnly(_)), .. } => true,
            _ => self.is_out_of_reach(),
        }
    }

    /// Whether the server lets nobody in, or was not heard: the client has tried again by itself, and would wait as long
    /// for whatever comes next. A server that answers is heard, be it with a complaint about one slow stream.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        match self {
            Self::Client(error)
            | Self::Upload { source: error, .. }
            | Self::Download { source: error, .. } => Self::is_of_all(error),
            _ => false,
        }
    }

    /// Whether a client's error is of the kind that puts the server out of reach.
    pub(crate) fn is_of_all(error: &aqueduct_client::Error) -> bool {
        error.is_retryable() || error.kind() == ErrorKind::Refused
    }
}
