//! Which calls fail, how, and what comes of it: the table of `docs/reliability.md`, as far as a process can be made to meet it
//! from outside.

/// What is asked of the server while calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// To take a blob of some bytes, which comes with its head.
    PutSmall,
    /// To take a blob of more than a segment.
    PutLarge,
    /// To send a blob that it has never opened, of a few bytes.
    GetSmall,
    /// The same, of more than a segment.
    GetLarge,
    Remove,
    /// To begin a resumable upload.
    BeginUpload,
    /// To take all of a resumable upload, and make a blob of it.
    EndUpload,
    /// The same as `PutLarge`, by the native protocol.
    NativePut,
    /// The same as `PutSmall`; all of it is in memory before it is written.
    NativePutSmall,
    /// To make everything durable, which a server without sync does by itself.
    Settle,
}

/// What is seen of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// This status, and for a problem its name; for the native protocol the exit code.
    Answer(u32, &'static str),
    /// As if nothing had happened.
    Nothing,
    /// A reply that begins and breaks off.
    BrokenOff,
}

pub(super) struct Row {
    pub(super) ask: Ask,
    /// As strace's `inject=` has it.
    pub(super) inject: &'static str,
    pub(super) seen: Seen,
    /// Which kind of fault is counted, if any.
    pub(super) counted: Option<&'static str>,
    /// The server has to be started again before it takes changes.
    pub(super) read_only: bool,
}

const fn row(ask: Ask, inject: &'static str, seen: Seen, counted: Option<&'static str>) -> Row {
    Row { ask, inject, seen, counted, read_only: false }
}

const fn read_only(ask: Ask, inject: &'static str, counted: &'static str) -> Row {
    Row { ask, inject, seen: READ_ONLY, counted: Some(counted), read_only: true }
}

use Ask::{
    BeginUpload, EndUpload, GetLarge, GetSmall, NativePut, NativePutSmall, PutLarge, PutSmall, Remove, Settle,
};
use Seen::{Answer, BrokenOff, Nothing};

const FULL: Seen = Answer(507, "no-space");
const FAULT: Seen = Answer(500, "fault");
const SHORT: Seen = Answer(503, "short-of-resources");
const READ_ONLY: Seen = Answer(503, "read-only");

pub(super) const TABLE: &[Row] = &[
    // A file without a name, its space, its bytes.
    row(PutLarge, "openat:error=ENOSPC", FULL, Some("no_space")),
    row(PutLarge, "openat:error=EIO", FAULT, Some("io")),
    row(PutLarge, "openat:error=EMFILE", SHORT, Some("descriptors")),
    row(PutLarge, "openat:error=ENFILE", SHORT, Some("descriptors")),
    row(PutLarge, "openat:error=ENOMEM", SHORT, Some("memory")),
    row(PutLarge, "openat:error=EINTR:when=1", Nothing, None),
    row(PutLarge, "fallocate:error=ENOSPC", FULL, Some("no_space")),
    row(PutLarge, "fallocate:error=EDQUOT", FULL, Some("quota")),
    row(PutLarge, "fallocate:error=EIO", FAULT, Some("io")),
    row(PutLarge, "fallocate:error=EINTR:when=1", Nothing, None),
    row(PutLarge, "fallocate:error=EOPNOTSUPP", Nothing, None),
    row(NativePutSmall, "pwrite64:error=ENOSPC", Answer(NO_SPACE, ""), Some("no_space")),
    row(NativePutSmall, "pwrite64:error=EDQUOT", Answer(NO_SPACE, ""), Some("quota")),
    row(NativePutSmall, "pwrite64:error=EIO", Answer(OTHER, ""), Some("io")),
    row(NativePutSmall, "pwrite64:error=EINTR:when=1", Nothing, None),
    row(NativePutSmall, "pwrite64:retval=0", Answer(OTHER, ""), Some("io")),
    row(PutLarge, "splice:error=EINTR:when=1", Nothing, None),
    row(PutLarge, "splice:error=EINVAL", Nothing, None),
    // Their sync, their name, and the name's.
    row(PutSmall, "fdatasync:error=EIO", FAULT, Some("io")),
    row(PutLarge, "fdatasync:error=EIO", FAULT, Some("io")),
    row(PutLarge, "fdatasync:error=ENOSPC", FULL, Some("no_space")),
    row(PutLarge, "fdatasync:error=EDQUOT", FULL, Some("quota")),
    row(PutLarge, "fdatasync:error=EINTR:when=1", Nothing, None),
    row(PutLarge, "linkat:error=ENOSPC", FULL, Some("no_space")),
    row(PutLarge, "linkat:error=EDQUOT", FULL, Some("quota")),
    row(PutLarge, "linkat:error=EIO", FAULT, Some("io")),
    row(PutLarge, "linkat:error=ENOMEM", SHORT, Some("memory")),
    row(PutLarge, "utimensat:error=EIO", Nothing, None),
    read_only(PutLarge, "fsync:error=EIO", "read_only"),
    read_only(PutSmall, "fsync:error=ENOSPC", "read_only"),
    row(PutLarge, "fsync:error=EINTR:when=1", Nothing, None),
    read_only(Settle, "syncfs:error=EIO", "io"),
    // Reading.
    row(GetLarge, "openat:error=EMFILE", SHORT, Some("descriptors")),
    row(GetSmall, "openat:error=ENFILE", SHORT, Some("descriptors")),
    row(GetSmall, "openat:error=EIO", FAULT, Some("io")),
    row(GetSmall, "openat:error=EINTR:when=1", Nothing, None),
    row(GetSmall, "pread64:error=EIO", FAULT, Some("io")),
    row(GetSmall, "pread64:error=ENOMEM", SHORT, Some("memory")),
    row(GetSmall, "pread64:error=EINTR:when=1", Nothing, None),
    row(GetLarge, "sendfile:error=EIO", BrokenOff, Some("io")),
    row(GetLarge, "sendfile:error=EINTR:when=1", Nothing, None),
    row(GetLarge, "sendfile:error=EINVAL", Nothing, None),
    // The file is whole after all, which its hash tells.
    row(GetLarge, "sendfile:retval=0", BrokenOff, Some("io")),
    row(GetLarge, "preadv2:error=EIO", Nothing, None),
    // Removing.
    row(Remove, "/^unlink:error=EIO", FAULT, Some("io")),
    read_only(Remove, "fsync:error=EIO", "read_only"),
    // What comes in pieces.
    row(BeginUpload, "openat:error=EMFILE", SHORT, Some("descriptors")),
    row(BeginUpload, "fallocate:error=EDQUOT", FULL, Some("quota")),
    row(BeginUpload, "ftruncate:error=EIO", FAULT, Some("io")),
    row(BeginUpload, "ftruncate:error=EINTR:when=1", Nothing, None),
    row(BeginUpload, "pwrite64:error=ENOSPC", FULL, Some("no_space")),
    row(BeginUpload, "linkat:error=EIO", FAULT, Some("io")),
    row(EndUpload, "pwrite64:error=EIO", FAULT, Some("io")),
    row(EndUpload, "fdatasync:error=EIO", FAULT, Some("io")),
    row(EndUpload, "fchmod:error=EIO", FAULT, Some("io")),
    read_only(EndUpload, "fsync:error=EIO", "read_only"),
    // The native protocol, by what the program says at its end.
    row(NativePut, "fallocate:error=ENOSPC", Answer(NO_SPACE, ""), Some("no_space")),
    row(NativePut, "fdatasync:error=EIO", Answer(OTHER, ""), Some("io")),
];

/// Exit codes, which `aqueduct --help` lists.
const NO_SPACE: u32 = 7;
const OTHER: u32 = 1;
