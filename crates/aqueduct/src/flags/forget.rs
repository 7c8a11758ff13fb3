use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use super::digests::Named;
use super::{Place, TEMPLATE};

/// Remove what build caches keep under keys
///
/// The blobs that were found there stay: rm removes them, and with one all entries that name it. Exits with 3 if a key is not
/// there; the others are removed all the same. A removal is never tried again: where the connection breaks, one without an
/// answer may be removed or not.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Forget {
    /// The namespace of the keys: "aqueduct entries --counts" lists them
    #[arg(value_name = "NAMESPACE")]
    pub(crate) namespace: String,

    /// Keys, or - for those on standard input: the first word of each line
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<Named<String>>,

    #[command(flatten)]
    pub(crate) place: Place,

    /// Remove all that the namespace has, and nothing of any other: ccache/main is not in ccache
    // Neither a variable nor a key of a file: nobody empties a cache by what was set long ago.
    #[arg(long, conflicts_with = "keys")]
    pub(crate) all: bool,

    /// A key that is not there is fine
    #[arg(short, long, env = "AQUEDUCT_FORCE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) force: bool,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct forget ccache/main 0123456789abcdef0123456789abcdef01234567
  aqueduct entries nx | aqueduct forget nx -
  aqueduct forget sccache --all";
