use aqueduct_blob::UploadId;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use super::{Place, TEMPLATE};

/// List the uploads that can go on, and those that are finished and still remembered
///
/// A file of more than 4 MiB reaches a server as an upload, whose id follows from the file. Whatever breaks it off, the
/// same put goes on with it, until serve --upload-expiry has passed.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Uploads {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Show how many bytes are there of how many, when the last came (UTC), and the blob that came of it
    #[arg(short, long, env = "AQUEDUCT_LONG", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) long: bool,

    /// Begin after this one
    #[arg(long, env = "AQUEDUCT_AFTER", value_name = "ID")]
    pub(crate) after: Option<UploadId>,

    /// Stop after this many
    #[arg(long, env = "AQUEDUCT_LIMIT", value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct uploads -l
  aqueduct uploads | aqueduct drop -";
