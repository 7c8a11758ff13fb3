use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueHint};

use super::TEMPLATE;

/// Check a store that no server has open, and mend what can be mended
///
/// Looks at all that the store consists of, and prints a line for each thing that is amiss and what was done about it. What is
/// derived (index.redb, checkpoint lists) is made anew where it is missing, damaged or wrong; meta.redb is never discarded;
/// what is not the store's is named and left alone. Blobs are not hashed, but for those of which something is amiss:
/// "aqueduct scrub" hashes all.
///
/// Exits with 0 if all is well or was mended, with 1 if somebody has to do something, and with 6 if a blob is damaged.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Fsck {
    /// The store's directory; no server may have it open
    #[arg(long, env = "AQUEDUCT_STORE", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,

    /// Only say what would be done
    #[arg(short = 'n', long, env = "AQUEDUCT_DRY_RUN", action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(crate) dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct fsck --store ~/blobs --dry-run
  aqueduct fsck --store ~/blobs";
