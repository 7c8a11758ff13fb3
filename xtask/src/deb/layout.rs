//! The files of a package, laid out as they are to lie on a machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// A tree; paths in it are from its root, without a slash in front.
pub(super) struct Layout {
    dir: PathBuf,
}

impl Layout {
    /// Makes an empty one, without what an earlier run left there.
    pub(super) fn make(dir: &Path) -> Result<Self> {
        if dir.exists() {
            fs::remove_dir_all(dir).with_context(|| dir.display().to_string())?;
        }
        let layout = Self { dir: dir.to_owned() };
        layout.directory("")?;
        Ok(layout)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A directory, with those that it is in. What umask(2) says does not count.
    pub(super) fn directory(&self, path: &str) -> Result<PathBuf> {
        let mut dir = self.dir.clone();
        for part in Path::new("").join(path).components().map(Some).chain([None]) {
            fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
            fs::set_permissions(&dir, Permissions::from_mode(PROGRAM))?;
            dir.extend(part);
        }
        Ok(dir)
    }

    /// Writes a file; returns its path.
    #[expect(clippy::disallowed_methods, reason = "what a power cut leaves is made anew")]
    pub(super) fn write(&self, path: &str, mode: u32, bytes: &[u8]) -> Result<PathBuf> {
        let (dir, _) = path.rsplit_once('/').context("a file in a directory")?;
        self.directory(dir)?;
        let path = self.dir.join(path);
        fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
        Ok(path)
    }

    /// Copies a file; returns the copy's path.
    pub(super) fn copy(&self, from: &Path, path: &str, mode: u32) -> Result<PathBuf> {
        self.write(path, mode, &fs::read(from).with_context(|| from.display().to_string())?)
    }

    /// What it will take of a disk, for `Installed-Size`.
    pub(super) fn size_kib(&self) -> Result<u64> {
        let said = process::run(Command::new("du").args(["--summarize", "--block-size=1K"]).arg(&self.dir))?;
        let size = said.stdout.split_whitespace().next().context("du says nothing")?;
        size.parse().with_context(|| format!("du says: {size}"))
    }

    /// The sum of each file but conffiles and what is in DEBIAN, as dpkg --verify reads them.
    pub(super) fn md5sums(&self) -> Result<String> {
        let mut find = Command::new("find");
        find.args(["usr", "-type", "f", "-exec", "md5sum", "{}", "+"]).current_dir(&self.dir);
        let mut lines: Vec<String> = process::run(&mut find)?.stdout.lines().map(str::to_owned).collect();
        // By path, so that the same files make the same package.
        lines.sort_by(|left, right| left[DIGEST_LEN..].cmp(&right[DIGEST_LEN..]));
        Ok(lines.join("\n") + "\n")
    }
}

/// Replaces a file by a `.gz` that says nothing of where and when: Debian Policy, section 12.3.
pub(super) fn compress(path: &Path) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(DATA))?;
    process::run(Command::new("gzip").args(["--best", "--no-name"]).arg(path))?;
    Ok(())
}

/// The mode of what can be run, or entered.
pub(super) const PROGRAM: u32 = 0o755;

/// The mode of what can be read.
pub(super) const DATA: u32 = 0o644;

/// Of a line of md5sum(1), before two spaces and the path.
const DIGEST_LEN: usize = 32;
