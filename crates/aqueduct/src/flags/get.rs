use std::error::Error;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use aqueduct_blob::{ByteRange, Digest};
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueHint};

use super::digests::Named;
use super::put::Sync;
use super::{Place, TEMPLATE};

/// Fetch blobs, or ranges of their bytes
///
/// A file appears under its name whole and verified, or not at all. What goes to standard output is verified when the
/// exit code is 0, and not before; only a store's pieces are each checked before they are sent. A range of bytes from a
/// server cannot be verified: -v and --json say so.
///
/// A get whose connection breaks goes on where it was. One that is killed leaves nothing behind, and begins anew when it is
/// run again.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Get {
    /// A digest, or one with a range of bytes: DIGEST/0-99, DIGEST/100- or DIGEST/-5 (the last five); or - for those on
    /// standard input: the first word of each line
    #[arg(required = true, value_name = "DIGEST[/RANGE]")]
    pub(crate) wanted: Vec<Named<Wanted>>,

    #[command(flatten)]
    pub(crate) place: Place,

    /// A file; a directory, for files named ALGORITHM-HEX; or - for standard output, which is the default
    #[arg(short, long, env = "AQUEDUCT_OUTPUT", value_name = "FILE|DIR|-", value_hint = ValueHint::AnyPath)]
    pub(crate) output: Option<PathBuf>,

    /// Replace a file that exists
    ///
    /// Without it that is exit code 4, unless the file holds the very blob already: then nothing is left to do.
    #[arg(short, long, env = "AQUEDUCT_FORCE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) force: bool,

    /// Whether the file is on the medium when this is done
    #[arg(long, env = "AQUEDUCT_SYNC", value_name = "HOW", default_value = "full")]
    pub(crate) sync: Sync,

    /// How many threads verify what comes from a store, and over how many connections a blob of 64 MiB or more comes
    /// from a server [default: the number of cores, and 2]
    #[arg(short = 'j', long, env = "AQUEDUCT_THREADS", value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// A blob, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) digest: Digest,
    pub(crate) range: Option<ByteRange>,
}

impl FromStr for Wanted {
    type Err = Box<dyn Error + Send + std::marker::Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            None => Ok(Self { digest: text.parse()?, range: None }),
            Some((digest, range)) => Ok(Self { digest: digest.parse()?, range: Some(range.parse()?) }),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.range {
            None => write!(f, "{}", self.digest),
            Some(range) => write!(f, "{}/{range}", self.digest),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  aqueduct get sha256:HEX -o disk.img
  aqueduct get sha256:HEX | tar x
  aqueduct get sha256:HEX/0-511 -o boot-sector --store ~/blobs
  aqueduct get - -o restored < digests.txt";
