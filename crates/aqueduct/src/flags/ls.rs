use aqueduct_blob::Digest;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use super::{Place, TEMPLATE};

/// List the blobs, in the order of their digests
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Ls {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Show sizes in bytes, and when each blob was stored (UTC)
    #[arg(short, long, env = "AQUEDUCT_LONG", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) long: bool,

    /// Begin after this digest
    #[arg(long, env = "AQUEDUCT_AFTER", value_name = "DIGEST")]
    pub(crate) after: Option<Digest>,

    /// Stop after this many
    #[arg(long, env = "AQUEDUCT_LIMIT", value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct ls -l
  aqueduct ls --json --store ~/blobs | jq -s 'map(.size) | add'";
