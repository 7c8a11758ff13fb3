use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueHint};

use super::size::Size;
use super::{SECONDS_MAX, TEMPLATE};

/// Measure every way of moving bytes, on this machine
///
/// What Aqueduct could do with a file is done, each way beside the others: sending it to a TCP connection, receiving it
/// into a file and hashing it on its way, passing it on from one connection to another, copying it, hashing it. The ways
/// that Aqueduct takes are measured with its own code; the others, among them the copy through 4 KiB that zero copy was
/// compared with in 2008, are there to be held against it.
///
/// Printed are GiB a second; the processor seconds, system calls and context switches that a GiB costs the threads that
/// move it; what kept it from being faster; and from which size on sendfile is cheaper than copying. Ways alternate in
/// rounds; a figure is a median, with the smallest and the largest sample. A way that this kernel or filesystem lacks is
/// named, with the reason. Before it is measured, each way moves a few bytes that are compared where they arrive.
///
/// All connections are over loopback, which flatters: nothing is lost, a segment has 64 KiB, there is no network card, and
/// both ends share the cores and caches of one machine. It tells what a way costs a processor, and nothing about a
/// network. "Cold" files were dropped from the page cache (posix_fadvise) before each operation, and none of their pages
/// was left there (cachestat); what is under that, such as the cache of a disk or a host, may still have them.
///
/// The exit code is 1 where nothing at all could be measured.
///
/// It takes about a minute and up to 2 GiB of disk and memory, or less where there is less. No file that it works on ever
/// has a name, so nothing is left behind, however it ends.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Bench {
    /// What to measure: send, receive, relay, local, hash, or part of a way's name as "send/sendfile" [default: everything]
    #[arg(value_name = "WHAT")]
    pub(crate) wanted: Vec<String>,

    /// Work on files of the filesystem that this directory is on
    #[arg(
        long, env = "AQUEDUCT_DIR", value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath
    )]
    pub(crate) dir: PathBuf,

    /// Work on files of this size; may be given more than once [default: what suits each kind of work, 1KiB to 1GiB]
    #[arg(long, env = "AQUEDUCT_SIZE", value_name = "SIZE", value_delimiter = ',')]
    pub(crate) size: Vec<Size>,

    /// Measure up to where a server should answer from memory, copy or splice here, and write that down for it
    ///
    /// It takes up to a minute, and only measures what is needed for it: the flags --memory-max, --copy-max and
    /// --receive-copy-max of "aqueduct serve". What is found becomes the file "calibration" in the directory of the store,
    /// which "serve" reads when it starts, and which may be deleted. A default is left only where another size is clearly
    /// better: by a tenth at least, and by more than samples of one and the same differ.
    #[arg(
        long, env = "AQUEDUCT_CALIBRATE", conflicts_with_all = ["wanted", "size", "quick", "csv", "html"],
        action = ArgAction::SetTrue, value_parser = BoolishValueParser::new()
    )]
    pub(crate) calibrate: bool,

    /// With --calibrate: the store's directory, made if there is none [default: aqueduct/store in $XDG_DATA_HOME or
    /// ~/.local/share]
    #[arg(long, env = "AQUEDUCT_STORE", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<PathBuf>,

    /// Take a few seconds only: fewer and smaller sizes, and larger spreads
    #[arg(long, env = "AQUEDUCT_QUICK", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) quick: bool,

    /// Begin nothing that would probably end later than this [default: 60, with --quick 8, with --calibrate 50]
    #[arg(long, env = "AQUEDUCT_TIME", value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    pub(crate) time: Option<u64>,

    /// Print comma-separated values, a line a figure; what was skipped is said on standard error
    #[arg(
        long, env = "AQUEDUCT_CSV", conflicts_with = "json",
        action = ArgAction::SetTrue, value_parser = BoolishValueParser::new()
    )]
    pub(crate) csv: bool,

    /// Write a page with plots to this file, too: one file, without scripts, fit to be sent to somebody
    #[arg(long, env = "AQUEDUCT_HTML", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) html: Option<PathBuf>,

    /// Replace the page if there is one
    #[arg(
        short, long, env = "AQUEDUCT_FORCE", requires = "html",
        action = ArgAction::SetTrue, value_parser = BoolishValueParser::new()
    )]
    pub(crate) force: bool,
}

const EXAMPLES: &str = "\
Examples:
  aqueduct bench
  aqueduct bench --quick send
  aqueduct bench receive hash --dir /srv --html bench.html
  aqueduct bench send/sendfile send/copy --size 64KiB,1MiB,1GiB --json
  aqueduct bench --calibrate --store /srv/blobs";
