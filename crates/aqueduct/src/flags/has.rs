use clap::Args;

use super::digests::Named;
use super::{Place, TEMPLATE};

/// Ask whether blobs are there
///
/// Prints the digests that are there, and exits with 0 if all are; names the others on standard error, and exits with 3 if
/// there are any.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Has {
    /// Digests, or - for those on standard input: the first word of each line
    #[arg(required = true, value_name = "DIGEST")]
    pub(crate) digests: Vec<Named>,

    #[command(flatten)]
    pub(crate) place: Place,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct has sha256:HEX
  aqueduct has - < digests.txt";
