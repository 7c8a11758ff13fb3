use std::ffi::OsString;

use aqueduct_blob::Algorithm;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::put::algorithm;
use super::{TEMPLATE, Transfer};

/// Send files or a tree to another machine, once
///
/// Without a TARGET it waits, and prints what to type on the other machine: a line for aqueduct, and one for curl. The exit
/// code is 0 when the other side has all bytes, has verified them, and has them on its disk as its --sync says; curl and nc
/// verify nothing, and the summary says so.
///
/// A connection that breaks is taken up again, and so is a transfer that was ended: run the same command again. Nothing that
/// has arrived is sent or hashed a second time.
///
/// Bytes go in clear text: somebody on the path could read them, and the summary says that, too.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES, alias = "tx",
          override_usage = "aqueduct send [OPTIONS] PATH... [TARGET]")]
pub(crate) struct Send {
    /// Files, directories, or - for standard input; and last, if there is one, the TARGET: the ticket that "aqueduct recv"
    /// printed (aq1-...), or raw://HOST:PORT for an nc that listens
    ///
    /// A file whose name begins as a ticket does is ./aq1-...
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) words: Vec<OsString>,

    /// How the receiver finds out that it has the right bytes
    #[arg(long, env = "AQUEDUCT_VERIFY", value_name = "HOW", default_value = "full")]
    pub(crate) verify: Verify,

    /// Which algorithm names what is sent
    ///
    /// BLAKE3 costs a fraction of what SHA-256 does, which is what sha256sum(1) and most download pages print.
    #[arg(long, env = "AQUEDUCT_DIGEST", value_name = "ALGORITHM", default_value = "blake3",
          value_parser = algorithm())]
    pub(crate) digest: Algorithm,

    /// Fail, with 13, where the receiver cannot verify what it has: curl, or nc
    #[arg(long, env = "AQUEDUCT_REQUIRE_VERIFY", action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(crate) require_verify: bool,

    /// Leave out what matches, as shells match: * and ?, against a name, or against the path below what was named if there is
    /// a slash in it; may be given more than once
    #[arg(long, env = "AQUEDUCT_EXCLUDE", value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,

    /// Hash every file again, instead of going by what was found when it was hashed before
    ///
    /// That is kept in aqueduct/checkpoints in $XDG_CACHE_HOME or ~/.cache, which may be deleted at any time.
    #[arg(long, env = "AQUEDUCT_NO_CACHE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) no_cache: bool,

    #[command(flatten)]
    pub(crate) transfer: Transfer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verify {
    /// By the digest of every file
    Full,
    /// By a CRC-32 of each 4 MiB alone: against a bad cable, and nobody's malice
    Wire,
    /// Not at all
    None,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct send model.bin                     prints what to type on the other machine
  aqueduct send photos/ aq1-TICKET            to \"aqueduct recv\", which printed the ticket
  tar c . | aqueduct send -                   a stream, verified to its end
  aqueduct send disk.img raw://10.0.0.5:7300  to \"nc -l 7300 > disk.img\"";
