//! The blobs that are asked for, and where each server has them.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::fs::{Advice, fadvise};

use super::contender::{Contender, Who};
use super::found::Found;
use super::layout::Layout;
use super::rival::REGISTRY;
use crate::bench::Extent;
use crate::bench::stream::Body;
use crate::filler::Filler;
use crate::process;

/// One of the files in the library's directory.
pub(super) struct Blob {
    pub(super) name: String,
    /// By SHA-256.
    pub(super) digest: String,
    pub(super) path: PathBuf,
    pub(super) size: u64,
}

/// How much is asked for.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) small: u64,
    pub(super) small_count: usize,
    pub(super) large: u64,
    pub(super) huge: u64,
}

impl Sizes {
    pub(super) fn of(extent: Extent) -> Self {
        match extent {
            Extent::Full => Self { small: 4 << 10, small_count: 20_000, large: 1 << 30, huge: 4 << 30 },
            // More than one segment, and a last one that is not full.
            Extent::Smoke => {
                Self { small: 4 << 10, small_count: 64, large: (9 << 20) + 1, huge: (17 << 20) + 1 }
            }
        }
    }
}

/// Every file server serves the files themselves, ours and the registry what they were given of them.
pub(super) struct Library {
    dir: PathBuf,
    store: PathBuf,
    registry: PathBuf,
    pub(super) small: Vec<Blob>,
    pub(super) large: Blob,
    /// Where a row asks for it.
    pub(super) huge: Option<Blob>,
}

impl Library {
    pub(super) fn make(scratch: &Path, sizes: Sizes, has_huge: bool, found: &Found) -> Result<Self> {
        let dir = scratch.join("files");
        fs::create_dir_all(&dir)?;
        let library = Self {
            small: small(&dir, sizes)?,
            large: one(&dir, "large", 1, sizes.large)?,
            huge: if has_huge { Some(one(&dir, "huge", 2, sizes.huge)?) } else { None },
            store: scratch.join("store"),
            registry: scratch.join("registry"),
            dir,
        };
        let all: Vec<&Blob> = library.small.iter().chain([&library.large]).chain(&library.huge).collect();
        library.bring(found, Who::Ours("none"), scratch, &all)?;
        if found.has(&REGISTRY) {
            library.bring(found, Who::Other(&REGISTRY), scratch, &[&library.small[0], &library.large])?;
        }
        process::settle(scratch)?;
        Ok(library)
    }

    /// Where a server finds them.
    pub(super) fn root(&self, who: Who) -> &Path {
        match who {
            Who::Ours(_) => &self.store,
            Who::Other(rival) if rival.layout == Layout::Registry => &self.registry,
            Who::Other(_) => &self.dir,
        }
    }

    fn bring(&self, found: &Found, who: Who, scratch: &Path, blobs: &[&Blob]) -> Result<()> {
        let dir = scratch.join("bringing");
        let contender = Contender::start(found, who, self.root(who), &dir, |command| command)?;
        let mut stream = contender.connect()?;
        for blob in blobs {
            let file = blob.open()?;
            let bring = contender.layout().put(&mut stream, blob, &Body::File(&file, blob.size));
            bring.with_context(|| format!("{} to {}", blob.name, who.name()))?;
        }
        contender.stop()
    }
}

impl Blob {
    pub(super) fn open(&self) -> Result<File> {
        File::open(&self.path).with_context(|| self.path.display().to_string())
    }

    pub(super) fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open()?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Takes all files below `dir` out of the page cache; what was written must be on the medium.
pub(super) fn cool(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            cool(&entry.path())?;
        } else if kind.is_file() {
            fadvise(File::open(entry.path())?, 0, None, Advice::DontNeed)?;
        }
    }
    Ok(())
}

fn one(dir: &Path, name: &str, seed: u64, size: u64) -> Result<Blob> {
    let path = dir.join(name);
    Filler::new(seed).write_file(&path, size)?;
    let said = process::run(Command::new("openssl").args(["dgst", "-sha256", "-r"]).arg(&path))?;
    let (hex, _) = said.stdout.split_once(' ').with_context(|| format!("openssl: {}", said.stdout))?;
    Ok(Blob { name: name.to_owned(), digest: format!("sha256:{hex}"), path, size })
}

fn small(dir: &Path, sizes: Sizes) -> Result<Vec<Blob>> {
    many(dir, "small", 100, sizes.small_count, sizes.small)
}

/// So many files of one size in `dir`, whose names begin with `name`.
pub(super) fn many(dir: &Path, name: &str, seed: u64, count: usize, size: u64) -> Result<Vec<Blob>> {
    for number in 0..count {
        let path = dir.join(format!("{name}-{number:05}"));
        Filler::new(seed + number as u64).write_file(&path, size)?;
    }
    let line = r#"cd "$1" && find . -type f -name "$2-*" -printf '%P\0' | sort -z | xargs -0 sha256sum --"#;
    let said = process::run(Command::new("bash").args(["-c", line, "bash"]).arg(dir).arg(name))?;
    let blob = |line: &str| {
        let (hex, name) = line.split_once("  ").with_context(|| format!("sha256sum: {line}"))?;
        let (digest, path) = (format!("sha256:{hex}"), dir.join(name));
        Ok(Blob { name: name.to_owned(), digest, path, size })
    };
    let blobs: Vec<Blob> = said.stdout.lines().map(blob).collect::<Result<_>>()?;
    ensure!(blobs.len() == count, "{} files, and not {count}", blobs.len());
    Ok(blobs)
}
