//! Which number a failure is to the shell. The numbers are a promise: `aqueduct --help` lists them.

use std::error::Error as _;
use std::io::{self, ErrorKind};

use aqueduct_bench::BenchError;
use aqueduct_client::{Error as ClientError, ErrorKind as ClientKind};
use aqueduct_server::{BindError, RunError, TokenError};
use aqueduct_store::{ChangeError, OpenError, PublishError, VerifyError};
use aqueduct_transfer::{Error as TransferError, ErrorKind as TransferKind};
use signal_hook::consts::SIGTERM;

use crate::fault::Fault;

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Other = 1,
    Usage = 2,
    Source = 3,
    Exists = 4,
    Network = 5,
    Mismatch = 6,
    NoSpace = 7,
    Local = 8,
    Refused = 9,
    Protocol = 10,
    Changed = 11,
    Some = 12,
    Unverified = 13,
    /// As timeout(1) has it.
    Deadline = 124,
    /// 128 and the signal, as a shell reports it.
    Interrupted = 130,
    Terminated = 143,
}

/// The one place where a failure becomes a number.
pub(crate) fn code(fault: &Fault) -> Code {
    match fault {
        Fault::Usage(_) | Fault::Flags(_) => Code::Usage,
        Fault::Source { .. }
        | Fault::Absent(_)
        | Fault::SomeAbsent { .. }
        | Fault::NoSuchUpload { .. }
        | Fault::NoSuchEntry { .. }
        | Fault::OutOfRange { .. } => Code::Source,
        Fault::Exists { .. } => Code::Exists,
        Fault::Damaged { .. } | Fault::SomeDamaged { .. } | Fault::Miswritten { .. } => Code::Mismatch,
        Fault::Changed { .. } => Code::Changed,
        Fault::Some { .. } => Code::Some,
        Fault::Open(OpenError::Fault(fault)) => disk(fault.kind()),
        Fault::Open(_) => Code::Other,
        Fault::Change(error) => change(error),
        Fault::Unread { source, .. } => disk(source.kind()),
        Fault::Pin(_) | Fault::Publish { source: PublishError::Contended { .. }, .. } => Code::Other,
        Fault::Publish { source: PublishError::Change(error), .. } => change(error),
        Fault::Verify { source: VerifyError::Fault(fault), .. } => disk(fault.kind()),
        Fault::Verify { .. } => Code::Mismatch,
        Fault::Close(read_only) => disk(read_only.0.kind()),
        Fault::Client(error)
        | Fault::Upload { source: error, .. }
        | Fault::Download { source: error, .. }
        | Fault::Remove { source: error, .. } => client(error),
        Fault::Transfer(error) => transfer(error),
        Fault::Stopped { signal: SIGTERM, .. } => Code::Terminated,
        Fault::Stopped { .. } => Code::Interrupted,
        Fault::Tokens(TokenError::Unreadable { .. }) => Code::Local,
        Fault::Tokens(_) | Fault::Bind(BindError::Open { .. }) => Code::Usage,
        Fault::Bind(
            BindError::Taken { .. }
            | BindError::Mute { .. }
            | BindError::MuteLocal { .. }
            | BindError::Start(_),
        )
        | Fault::PathTaken { .. } => Code::Other,
        Fault::Bind(BindError::Listen { source, .. }) => disk(source.kind()),
        Fault::Serve(RunError::Close(read_only)) => disk(read_only.0.kind()),
        Fault::Serve(RunError::Thread(_))
        | Fault::Unconfined(_)
        | Fault::NeedsAction { .. }
        | Fault::NothingMeasured => Code::Other,
        Fault::Bench(BenchError::Unknown(_)) => Code::Usage,
        Fault::Bench(BenchError::WrongBytes { .. }) => Code::Mismatch,
        Fault::Bench(BenchError::Ground { source, .. })
        | Fault::Landing { source, .. }
        | Fault::Local { source, .. } => disk(source.kind()),
    }
}

fn client(error: &ClientError) -> Code {
    match error.kind() {
        ClientKind::Connect | ClientKind::Lost | ClientKind::Timeout => Code::Network,
        ClientKind::Refused | ClientKind::TooLarge => Code::Refused,
        ClientKind::Absent => Code::Source,
        ClientKind::Mismatch => Code::Mismatch,
        ClientKind::Changed => Code::Changed,
        ClientKind::NoSpace => Code::NoSpace,
        ClientKind::Protocol => Code::Protocol,
        ClientKind::Local => {
            let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
            source.map_or(Code::Local, |source| disk(source.kind()))
        }
        ClientKind::Unspoken => Code::Usage,
        ClientKind::Server => Code::Other,
        // Those to come.
        _ => Code::Other,
    }
}

fn transfer(error: &TransferError) -> Code {
    match error.kind() {
        TransferKind::Usage => Code::Usage,
        TransferKind::Source => Code::Source,
        TransferKind::Exists => Code::Exists,
        // The other side was told to stop: this one may go on when that one does.
        TransferKind::Network | TransferKind::Stopped => Code::Network,
        TransferKind::Mismatch => Code::Mismatch,
        TransferKind::NoSpace => Code::NoSpace,
        TransferKind::Local => Code::Local,
        TransferKind::Refused => Code::Refused,
        TransferKind::Protocol => Code::Protocol,
        TransferKind::Changed => Code::Changed,
        TransferKind::Some => Code::Some,
        TransferKind::Unverified => Code::Unverified,
        TransferKind::Deadline => Code::Deadline,
        TransferKind::Other => Code::Other,
    }
}

fn change(error: &ChangeError) -> Code {
    match error {
        ChangeError::ReadOnly(read_only) => disk(read_only.0.kind()),
        ChangeError::Fault(fault) => disk(fault.kind()),
    }
}

fn disk(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Code::NoSpace,
        _ => Code::Local,
    }
}

impl Code {
    /// The number.
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    /// The same as a word, for scripts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Usage => "usage",
            Self::Source => "source",
            Self::Exists => "exists",
            Self::Network => "network",
            Self::Mismatch => "mismatch",
            Self::NoSpace => "no-space",
            Self::Local => "local",
            Self::Refused => "refused",
            Self::Protocol => "protocol",
            Self::Changed => "changed",
            Self::Some => "some",
            Self::Unverified => "unverified",
            Self::Deadline => "deadline",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }
}

/// What to do about a failure, where it does not say so itself.
pub(crate) fn advice(fault: &Fault) -> Option<&'static str> {
    match (code(fault), fault) {
        (Code::Network, Fault::Transfer(error)) if !was_reached(error) => Some(
            "see that it still waits, and that no firewall is in the way: --listen ADDR:PORT chooses the port",
        ),
        (code, Fault::Transfer(error)) if error.is_resumable() => to_go_on(code),
        (code, Fault::Transfer(error)) => after_transfer(code, error.is_of_peer()),
        (_, Fault::Stopped { is_resumable: true, .. }) => {
            Some("what came is kept: run it again, and it goes on")
        }
        (_, Fault::Stopped { is_resumable: false, .. }) => Some("nothing of it is kept"),
        // What gets its name only when it is whole.
        (
            Code::NoSpace,
            Fault::Change(_)
            | Fault::Publish { .. }
            | Fault::Verify { .. }
            | Fault::Upload { .. }
            | Fault::Download { .. }
            | Fault::Landing { .. },
        ) => Some("free some space and run it again; nothing partial was left behind"),
        (Code::NoSpace, _) => Some("free some space and run it again"),
        (Code::Network, Fault::Client(error) | Fault::Upload { source: error, .. })
            if error.kind() == ClientKind::Connect =>
        {
            Some("aqueduct serve starts a server, and --store DIR needs none")
        }
        (Code::Network, _) => Some("run it again when the server is back"),
        _ => None,
    }
}

/// Whether the other side of a transfer was ever there.
fn was_reached(error: &TransferError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    !source.is_some_and(|source| {
        matches!(
            source.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::TimedOut
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
        )
    })
}

/// The same for a transfer that goes on where it was.
fn to_go_on(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::NoSpace => "free some space and run both sides again, and it goes on: what came is kept",
        _ => "what came is kept: run both sides again, and it goes on",
    })
}

/// The same for one that failed here, or at the other side, and does not.
fn after_transfer(code: Code, is_of_peer: bool) -> Option<&'static str> {
    Some(match code {
        Code::Exists if is_of_peer => {
            "--force of aqueduct recv replaces it, --keep-both gives what comes another name"
        }
        Code::Exists => {
            "--force replaces it, --keep-both gives what comes another name, --skip-existing leaves it"
        }
        Code::Network | Code::Deadline => "run both sides again, from the start: nothing of it is kept",
        Code::NoSpace => "free some space and run both sides again, from the start: nothing of it is kept",
        Code::Changed => "send it again when nobody writes to it",
        Code::Unverified => "an aqueduct recv at the other side would verify it",
        _ => return None,
    })
}

impl From<Code> for std::process::ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code.number())
    }
}
