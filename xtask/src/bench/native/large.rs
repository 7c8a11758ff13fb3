//! One large file, up and down, over one connection, two, and HTTP.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Cost, Stand, alternate};
use crate::bench::figures::{Spread, gib, print_table};
use crate::bench::meter::Meter;
use crate::bench::run::{Taken, timed};
use crate::filler::Filler;
use crate::process;
use crate::server::Server;

pub(super) fn run(stand: &Stand<'_>, size: u64, round_count: usize) -> Result<()> {
    let file = stand.scratch.join("large-file");
    Filler::new(21).write_file(&file, size)?;
    let said = process::run(Command::new("openssl").args(["dgst", "-sha256", "-r"]).arg(&file))?;
    let (hex, _) = said.stdout.split_once(' ').context("openssl printed a line of unknown shape")?;
    let text = |path: &std::path::Path| path.to_str().map(str::to_owned).context("its path is not UTF-8");
    let (server, meter) = stand.serve("large-store")?;
    let copy = stand.scratch.join("large-copy");
    let bout = Bout {
        stand,
        server: &server,
        meter: &meter,
        file: text(&file)?,
        copy: text(&copy)?,
        digest: format!("sha256:{hex}"),
    };
    let costs = alternate(ARMS.len(), round_count, |arm, _| bout.both_ways(&ARMS[arm]))?;
    server.stop()?;
    println!(
        "{:.2} GiB, SHA-256, {round_count} rounds; the server's disk and the client's is one",
        gib(size)
    );
    let mut rows = Vec::new();
    for (way, what) in ["put", "get"].into_iter().enumerate() {
        for (arm, costs) in ARMS.iter().zip(&costs) {
            let costs = costs.iter().map(|both| both[way]);
            let server = costs.clone().map(|cost| cost.server_cpu.unwrap_or_default() / gib(size));
            rows.push(vec![
                what.to_owned(),
                arm.name.to_owned(),
                format!("{:.2}", Spread::of(costs.clone().map(|cost| gib(size) / cost.taken.wall))),
                format!("{:.2}", Spread::of(costs.map(|cost| cost.taken.cpu / gib(size)))),
                format!("{:.2}", Spread::of(server)),
            ]);
        }
    }
    print_table(&["asked", "arm", "GiB/s", "client CPU s/GiB", "server CPU s/GiB"], &rows);
    Ok(())
}

struct Arm {
    name: &'static str,
    scheme: &'static str,
    threads: &'static str,
}

const ARMS: &[Arm] = &[
    Arm { name: "native, -j 1", scheme: "aqueduct", threads: "1" },
    Arm { name: "native, -j 2", scheme: "aqueduct", threads: "2" },
    Arm { name: "HTTP", scheme: "http", threads: "1" },
];

struct Bout<'a> {
    stand: &'a Stand<'a>,
    server: &'a Server,
    meter: &'a Meter,
    file: String,
    copy: String,
    digest: String,
}

impl Bout<'_> {
    /// Nothing of it is left.
    fn both_ways(&self, arm: &Arm) -> Result<[Cost; 2]> {
        let put = self.measure(arm, &["put", "--no-cache", &self.file, "-j", arm.threads])?;
        let get = ["get", &self.digest, "--sync", "none", "--output", &self.copy, "-j", arm.threads];
        let fetched = self.measure(arm, &get)?;
        fs::remove_file(&self.copy)?;
        self.call(arm, &["rm", &self.digest])?;
        Ok([put, fetched])
    }

    fn measure(&self, arm: &Arm, arguments: &[&str]) -> Result<Cost> {
        process::settle(self.stand.scratch)?;
        let before = self.meter.seconds()?;
        let taken = self.call(arm, arguments)?;
        Ok(Cost { taken, server_cpu: Some(self.meter.seconds()? - before) })
    }

    fn call(&self, arm: &Arm, arguments: &[&str]) -> Result<Taken> {
        let program = self.stand.program.to_str().context("its path is not UTF-8")?;
        let server = format!("{}://{}", arm.scheme, self.server.host());
        timed(&[&[program, "--quiet"], arguments, &["--server", &server]].concat(), None)
    }
}
