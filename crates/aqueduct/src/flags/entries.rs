use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use super::{Place, TEMPLATE};

/// List what build caches keep, in the order of namespaces and keys
///
/// An entry leads from a key, which a client such as Bazel or ccache has chosen, to a blob. Its namespace is the client (ac,
/// ccache, sccache, gradle, turbo or nx), and behind a slash the part of the cache, where there is one: ccache/main.
///
/// The key comes first on each line and the namespace last.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Entries {
    /// Those of this namespace, and no others
    #[arg(value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,

    #[command(flatten)]
    pub(crate) place: Place,

    /// Show the size of each blob in bytes, how many others the entry refers to, when it was written (UTC), and the blob
    #[arg(short, long, env = "AQUEDUCT_LONG", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) long: bool,

    /// Show how many there are in each namespace, and the sum of their sizes in bytes, instead of each
    // `count` is a number to `send`, and of a number and this one key of a file cannot be.
    #[arg(long, alias = "count", env = "AQUEDUCT_COUNTS", action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(crate) counts: bool,

    /// Begin after this key of the namespace
    #[arg(long, env = "AQUEDUCT_AFTER", value_name = "KEY")]
    pub(crate) after: Option<String>,

    /// Stop after this many
    #[arg(long, env = "AQUEDUCT_LIMIT", value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct entries --counts
  aqueduct entries -l ccache/main
  aqueduct entries --json ac | jq -r .digest";
