use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueEnum, ValueHint};

/// How a command speaks: flags that all commands have.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Manner {
    /// Say nothing but results and errors
    #[arg(
        short, long, global = true, env = "AQUEDUCT_QUIET", conflicts_with = "verbose",
        action = ArgAction::SetTrue, value_parser = BoolishValueParser::new()
    )]
    pub(crate) quiet: bool,

    /// Say more: each file, and the route its bytes took
    #[arg(short, long, global = true, env = "AQUEDUCT_VERBOSE", action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Print results as JSON
    ///
    /// put, get, rm, drop, forget, verify, bench and doctor print one object when they are done, or must stop; has, ls, uploads
    /// and entries, whose lists may be long, and serve print one object a line as they go. send and recv print an event a line,
    /// with "v":1 and "event". A path that is not UTF-8 has its bytes in "path_bytes".
    #[arg(
        long, global = true, env = "AQUEDUCT_JSON",
        action = ArgAction::SetTrue, value_parser = BoolishValueParser::new()
    )]
    pub(crate) json: bool,

    /// When to use color
    #[arg(long, global = true, env = "AQUEDUCT_COLOR", value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,

    /// How to show progress of long work
    #[arg(long, global = true, env = "AQUEDUCT_PROGRESS", value_name = "HOW", default_value = "auto")]
    pub(crate) progress: Progress,

    /// Read this configuration file, and no other: /dev/null for none [default: /etc/aqueduct/config.toml, and then
    /// aqueduct/config.toml in $XDG_CONFIG_HOME or ~/.config]
    ///
    /// The names of its keys are those of the flags, without dashes in front. A key at its top is for every command that has
    /// such a flag, and one in a table for the command that the table is named after. A flag counts more than a variable, a
    /// variable more than a file, the later file more than the one before, and a table more than the top.
    #[arg(long, global = true, env = "AQUEDUCT_CONFIG", value_name = "FILE", value_hint = ValueHint::FilePath,
          help_heading = "Configuration")]
    pub(crate) config: Option<PathBuf>,

    /// Print what each option of the command is, and who says so; do nothing else
    #[arg(long, global = true, action = ArgAction::SetTrue, help_heading = "Configuration")]
    pub(crate) show_config: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// A bar on a terminal, lines elsewhere
    Auto,
    /// A bar
    Bar,
    /// A line every ten seconds
    Plain,
    /// Nothing
    None,
}
