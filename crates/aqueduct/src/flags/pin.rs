use clap::Args;

use super::digests::Named;
use super::{Place, TEMPLATE};

/// Pin blobs, so that they are never evicted
///
/// A server with --max-size or --min-free evicts blobs that were used least lately; never one that is pinned. A name can
/// be pinned before its blob is there, and stays pinned when the blob is removed. Says which are not there.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = PIN_EXAMPLES)]
pub(crate) struct Pin {
    /// Digests, or - for those on standard input: the first word of each line
    #[arg(required = true, value_name = "DIGEST")]
    pub(crate) digests: Vec<Named>,

    #[command(flatten)]
    pub(crate) place: Place,
}

/// Take pins away, so that blobs may be evicted again
///
/// Exits with 3 if one was not pinned; the others are unpinned all the same.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = UNPIN_EXAMPLES)]
pub(crate) struct Unpin {
    /// Digests, or - for those on standard input: the first word of each line
    #[arg(required = true, value_name = "DIGEST")]
    pub(crate) digests: Vec<Named>,

    #[command(flatten)]
    pub(crate) place: Place,
}

/// List what is pinned, in the order of the digests
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = PINS_EXAMPLES)]
pub(crate) struct Pins {
    #[command(flatten)]
    pub(crate) place: Place,
}

const PIN_EXAMPLES: &str = "\
Examples:
  aqueduct pin sha256:HEX
  aqueduct put disk.img | aqueduct pin -";

const UNPIN_EXAMPLES: &str = "\
Examples:
  aqueduct unpin sha256:HEX
  aqueduct pins | aqueduct unpin -";

const PINS_EXAMPLES: &str = "\
Examples:
  aqueduct pins
  aqueduct pins --json --store ~/blobs";
