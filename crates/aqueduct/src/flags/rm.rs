use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use super::digests::Named;
use super::{Place, TEMPLATE};

/// Remove blobs
///
/// Exits with 3 if one is not there; the others are removed all the same. A removal is never tried again: where the
/// connection breaks, those without an answer may be removed or not.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Rm {
    /// Digests, or - for those on standard input: the first word of each line
    #[arg(required = true, value_name = "DIGEST")]
    pub(crate) digests: Vec<Named>,

    #[command(flatten)]
    pub(crate) place: Place,

    /// A blob that is not there is fine
    #[arg(short, long, env = "AQUEDUCT_FORCE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) force: bool,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct rm sha256:HEX
  aqueduct rm -f - < digests.txt";
