use aqueduct_blob::UploadId;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use super::digests::Named;
use super::{Place, TEMPLATE};

/// Drop uploads, with what came of them so far
///
/// A blob that an upload has become stays. Exits with 3 if an upload is not there; the others are dropped all the same.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Drop {
    /// Ids of uploads, or - for those on standard input: the first word of each line
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<Named<UploadId>>,

    #[command(flatten)]
    pub(crate) place: Place,

    /// An upload that is not there is fine
    #[arg(short, long, env = "AQUEDUCT_FORCE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) force: bool,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct drop 0123456789abcdef0123456789abcdef
  aqueduct uploads | aqueduct drop -";
