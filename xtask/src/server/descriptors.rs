//! What a process has open, and what of it is left later.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The targets of what a process had open at one time, see proc_pid_fd(5). Without pipes: each thread that has received
/// something keeps one.
#[derive(Debug, Default)]
pub(crate) struct Descriptors(Vec<PathBuf>);

impl Descriptors {
    pub(super) fn of(pid: u32) -> Result<Self> {
        let dir = format!("/proc/{pid}/fd");
        let links = fs::read_dir(&dir).context(dir)?.map_while(Result::ok);
        // One that was closed meanwhile is none.
        let targets = links.filter_map(|link| link.path().read_link().ok());
        Ok(Self(targets.filter(|target| !is_a(target, "pipe:")).collect()))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The same without what is below `dir`.
    pub(super) fn count_outside(&self, dir: &Path) -> usize {
        self.0.iter().filter(|target| !target.starts_with(dir)).count()
    }

    /// How many there are more than `before`. Each socket has a name of its own, so that one which was about to be closed
    /// then hides none that is left now. All else goes by number: a database that is made anew has another name.
    pub(crate) fn count_beyond(&self, before: &Self) -> usize {
        let (sockets, others) = self.parted();
        let (mut known_sockets, known_others) = before.parted();
        // A socket may be open more than once, and once more later.
        let is_new = |socket: &&PathBuf| {
            let known = known_sockets.iter().position(|known| known == socket);
            known.map(|place| known_sockets.swap_remove(place)).is_none()
        };
        let new_count = sockets.into_iter().filter(is_new).count();
        new_count + others.len().saturating_sub(known_others.len())
    }

    fn parted(&self) -> (Vec<&PathBuf>, Vec<&PathBuf>) {
        self.0.iter().partition(|target| is_a(target, "socket:"))
    }
}

/// Whether this is what the kernel calls something without a path, such as `pipe:[4711]`.
fn is_a(target: &Path, kind: &str) -> bool {
    target.to_string_lossy().starts_with(kind)
}

#[cfg(test)]
mod tests;
