use std::path::PathBuf;

use aqueduct_blob::Digest;
use aqueduct_transfer::Peer;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::peer::peer;
use super::size::Size;
use super::{TEMPLATE, Transfer};

/// Receive files or a tree from another machine, once
///
/// Without a SOURCE it waits, and prints what to type on the other machine. Every file is verified as it lands, and gets its
/// name when it is whole and right. What is there already is not overwritten, unless a flag says so.
///
/// A connection that breaks is taken up again, and so is a transfer that was ended: run the same command again. What has
/// arrived is kept beside where it goes, and is neither sent nor hashed a second time.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES, visible_alias = "receive", alias = "rx")]
pub(crate) struct Recv {
    /// The ticket that "aqueduct send" printed (aq1-...), or - to read it from standard input, where nobody else sees it;
    /// http://HOST/PATH; or raw://HOST:PORT for an nc that listens
    #[arg(value_name = "SOURCE", value_parser = source)]
    pub(crate) source: Option<Source>,

    /// Where to put it: a directory, a name that is not there yet, or - for standard output [default: the directory at hand]
    #[arg(short, long, env = "AQUEDUCT_OUTPUT", value_name = "DIR|FILE|-", value_hint = ValueHint::AnyPath)]
    pub(crate) output: Option<PathBuf>,

    /// Replace files that are there, and merge directories
    #[arg(short, long, env = "AQUEDUCT_FORCE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          conflicts_with_all = ["keep_both", "skip_existing"])]
    pub(crate) force: bool,

    /// Give what comes another name where one is taken: NAME-1
    #[arg(long, env = "AQUEDUCT_KEEP_BOTH", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          conflicts_with = "skip_existing")]
    pub(crate) keep_both: bool,

    /// Leave what is there as it is, and take the rest
    #[arg(long, env = "AQUEDUCT_SKIP_EXISTING", action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(crate) skip_existing: bool,

    /// How far what came is on the medium when this is done
    #[arg(long, env = "AQUEDUCT_SYNC", value_name = "HOW", default_value = "data")]
    pub(crate) sync: Flush,

    /// Go on with what an earlier run left, which is the default
    #[arg(long, env = "AQUEDUCT_RESUME", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          conflicts_with = "no_resume")]
    pub(crate) resume: bool,

    /// Throw away what an earlier run left, and begin anew
    #[arg(long, env = "AQUEDUCT_NO_RESUME", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) no_resume: bool,

    /// Hash what an earlier run left once more before it is believed
    #[arg(long, env = "AQUEDUCT_RECHECK", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) recheck: bool,

    /// Print "HEX  PATH" for each file on standard output, as sha256sum(1) and b3sum(1) read it with -c
    #[arg(long, env = "AQUEDUCT_PRINT_DIGEST", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          conflicts_with = "json")]
    pub(crate) print_digest: bool,

    /// What bytes must be that come from nc, which says nothing about them: DIGEST as sha256:HEX or blake3:HEX
    #[arg(long, env = "AQUEDUCT_EXPECT", value_name = "DIGEST")]
    pub(crate) expect: Option<Digest>,

    /// How many bytes these must be, in bytes or with KiB, MiB, GiB or TiB
    ///
    /// Without it the end of bare bytes cannot be told from a connection that was cut.
    #[arg(long, env = "AQUEDUCT_SIZE", value_name = "SIZE")]
    pub(crate) size: Option<Size>,

    #[command(flatten)]
    pub(crate) transfer: Transfer,
}

/// Who is named on the command line.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Peer(Peer),
    /// Whose ticket is on standard input.
    Stdin,
}

/// How far what was received is on the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flush {
    /// Nothing is waited for
    None,
    /// The bytes are there, and the names of files
    Data,
    /// So are their times and modes
    Full,
}

fn source(text: &str) -> Result<Source, String> {
    match (text, peer(text)) {
        ("-", _) => Ok(Source::Stdin),
        (_, Some(peer)) => peer.map(Source::Peer),
        _ => Err("it is a ticket (aq1-...), http://HOST/PATH, raw://HOST:PORT or -; -o says where it goes"
            .to_owned()),
    }
}

const EXAMPLES: &str = "\
Examples:
  aqueduct recv aq1-TICKET                    into this directory, under its own name
  aqueduct recv aq1-TICKET -o - | tar x
  aqueduct recv - < ticket                    the ticket is in no list of processes
  aqueduct recv                               waits, and prints what to type on the other machine
  aqueduct recv --raw -o disk.img             and there: nc -N HOST PORT < disk.img";
