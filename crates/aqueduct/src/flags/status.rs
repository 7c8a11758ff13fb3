use clap::Args;

use super::span::Span;
use super::{Place, TEMPLATE};

/// Show what a server does, and how its store is
///
/// What is counted, is counted since the server started. With a browser, http://HOST:PORT/ui shows the same and more.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Ask again after so many seconds, until interrupted, and say how much that was a second
    #[arg(long, env = "AQUEDUCT_WATCH", value_name = "TIME")]
    pub(crate) watch: Option<Span>,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct status
  aqueduct status --watch 2 --server http://HOST:PORT
  aqueduct status --json | jq .store.free";
