//! A bit that is flipped on its way costs what it hit: a segment, or the connection.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::census::{Census, Flip};
use super::client::Client;
use super::frames::Part;
use crate::e2e::aqueduct::Aqueduct;
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::proxy::{Direction, Proxy};
use crate::server::Server;

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("flipped bits");
    let dir = ground.dir.join("damage");
    for (size, connection_count) in SIZES {
        fs::create_dir(&dir)?;
        let file = dir.join("file");
        Filler::new(13).write_file(&file, size)?;
        let source = Aqueduct::new(ground.program, &dir.join("source"));
        source.call("put", [&file])?.success().context("put")?;
        for verb in [Verb::Put, Verb::Get] {
            let digest = agreement::openssl_sum(&file)?;
            Trial { program: ground.program, dir: &dir, file: &file, digest, size, connection_count, verb }
                .run(report)?;
        }
        fs::remove_dir_all(&dir)?;
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Put,
    Get,
}

struct Trial<'a> {
    program: &'a Path,
    dir: &'a Path,
    file: &'a Path,
    digest: String,
    size: u64,
    /// Over how many connections it goes when nothing is wrong.
    connection_count: u32,
    verb: Verb,
}

/// What a transfer cost.
struct Cost {
    census: Census,
    connection_count: u32,
}

impl Trial<'_> {
    fn run(&self, report: &mut Report) -> Result<()> {
        let clean = self.transfer(None).context("unharmed")?;
        let count = clean.connection_count;
        ensure!(count == self.connection_count, "it went over {count} connections");
        self.flip_payload(&clean, report)?;
        self.flip_heads(&clean, report)
    }

    fn flip_payload(&self, clean: &Cost, report: &mut Report) -> Result<()> {
        let direction = if self.verb == Verb::Put { Direction::ToServer } else { Direction::ToClient };
        let before = clean.census.count(direction, Part::Payload);
        let mut points = Filler::new(SEED);
        let (mut more_max, mut reconnects) = (0, 0);
        for _ in 0..PAYLOAD_FLIP_COUNT {
            let flip = flip(&mut points, direction, Part::Payload, before);
            let cost = self.transfer(Some(flip)).with_context(|| format!("{flip:?}"))?;
            let more = cost.census.count(direction, Part::Payload).saturating_sub(before);
            ensure!(more > 0, "{flip:?} was not noticed");
            ensure!(more <= SEGMENT_LEN, "{flip:?} cost {more} bytes");
            more_max = more_max.max(more);
            let again = cost.connection_count.saturating_sub(clean.connection_count);
            ensure!(again <= 1, "{flip:?} cost {again} connections");
            reconnects += again;
        }
        report.ok(&format!(
            "{:?} of {} bytes over {} connection(s): {PAYLOAD_FLIP_COUNT} times a payload bit was flipped (seed {SEED}): it \
             ends right, costs at most {more_max} bytes, and {reconnects} reconnects in all",
            self.verb, self.size, self.connection_count
        ));
        Ok(())
    }

    fn flip_heads(&self, clean: &Cost, report: &mut Report) -> Result<()> {
        let mut points = Filler::new(SEED);
        for direction in [Direction::ToServer, Direction::ToClient] {
            let before = clean.census.count(direction, Part::Head);
            let mut reconnects = 0;
            for _ in 0..HEAD_FLIP_COUNT {
                let flip = flip(&mut points, direction, Part::Head, before);
                let cost = self.transfer(Some(flip)).with_context(|| format!("{flip:?}"))?;
                let more = cost.connection_count.saturating_sub(clean.connection_count);
                ensure!(more <= 1, "{flip:?} cost {more} connections");
                reconnects += more;
            }
            report.ok(&format!(
                "{:?} of {} bytes: {HEAD_FLIP_COUNT} times a bit was flipped in one of {before} bytes {direction:?} that \
                 are no payload (seed {SEED}): it ends right, after one reconnect at most, {reconnects} in all",
                self.verb, self.size
            ));
        }
        Ok(())
    }

    /// Insists that it ends right.
    fn transfer(&self, flip: Option<Flip>) -> Result<Cost> {
        let place = self.dir.join("arrived");
        let store = match self.verb {
            Verb::Put => place.clone(),
            Verb::Get => self.dir.join("source"),
        };
        let server = Server::start(self.program, &store)?;
        let census = Census::new(flip);
        let reader = census.clone();
        let proxy = Proxy::start(server.host(), move |direction| reader.alter(direction))?;
        self.call(&proxy, &place)?;
        let connection_count = proxy.passed().connection_count;
        drop(proxy);
        server.stop()?;
        self.compare(&place)?;
        Ok(Cost { census, connection_count })
    }

    fn call(&self, proxy: &Proxy, place: &Path) -> Result<()> {
        let mut command = Command::new(self.program);
        let address = format!("aqueduct://{}", proxy.address());
        match self.verb {
            Verb::Put => command.args(["put", "--no-cache"]).arg(self.file),
            Verb::Get => command.args(["get", &self.digest, "--output"]).arg(place),
        };
        command.args(["--json", "--timeout", "10", "--server", &address]);
        let printed = Client::run(command, &self.dir.join("words"))?;
        let digest = &printed["files"][0]["digest"];
        ensure!(*digest == self.digest, "it says {digest}, and openssl {}", self.digest);
        Ok(())
    }

    /// Looks at what arrived, and removes it.
    fn compare(&self, place: &Path) -> Result<()> {
        let arrived: PathBuf = match self.verb {
            Verb::Put => Aqueduct::new(self.program, place).path_of(&self.digest)?,
            Verb::Get => place.to_owned(),
        };
        agreement::same_bytes(self.file, &arrived)?;
        match self.verb {
            Verb::Put => fs::remove_dir_all(place)?,
            Verb::Get => fs::remove_file(place)?,
        }
        Ok(())
    }
}

/// One of `count` bytes, and one of its bits.
fn flip(points: &mut Filler, direction: Direction, part: Part, count: u64) -> Flip {
    let bit = u32::try_from(points.number() >> 61).expect("three bits are left");
    Flip { direction, part, at: points.number() % count, bit }
}

/// One that is sent in one frame, one of one segment, one of five, of which the last is short, and one that goes over two
/// connections.
const SIZES: [(u64, u32); 4] = [(50_000, 1), (3 << 20, 1), ((18 << 20) + 7, 1), ((80 << 20) + 7, 2)];

const SEGMENT_LEN: u64 = 4 << 20;

const PAYLOAD_FLIP_COUNT: u32 = 4;

const HEAD_FLIP_COUNT: u32 = 12;

const SEED: u64 = 14;
