use std::num::NonZeroUsize;
use std::path::PathBuf;

use aqueduct_blob::Algorithm;
use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::{Place, TEMPLATE};

/// Store files, and print their digests
///
/// Prints "DIGEST  PATH", one line a file, in the order given; a directory's files are sorted by name. As sha256sum
/// does, a line whose path holds a backslash, newline or carriage return begins with a backslash, and has \\, \n and \r
/// for them; \xHH stands for any other control character but a tab.
///
/// A line is printed once the file is stored as safely as --sync says. A file that fails does not stop the others.
///
/// Over aqueduct:// a file of more than 4 MiB goes on where it was when its connection breaks, and where a killed put left
/// it when it is put again. A stream (-) cannot be read twice: if its connection breaks, or it is interrupted, it fails, and
/// nothing is stored. A server refuses one that pauses for longer than its patience, which is a minute: what is slow to come
/// is better stored as a file first, and put then.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Put {
    /// Files, directories (walked; symbolic links in them are not followed), or - for standard input
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) place: Place,

    /// Which algorithm names the blobs
    #[arg(long, env = "AQUEDUCT_DIGEST", value_name = "ALGORITHM", default_value = "sha256",
          value_parser = algorithm())]
    pub(crate) digest: Algorithm,

    /// What a printed digest is worth when the power goes; a server goes by its own --sync
    #[arg(long, env = "AQUEDUCT_SYNC", value_name = "HOW", default_value = "full")]
    pub(crate) sync: Sync,

    /// How many files to store at a time, and over how many connections files of 64 MiB or more go to a server, each over one
    /// at least [default: 8 files, or the number of cores into a store with --sync none; 2 connections]
    #[arg(short = 'j', long, env = "AQUEDUCT_THREADS", value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// Hash every file again, instead of asking a server for the digests that unchanged files had the last time
    ///
    /// They are kept in aqueduct/digests in $XDG_CACHE_HOME or ~/.cache, which may be deleted at any time.
    #[arg(long, env = "AQUEDUCT_NO_CACHE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) no_cache: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sync {
    /// The blob is on the medium
    Full,
    /// The blob may be lost, and is right if it is there
    None,
}

pub(super) fn algorithm() -> impl TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name)).try_map(|name| name.parse::<Algorithm>())
}

const EXAMPLES: &str = "\
Examples:
  aqueduct put disk.img
  aqueduct put /usr/lib --store ~/blobs > digests.txt
  tar c . | aqueduct put -";
