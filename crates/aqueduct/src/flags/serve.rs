use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::put::Sync;
use super::size::Size;
use super::span::Span;
use super::{Landlock, Rate, SECONDS_MAX, TEMPLATE};

/// Serve a store to clients: to aqueduct itself, and over HTTP, on one port
///
/// Prints "store DIR", and for each address "listening http://ADDRESS:PORT" or "listening crsh:PATH", once clients can connect; what happens then
/// is told on standard error; with --json each is an object with that one member. SIGTERM or SIGINT ends it after what is
/// in flight; a second one ends it at once. SIGHUP makes it read its configuration and its tokens again: what changed is told,
/// and whether it takes a restart. SIGUSR2 makes it finish what is in flight and begin anew from its file, which may be a newer
/// version, while new connections wait. Where sockets are handed in (LISTEN_FDS), it serves those in place of --listen,
/// or of --crsh where they are Unix sockets.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Serve {
    /// The store's directory, made if there is none [default: aqueduct/store in $XDG_DATA_HOME or ~/.local/share]
    #[arg(long, env = "AQUEDUCT_STORE", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<PathBuf>,

    /// Where to listen; may be given more than once. Port 0 is any that is free
    #[arg(
        long,
        env = "AQUEDUCT_LISTEN",
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:7070",
        value_delimiter = ','
    )]
    pub(crate) listen: Vec<SocketAddr>,

    /// Serve ccache at this path, too: as its storage, over a Unix socket (remote_storage = crsh:PATH)
    ///
    /// Only programs of the user that runs this may connect, and tokens do not count there.
    #[arg(long, env = "AQUEDUCT_CRSH", value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) crsh: Option<PathBuf>,

    /// A file of tokens, a line each: "read TOKEN" or "write TOKEN", which may read, too
    ///
    /// Without it, everybody who can connect may read, write and delete.
    #[arg(long, env = "AQUEDUCT_TOKEN_FILE", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,

    /// Listen on other addresses than this machine's own although there are no tokens
    #[arg(long, env = "AQUEDUCT_OPEN_TO_NETWORK", action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(crate) open_to_network: bool,

    /// A name by which clients call this server, beside its own; may be given more than once
    ///
    /// Requests for any other name are refused, so that no web page can lead a browser here.
    #[arg(long, env = "AQUEDUCT_HOST", value_name = "NAME", value_delimiter = ',', value_hint = ValueHint::Hostname)]
    pub(crate) host: Vec<String>,

    /// The largest blob to take, in bytes or with KiB, MiB, GiB or TiB
    #[arg(long, env = "AQUEDUCT_MAX_BLOB_SIZE", value_name = "SIZE", default_value = "1TiB")]
    pub(crate) max_blob_size: Size,

    /// How much the store may take of its disk [default: all there is]
    ///
    /// With this or --min-free, blobs that were used least lately are evicted before the limit is reached: none that is
    /// pinned, being sent, or of which somebody was told within --lease that it is there.
    #[arg(long, env = "AQUEDUCT_MAX_SIZE", value_name = "SIZE")]
    pub(crate) max_size: Option<Size>,

    /// How much of the disk is to stay free, whoever fills it
    #[arg(long, env = "AQUEDUCT_MIN_FREE", value_name = "SIZE", default_value = "0")]
    pub(crate) min_free: Size,

    /// How long a blob stays after somebody was told that it is there: seconds, or with min, h or d
    #[arg(long, env = "AQUEDUCT_LEASE", value_name = "TIME", default_value = "10min")]
    pub(crate) lease: Span,

    /// Keep blobs up to this size in memory once they were asked for, 1MiB at most [default: measured, or 32KiB]
    ///
    /// The memory for them is 64 MiB, whatever this is. Measured is what --calibrate of "aqueduct bench" found for this store.
    #[arg(long, env = "AQUEDUCT_MEMORY_MAX", value_name = "SIZE")]
    pub(crate) memory_max: Option<Size>,

    /// Send up to so much of a file by copy, and more by sendfile [default: measured, or 0]
    #[arg(long, env = "AQUEDUCT_COPY_MAX", value_name = "SIZE")]
    pub(crate) copy_max: Option<Size>,

    /// Receive up to so much by copy, and more by splice [default: measured, or 0]
    #[arg(long, env = "AQUEDUCT_RECEIVE_COPY_MAX", value_name = "SIZE")]
    pub(crate) receive_copy_max: Option<Size>,

    /// How long an upload is kept that nobody goes on with: seconds, or with min, h or d
    #[arg(long, env = "AQUEDUCT_UPLOAD_EXPIRY", value_name = "TIME", default_value = "7d")]
    pub(crate) upload_expiry: Span,

    /// How many connections to take [default: as many as there are file descriptors for, 100000 at most]
    ///
    /// One more is answered 503, or in its own protocol, and closed.
    #[arg(long, env = "AQUEDUCT_MAX_CONNECTIONS", value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: Option<u32>,

    /// How many of them to take from one address, or one /64 of IPv6; 0 for any number [default: a quarter, or 64 if that is more, and half at most]
    ///
    /// Raise it where clients come through one proxy, and there are more of them than that at once.
    #[arg(long, env = "AQUEDUCT_MAX_CONNECTIONS_PER_ADDRESS", value_name = "COUNT")]
    pub(crate) max_connections_per_address: Option<u32>,

    /// How many requests may wait for the disk before new ones are answered 503
    ///
    /// What is in memory is answered all the same, and what was begun goes on.
    #[arg(long, env = "AQUEDUCT_MAX_REQUESTS", value_name = "COUNT", default_value = "4096",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_requests: u32,

    /// How many bytes a second a client has to send or take, averaged over a minute, or it is cut off
    ///
    /// Time that the server needs itself does not count. With 0 a byte a minute will do.
    #[arg(long, env = "AQUEDUCT_MIN_RATE", value_name = "SIZE", default_value = "1KiB")]
    pub(crate) min_rate: Size,

    /// How often to read every blob again from the disk and verify it: seconds, or with min, h or d; 0 is never
    ///
    /// It gives way to everything else, and spares the page cache. What is damaged is logged, and moved to quarantine.
    #[arg(long, env = "AQUEDUCT_SCRUB_EVERY", value_name = "TIME", default_value = "30d")]
    pub(crate) scrub_every: Span,

    /// How much to read for that in a second at most, in bytes or with KiB, MiB or GiB
    #[arg(long, env = "AQUEDUCT_SCRUB_RATE", value_name = "SIZE", default_value = "32MiB")]
    pub(crate) scrub_rate: Rate,

    /// What an answered upload is worth when the power goes
    #[arg(long, env = "AQUEDUCT_SYNC", value_name = "HOW", default_value = "full")]
    pub(crate) sync: Sync,

    /// How long what is in flight may take when the server is to end
    #[arg(long, env = "AQUEDUCT_GRACE", value_name = "SECONDS", default_value = "30",
          value_parser = clap::value_parser!(u64).range(..=SECONDS_MAX))]
    pub(crate) grace: u64,

    /// How the log is written: for people, or an object a line
    #[arg(long, env = "AQUEDUCT_LOG_FORMAT", value_name = "HOW", default_value = "text")]
    pub(crate) log_format: LogFormat,

    /// Whether the log has a line for each request: on or off
    #[arg(long, env = "AQUEDUCT_ACCESS_LOG", value_name = "WHETHER", default_value = "on",
          action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) access_log: bool,

    /// Whether to confine the server to its store, and to reading what it needs (Landlock)
    #[arg(long, env = "AQUEDUCT_LANDLOCK", value_name = "WHEN", default_value = "auto")]
    pub(crate) landlock: Landlock,

    /// Say whether a server could begin with these flags, with exit code 0 if so, and serve nothing
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line that people read
    Text,
    /// An object of JSON
    Json,
}

/// Options that SIGHUP makes a server read again. Another value for any other takes a restart.
pub(crate) const REREAD: &[&str] = &[
    "token-file",
    "open-to-network",
    "host",
    "max-blob-size",
    "max-size",
    "min-free",
    "lease",
    "upload-expiry",
    "max-connections",
    "max-connections-per-address",
    "max-requests",
    "min-rate",
    "scrub-every",
    "scrub-rate",
    "grace",
];

const EXAMPLES: &str = "\
Examples:
  aqueduct serve
  aqueduct serve --store /srv/blobs --listen 127.0.0.1:0
  aqueduct serve --store /srv/blobs --listen 10.0.0.5:7070 --token-file /etc/aqueduct/tokens";
