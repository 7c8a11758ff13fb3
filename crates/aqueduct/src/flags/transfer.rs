use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fmt, iter};

use aqueduct_transfer::{Peer, Preserve, Streams};
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueHint};

use super::bandwidth::Bandwidth;
use super::span::Span;

/// What `send` and `recv` share.
#[derive(Debug, Args)]
pub(crate) struct Transfer {
    /// A file with the ticket of the other side, or - for a line on standard input
    ///
    /// What stands on a command line can be read by everybody on the machine.
    #[arg(long, env = "AQUEDUCT_TICKET_FILE", value_name = "FILE|-", value_hint = ValueHint::FilePath)]
    pub(crate) ticket_file: Option<PathBuf>,

    /// Where to listen where nobody is named; port 0 is any that is free [default: any, at all addresses of this machine]
    #[arg(long, env = "AQUEDUCT_LISTEN", value_name = "ADDR:PORT", value_delimiter = ',')]
    pub(crate) listen: Vec<SocketAddr>,

    /// What the other side is to connect to, where that is none of this machine's own addresses; may be given more than once
    #[arg(long, env = "AQUEDUCT_ADVERTISE", value_name = "HOST", value_delimiter = ',', value_hint = ValueHint::Hostname)]
    pub(crate) advertise: Vec<String>,

    /// Let nc(1) be the other side, too: bare bytes, of which nothing is proven and nothing verified
    #[arg(long, env = "AQUEDUCT_RAW", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) raw: bool,

    /// Over how many connections bytes go: a number, or auto; of what both sides come to it is the smaller
    #[arg(short = 'j', long, env = "AQUEDUCT_STREAMS", value_name = "N", default_value = "auto", value_parser = streams)]
    pub(crate) streams: Streams,

    /// The most to move in a second: 100M or 100MiB is bytes, 800Mbit is bits [default: as much as there is]
    ///
    /// K, M and G are KiB, MiB and GiB; Kbit, Mbit and Gbit are thousands, millions and milliards of bits.
    // `limit` is a count of lines to `ls`, and of those two one key of a file cannot be.
    #[arg(short = 'l', long, alias = "limit", env = "AQUEDUCT_BWLIMIT", value_name = "RATE")]
    pub(crate) bwlimit: Option<Bandwidth>,

    /// What is kept of a file beside its bytes: of mode, mtime, symlinks, sparse, hardlinks, xattrs and owner, with commas
    /// between them; or all, or none
    ///
    /// Both sides have to want it. Only root can give files to others.
    #[arg(
        short,
        long,
        env = "AQUEDUCT_PRESERVE",
        value_name = "LIST",
        default_value = "mode,mtime,symlinks,sparse"
    )]
    pub(crate) preserve: Kept,

    /// How often to try again without a byte of progress where the connection breaks
    #[arg(long, env = "AQUEDUCT_RETRY", value_name = "COUNT", default_value = "10")]
    pub(crate) retry: u32,

    /// How long the other side may be silent before the connection counts as broken: seconds, or with min, h or d
    #[arg(long, env = "AQUEDUCT_TIMEOUT", value_name = "TIME", default_value = "15", value_parser = patience)]
    pub(crate) timeout: Span,

    /// How long the whole may take: seconds, or with min, h or d [default: as long as it takes]
    ///
    /// Then it ends with 124. What has come is kept, and the next run goes on with it.
    #[arg(long, env = "AQUEDUCT_DEADLINE", value_name = "TIME", value_parser = patience)]
    pub(crate) deadline: Option<Span>,

    /// End after the first who comes, which is the default
    #[arg(long, env = "AQUEDUCT_ONCE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          conflicts_with_all = ["count", "keep"])]
    pub(crate) once: bool,

    /// Where nobody is named, end after so many, one after the other
    #[arg(long, env = "AQUEDUCT_COUNT", value_name = "N", conflicts_with = "keep")]
    pub(crate) count: Option<NonZeroU32>,

    /// Where nobody is named, stay for whoever comes next, until a signal ends it
    #[arg(long, env = "AQUEDUCT_KEEP", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) keep: bool,

    /// Say what would be done, and do nothing
    #[arg(short = 'n', long, env = "AQUEDUCT_DRY_RUN", action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(crate) dry_run: bool,
}

impl Transfer {
    /// From or to how many; `None` is until it is told to stop. Somebody who was named is spoken to once.
    pub(crate) fn count(&self, peer: &Peer) -> Option<NonZeroU32> {
        match peer {
            Peer::Listen(_) if self.keep => None,
            Peer::Listen(_) => Some(self.count.unwrap_or(NonZeroU32::MIN)),
            _ => Some(NonZeroU32::MIN),
        }
    }

    /// Whether the ticket is on standard input.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.ticket_file.as_deref() == Some(Path::new("-"))
    }
}

/// What is kept of a file, in the words of `--preserve`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept(pub(crate) Preserve);

impl FromStr for Kept {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let every = |is: bool| Preserve {
            mode: is,
            mtime: is,
            symlinks: is,
            sparse: is,
            hardlinks: is,
            xattrs: is,
            owner: is,
        };
        let mut kept = every(false);
        for word in text.split(',').map(str::trim) {
            match word {
                "all" => kept = every(true),
                "none" if text.trim() == "none" => {}
                "mode" => kept.mode = true,
                "mtime" | "times" => kept.mtime = true,
                "symlinks" | "links" => kept.symlinks = true,
                "sparse" => kept.sparse = true,
                "hardlinks" => kept.hardlinks = true,
                "xattrs" | "xattr" => kept.xattrs = true,
                "owner" => kept.owner = true,
                other => {
                    return Err(format!("{other:?} is none of {}, all and none", WORDS.join(", ")));
                }
            }
        }
        Ok(Self(kept))
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Preserve { mode, mtime, symlinks, sparse, hardlinks, xattrs, owner } = self.0;
        let are = [mode, mtime, symlinks, sparse, hardlinks, xattrs, owner];
        let words: Vec<_> = iter::zip(WORDS, are).filter(|(_, is)| *is).map(|(word, _)| word).collect();
        match words.len() {
            0 => f.write_str("none"),
            7 => f.write_str("all"),
            _ => f.write_str(&words.join(",")),
        }
    }
}

fn streams(text: &str) -> Result<Streams, String> {
    if text == "auto" {
        return Ok(Streams::Auto);
    }
    match text.parse() {
        Ok(count) if count <= STREAM_COUNT_MAX => Ok(Streams::Count(count)),
        _ => Err(format!("it is auto, or a number from 1 to {STREAM_COUNT_MAX}")),
    }
}

fn patience(text: &str) -> Result<Span, &'static str> {
    match text.parse()? {
        Span(time) if time.is_zero() => Err("in no time nothing can be done"),
        span => Ok(span),
    }
}

const WORDS: [&str; 7] = ["mode", "mtime", "symlinks", "sparse", "hardlinks", "xattrs", "owner"];

/// More have never made anything faster, and each has a thread at either side.
const STREAM_COUNT_MAX: NonZeroU32 = NonZeroU32::new(64).expect("64 is not zero");

#[cfg(test)]
mod tests;
