use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::TEMPLATE;

/// Print the manual, or write its pages to a directory
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Man {
    /// A directory that exists; gets one page a command
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,

    /// What to print
    #[arg(long = "as", env = "AQUEDUCT_AS", value_name = "FORM", default_value = "pages")]
    pub(crate) form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// The manual, for man(1)
    Pages,
    /// All options of all commands, in Markdown
    Options,
    /// A configuration file with all of them, each commented out
    Config,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct man | man -l -
  aqueduct man ~/.local/share/man/man1
  aqueduct man --as config > ~/.config/aqueduct/config.toml";
