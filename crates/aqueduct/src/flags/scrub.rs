use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueHint};

use super::{Rate, TEMPLATE};

/// Read every blob again from the disk, and hold it against its digest
///
/// As verify of everything, and past the page cache: what was not in memory before is not there after. It gives way to all
/// other programs, and goes on where it was when it was interrupted. "aqueduct serve" scrubs by itself.
///
/// A damaged blob is named with the ranges of bytes that are wrong, and moved to the store's quarantine, with a note of them;
/// the exit code is then 6. One that cannot be read stays where it is: remove it, and put it again from a good copy.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Scrub {
    /// The store's directory; no server may have it open
    #[arg(long, env = "AQUEDUCT_STORE", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,

    /// How much to read in a second at most, in bytes or with KiB, MiB or GiB [default: no limit]
    #[arg(long, env = "AQUEDUCT_RATE", value_name = "SIZE")]
    pub(crate) rate: Option<Rate>,

    /// Begin anew, although an earlier scrub was interrupted
    #[arg(long, env = "AQUEDUCT_RESTART", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) restart: bool,

    /// How many threads read and hash [default: the number of cores]
    #[arg(short = 'j', long, env = "AQUEDUCT_THREADS", value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct scrub --store ~/blobs
  aqueduct scrub --store ~/blobs --rate 50MiB";
