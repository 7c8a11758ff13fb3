use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::TEMPLATE;

/// Find out what this kernel and a filesystem really do, and say what to do about it
///
/// Everything is tried, nothing is looked up by version: what a container forbids or a filesystem lacks is seen. It takes
/// about a second, needs no rights, and leaves nothing behind. Each finding is "good", a "note" (worth knowing), or needs
/// "action"; the exit code is 1 where any needs action, and 0 where none does.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Doctor {
    /// The store's directory, or where one is to be [default: aqueduct/store in $XDG_DATA_HOME or ~/.local/share]
    ///
    /// Where it does not exist, the nearest directory above it that does is tried. A server may have the store open.
    #[arg(long, env = "AQUEDUCT_STORE", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct doctor
  aqueduct doctor --store /srv/blobs --json | jq '.findings[] | select(.state != \"good\")'";
