use std::num::NonZeroUsize;

use clap::Args;

use super::digests::Named;
use super::{Place, TEMPLATE};

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

    #[command(flatten)]
    pub(crate) place: Place,

    /// How many threads hash [default: the number of cores]
    #[arg(short = 'j', long, env = "AQUEDUCT_THREADS", value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct verify --store ~/blobs
  aqueduct verify sha256:HEX --store ~/blobs";
