use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::TEMPLATE;
use super::digests::Named;

/// Read blobs from start to end, and hold them against their digests
///
/// A damaged blob is named with the ranges of bytes that are wrong, and moved to the store's quarantine; the exit code
/// is then 6.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Verify {
    /// Digests, or - for those on standard input; none means every blob in the store
    #[arg(value_name = "DIGEST")]
    pub(crate) digests: Vec<Named>,

    /// The store's directory; no server may have it open
    #[arg(long, env = "AQUEDUCT_STORE", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,

    /// Refused, with a reason.
    #[arg(long, hide = true, value_parser = no_server)]
    server: Option<()>,

    /// How many threads hash [default: the number of cores]
    #[arg(short = 'j', long, env = "AQUEDUCT_THREADS", value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

fn no_server(_: &str) -> Result<(), &'static str> {
    Err("verify reads the files of a store: run it where they are, with --store DIR and no server on it")
}

const EXAMPLES: &str = "\
Examples:
  aqueduct verify --store ~/blobs
  aqueduct verify sha256:HEX --store ~/blobs";
