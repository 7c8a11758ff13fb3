use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::TEMPLATE;

/// Print the manual, or write its pages to a directory
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Man {
    /// A directory that exists; gets one page a command
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct man | man -l -
  aqueduct man ~/.local/share/man/man1";
