//! The native protocol: many small files, near and far, many questions, and a large file.

mod asker;
mod distance;
mod large;
mod questions;
mod small;

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::meter::Meter;
use super::run::{Taken, alternate};
use super::{Extent, machine};
use crate::server::Server;
use small::Sources;

/// `program` is `aqueduct`, and `bench` is `aqueduct-bench`.
pub(super) fn run(program: &Path, bench: &Path, scratch: &Path, extent: Extent) -> Result<()> {
    let stand = Stand { program, bench, scratch };
    println!("{}; loopback", machine::describe(scratch)?);
    println!("{}; servers with `--sync none`, arms alternating", machine::version("curl", "--version")?);
    let others = machine::load()?;
    println!("The load in the minute before this was {others}.\n");
    let sources = Sources::make(&stand, if extent == Extent::Full { 10_000 } else { 32 })?;
    // The questions are asked first, so that what an earlier run left has been gone for a while when files are made, and
    // the large file last, since its copies are removed in between.
    let digest_count = if extent == Extent::Full { 100_000 } else { 64 };
    questions::run(&stand, &sources, digest_count, if extent == Extent::Full { 7 } else { 1 })?;
    small::near(&stand, &sources, if extent == Extent::Full { 7 } else { 1 })?;
    small::far(&stand, &sources, if extent == Extent::Full { 3 } else { 1 })?;
    let (size, round_count) = if extent == Extent::Full { (1 << 30, 7) } else { ((9 << 20) + 1, 1) };
    large::run(&stand, size, round_count)
}

/// What every measurement stands on.
struct Stand<'a> {
    program: &'a Path,
    bench: &'a Path,
    scratch: &'a Path,
}

impl Stand<'_> {
    /// A server over a new store.
    fn serve(&self, store: &str) -> Result<(Server, Meter)> {
        let command = Command::new(self.program);
        let server = Server::start_by(command, &self.scratch.join(store), &["--sync", "none"])?;
        let meter = Meter::of(server.pid())?;
        Ok((server, meter))
    }
}

/// What one run took.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// The wall, and the client's CPU.
    taken: Taken,
    /// Seconds; none where there is no server.
    server_cpu: Option<f64>,
}
