//! What is asked of each server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::contender::Contender;
use super::stream::Stream;
use crate::bench::figures::{Spread, gib};
use crate::bench::run::Taken;
use crate::filler::Filler;
use crate::process;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Workload {
    /// One large blob, over one connection.
    GetLarge,
    /// One small blob, again and again over many connections.
    GetSmall,
    /// One large blob that was not there.
    PutLarge,
}

impl Workload {
    pub(super) const ALL: [Self; 3] = [Self::GetLarge, Self::GetSmall, Self::PutLarge];

    pub(super) fn is_upload(self) -> bool {
        self == Self::PutLarge
    }

    /// What is on the medium already is served alike, whatever was synced.
    pub(super) fn is_for(self, contender: &Contender) -> bool {
        self.is_upload() || contender.is_nginx() || contender.is_syncing()
    }

    pub(super) fn figure(self) -> Figure {
        if self == Self::GetSmall { Figure::Requests } else { Figure::Bytes }
    }
}

/// How much is asked for.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    large: u64,
    small: u64,
    /// How often the large blob is fetched in one measurement: CPU is told in hundredths of a second.
    large_count: u32,
    connection_count: u32,
    seconds: u32,
}

impl Sizes {
    pub(super) const FULL: Self =
        Self { large: 1 << 30, small: 4 << 10, large_count: 8, connection_count: 64, seconds: 4 };
    pub(super) const SMOKE: Self =
        Self { large: (9 << 20) + 1, small: 4 << 10, large_count: 2, connection_count: 4, seconds: 1 };
}

/// What one measurement is told in.
#[derive(Clone, Copy)]
pub(super) enum Figure {
    /// `Taken` is for one GiB.
    Bytes,
    /// `Taken` is for one request.
    Requests,
}

impl Figure {
    pub(super) fn speed(self, taken: &Taken) -> f64 {
        1.0 / taken.wall
    }

    pub(super) fn cpu(self, taken: &Taken) -> f64 {
        taken.cpu
    }

    pub(super) fn show_speed(self, speed: Spread) -> String {
        match self {
            Self::Bytes => format!("{speed:.2} GiB/s"),
            Self::Requests => format!("{speed:.0} requests/s"),
        }
    }

    pub(super) fn show_cpu(self, cpu: Spread) -> String {
        match self {
            Self::Bytes => format!("{cpu:.3} s/GiB"),
            Self::Requests => format!("{:.2} us/request", cpu.times(1e6)),
        }
    }
}

/// The files that are asked for.
pub(super) struct Load {
    sizes: Sizes,
    large: Blob,
    small: Blob,
    /// What goes up, and is removed again.
    upload: Blob,
}

impl Load {
    pub(super) fn make(scratch: &Path, sizes: Sizes) -> Result<Self> {
        Ok(Self {
            sizes,
            large: Blob::make(scratch, "large", 1, sizes.large)?,
            small: Blob::make(scratch, "small", 2, sizes.small)?,
            upload: Blob::make(scratch, "upload", 3, sizes.large)?,
        })
    }

    /// Puts what is to be fetched where the server has it.
    pub(super) fn bring_to(&self, contender: &Contender) -> Result<()> {
        for blob in [&self.large, &self.small] {
            put(&blob.file, &contender.url(&blob.digest))?;
        }
        // Once without looking at the time: then everything is in the page cache, and whatever is kept open is open.
        let mut stream = Stream::connect(contender.address())?;
        for blob in [&self.large, &self.small] {
            stream.drain(&contender.target(&blob.digest))?;
        }
        Ok(())
    }

    pub(super) fn measure(&self, workload: Workload, contender: &Contender) -> Result<Taken> {
        let before = contender.meter().seconds()?;
        let (wall, count) = match workload {
            Workload::GetLarge => self.fetch_large(contender)?,
            Workload::GetSmall => self.fetch_small(contender)?,
            Workload::PutLarge => self.put_large(contender)?,
        };
        let cpu = contender.meter().seconds()? - before;
        if workload.is_upload() {
            process::run(
                Command::new("curl")
                    .args([CURL, &["--request", "DELETE"]].concat())
                    .arg(contender.url(&self.upload.digest)),
            )?;
        }
        Ok(Taken { wall: wall / count, cpu: cpu / count })
    }

    fn fetch_large(&self, contender: &Contender) -> Result<(f64, f64)> {
        let mut stream = Stream::connect(contender.address())?;
        let target = contender.target(&self.large.digest);
        let began = Instant::now();
        for _ in 0..self.sizes.large_count {
            ensure!(stream.drain(&target)? == self.sizes.large, "it is of another size");
        }
        Ok((began.elapsed().as_secs_f64(), f64::from(self.sizes.large_count) * gib(self.sizes.large)))
    }

    fn fetch_small(&self, contender: &Contender) -> Result<(f64, f64)> {
        let said = process::run(Command::new("wrk").args(self.wrk()).arg(contender.url(&self.small.digest)))?;
        let answered =
            Answered::parse(&said.stdout).with_context(|| format!("wrk printed: {}", said.stdout))?;
        ensure!(!answered.is_failed, "wrk met errors: {}", said.stdout);
        Ok((answered.seconds, answered.count))
    }

    fn put_large(&self, contender: &Contender) -> Result<(f64, f64)> {
        let began = Instant::now();
        put(&self.upload.file, &contender.url(&self.upload.digest))?;
        Ok((began.elapsed().as_secs_f64(), gib(self.sizes.large)))
    }

    fn wrk(&self) -> [String; 3] {
        let Sizes { connection_count, seconds, .. } = self.sizes;
        [
            "--threads=1".to_owned(),
            format!("--connections={connection_count}"),
            format!("--duration={seconds}s"),
        ]
    }

    /// As it stands in the table.
    pub(super) fn name(&self, workload: Workload) -> String {
        let Sizes { connection_count, .. } = self.sizes;
        match workload {
            Workload::GetLarge => format!("GET {}, 1 connection", Size(self.sizes.large)),
            Workload::GetSmall => format!("GET {}, {connection_count} connections", Size(self.sizes.small)),
            Workload::PutLarge => format!("PUT {}", Size(self.sizes.large)),
        }
    }

    /// As a person would type it.
    pub(super) fn typed(&self, workload: Workload) -> String {
        match workload {
            Workload::GetLarge => format!(
                "{} requests over one connection of `cargo xtask bench` itself, which reads into 256 KiB and drops it",
                self.sizes.large_count
            ),
            Workload::GetSmall => format!("`wrk {} URL`", self.wrk().join(" ")),
            Workload::PutLarge => {
                "`curl -T FILE URL`, from its start to its end; the blob is removed, and the disk settles, in between"
                    .to_owned()
            }
        }
    }
}

struct Blob {
    file: PathBuf,
    digest: String,
}

impl Blob {
    fn make(scratch: &Path, name: &str, seed: u64, size: u64) -> Result<Self> {
        let file = scratch.join(name);
        Filler::new(seed).write_file(&file, size)?;
        let said = process::run(Command::new("openssl").args(["dgst", "-sha256", "-r"]).arg(&file))?;
        let (hex, _) =
            said.stdout.split_once(' ').with_context(|| format!("openssl printed: {}", said.stdout))?;
        Ok(Self { digest: format!("sha256:{hex}"), file })
    }
}

/// What wrk(1) counted.
#[derive(Debug, PartialEq)]
struct Answered {
    count: f64,
    seconds: f64,
    is_failed: bool,
}

impl Answered {
    /// Reads `  123456 requests in 4.00s, 500.00MB read`, and whether there is a line of errors.
    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find(|line| line.contains(" requests in "))?;
        let (count, rest) = line.trim().split_once(" requests in ")?;
        let (seconds, _) = rest.split_once("s,")?;
        let is_failed = text.contains("Socket errors") || text.contains("Non-2xx");
        Some(Self { count: count.parse().ok()?, seconds: seconds.parse().ok()?, is_failed })
    }
}

fn put(file: &Path, url: &str) -> Result<()> {
    process::run(Command::new("curl").args(CURL).arg("-T").arg(file).arg(url))?;
    Ok(())
}

/// In whole units.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            size if size >= 1 << 30 => write!(formatter, "{} GiB", size >> 30),
            size if size >= 1 << 20 => write!(formatter, "{} MiB", size >> 20),
            size => write!(formatter, "{} KiB", size >> 10),
        }
    }
}

const CURL: &[&str] = &["--silent", "--show-error", "--fail", "--noproxy", "*", "--output", "/dev/null"];

#[cfg(test)]
mod tests;
