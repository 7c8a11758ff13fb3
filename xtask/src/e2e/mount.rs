//! Filesystems of our own, each in a file.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{process, tools};

/// A filesystem, mounted as long as this value lives.
pub(super) struct Mounted {
    dir: PathBuf,
    image: PathBuf,
}

impl Mounted {
    /// Makes a filesystem of `kind` below `dir` and mounts it there, writable by whoever runs this.
    pub(super) fn make(kind: &str, dir: &Path) -> Result<Self> {
        Self::make_of(kind, dir, IMAGE_SIZE)
    }

    /// The same, of so many bytes, of which only those are taken that are written.
    pub(super) fn make_of(kind: &str, dir: &Path, size: u64) -> Result<Self> {
        let image = dir.join(format!("{kind}.img"));
        File::create(&image)?.set_len(size)?;
        as_root(&[OsStr::new(&format!("mkfs.{kind}")), OsStr::new("-q"), image.as_os_str()])?;
        let mounted = Self { dir: dir.join(kind), image };
        fs::create_dir(&mounted.dir)?;
        let [mount, option, value] = ["mount", "-o", "loop"].map(OsStr::new);
        as_root(&[mount, option, value, mounted.image.as_os_str(), mounted.dir.as_os_str()])?;
        as_root(&[OsStr::new("chmod"), OsStr::new("0777"), mounted.dir.as_os_str()])?;
        Ok(mounted)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = unmount_all(&self.dir) {
            eprintln!("{error:#}");
        }
        // The directory goes with the scratch that it is in; the image is large, and the next one wants its space.
        if let Err(error) = fs::remove_file(&self.image) {
            eprintln!("{} is left behind: {error}", self.image.display());
        }
    }
}

/// Unmounts whatever is mounted at `dir` or below, as a run that was killed may have left it.
pub(super) fn unmount_all(dir: &Path) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    for mounted in mounts_below(&mounts, dir) {
        as_root(&[OsStr::new("umount"), mounted.as_os_str()])?;
    }
    Ok(())
}

/// The last mounted first, since one may be inside another. See proc_pid_mounts(5).
fn mounts_below(mounts: &str, dir: &Path) -> Vec<PathBuf> {
    let paths = mounts.lines().rev().filter_map(|line| line.split(' ').nth(1));
    paths.map(|path| PathBuf::from(path.replace(r"\040", " "))).filter(|path| path.starts_with(dir)).collect()
}

fn as_root(line: &[&OsStr]) -> Result<()> {
    let Some(prefix) = tools::root_prefix() else { bail!("mounting takes root, or password-free sudo") };
    let line: Vec<&OsStr> = prefix.iter().map(OsStr::new).chain(line.iter().copied()).collect();
    // mkfs(8) lies where a user's PATH does not look.
    let program = tools::find_program(&line[0].to_string_lossy()).context("it is among the tools")?;
    process::run(Command::new(program).args(&line[1..]))?;
    Ok(())
}

/// Sparse, and more than mkfs.xfs and mkfs.btrfs insist on.
const IMAGE_SIZE: u64 = 2 << 30;

#[cfg(test)]
mod tests;
