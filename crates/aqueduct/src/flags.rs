//! The flag list: what `--help`, the completions and the man page are made of.
//!
//! A new command is a file here, a file in `commands`, and a line in each of the two enums' lists. Every flag has a
//! variable of the environment, `AQUEDUCT_` and its name, and is a key of configuration files ([`config`]). [`reading`] puts
//! together what all of these say.

mod bandwidth;
mod bench;
mod completions;
mod config;
mod crsh;
mod digests;
mod doctor;
mod drop;
mod entries;
mod forget;
mod fsck;
mod get;
mod has;
mod landlock;
mod ls;
mod man;
mod manner;
mod options;
mod peer;
mod pin;
mod place;
mod put;
mod rate;
mod reading;
mod recv;
mod rm;
mod scrub;
mod send;
mod serve;
mod size;
mod span;
mod status;
mod transfer;
mod uploads;
mod verify;

use clap::{Parser, Subcommand};

pub(crate) use bench::Bench;
pub(crate) use completions::Completions;
pub(crate) use crsh::Crsh;
pub(crate) use digests::Named;
pub(crate) use doctor::Doctor;
pub(crate) use drop::Drop;
pub(crate) use entries::Entries;
pub(crate) use forget::Forget;
pub(crate) use fsck::Fsck;
pub(crate) use get::{Get, Wanted};
pub(crate) use has::Has;
pub(crate) use landlock::Landlock;
pub(crate) use ls::Ls;
pub(crate) use man::{Form, Man};
pub(crate) use manner::{Color, Manner, Progress};
pub(crate) use options::{Shared, default_of, help_of, key_of, options, shared, value_of};
pub(crate) use peer::peer;
pub(crate) use pin::{Pin, Pins, Unpin};
pub(crate) use place::{Place, Server};
pub(crate) use put::{Put, Sync};
pub(crate) use rate::Rate;
pub(crate) use reading::{By, CRSH_ENDPOINT, CommandLine, Read, Shown};
pub(crate) use recv::{Flush, Recv, Source};
pub(crate) use rm::Rm;
pub(crate) use scrub::Scrub;
pub(crate) use send::{Send, Verify as Verifying};
pub(crate) use serve::{LogFormat, REREAD, Serve};
pub(crate) use size::Size;
pub(crate) use status::Status;
pub(crate) use transfer::Transfer;
pub(crate) use uploads::Uploads;
pub(crate) use verify::Verify;

/// Keeps large immutable files under the digest of their bytes, and knows that every byte is right
#[derive(Debug, Parser)]
#[command(
    name = "aqueduct",
    version,
    help_template = TEMPLATE,
    before_help = EXAMPLES,
    after_long_help = EXIT_CODES,
    max_term_width = 100,
    disable_help_subcommand = false
)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) manner: Manner,
}

/// One variant a command, in the order of the help.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Send(Send),
    Recv(Recv),
    Put(Put),
    Get(Get),
    Has(Has),
    Ls(Ls),
    Rm(Rm),
    Pin(Pin),
    Unpin(Unpin),
    Pins(Pins),
    Uploads(Uploads),
    Drop(Drop),
    Entries(Entries),
    Forget(Forget),
    Verify(Verify),
    Scrub(Scrub),
    Fsck(Fsck),
    Serve(Serve),
    Crsh(Crsh),
    Status(Status),
    Bench(Bench),
    Doctor(Doctor),
    Completions(Completions),
    Man(Man),
}

/// A year: nobody waits longer, and no clock overflows.
const SECONDS_MAX: u64 = 365 * 24 * 60 * 60;

/// Examples come first: most people read no further.
pub(crate) const TEMPLATE: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}";

const EXAMPLES: &str = "\
Examples:
  aqueduct send model.bin                        to another machine: prints what to type there
  aqueduct serve                                 on 127.0.0.1:7070, where the others look for it
  aqueduct put disk.img                          prints sha256:<64 hex digits>  disk.img
  aqueduct get sha256:HEX -o copy.img
  aqueduct has sha256:HEX                        exit code 0: it is there, 3: it is not
  aqueduct ls -l --server aqueduct://HOST:PORT   another server, or export AQUEDUCT_SERVER=...
  aqueduct verify --store ~/blobs                no server: --store DIR, or export AQUEDUCT_STORE=...";

const EXIT_CODES: &str = "\
Exit codes:
    0  done, and verified
    1  another error: the store is locked, damaged, too new or not there; the server failed; doctor or fsck
       found what needs action; bench could measure nothing
    2  the command line is wrong
    3  a source is missing or unreadable; a blob, upload or entry is not in the store
    4  the destination exists, and --force was not given
    5  the network: the other side cannot be reached, or was lost and did not come back; what came of a transfer
       is kept
    6  the bytes are not what their digest says
    7  no space; what came of a transfer is kept
    8  the disk failed, or something may not be read or written
    9  the other side refused: the ticket, the token, the name it was called by, or the size
   10  the other side does not speak as Aqueduct does
   11  a source changed while it was read
   12  some files of several failed; each is named on standard error
   13  all was sent, and nobody verified it, with --require-verify
  124  the time that --deadline gives is up; what came is kept
  130  interrupted (SIGINT), as a shell reports it; what came of a transfer is kept
  143  ended (SIGTERM), the same

Results go to standard output, everything else to standard error. NO_COLOR and CLICOLOR_FORCE are respected.";
