use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueEnum};

/// How a command speaks: flags that all commands have.
#[derive(Debug, Args)]
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
    /// put, get, rm, drop, verify, bench and doctor print one object when they are done, or must stop; has, ls and uploads,
    /// whose lists may be long, and serve print one object a line as they go. A path that is not UTF-8 has its bytes in
    /// "path_bytes".
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
