//! A control group whose processes have only so much memory, the page cache they fill included.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, ensure};

/// It goes away with this value, when its processes are gone.
pub(super) struct MemoryGroup {
    dir: PathBuf,
}

impl MemoryGroup {
    /// # Errors
    ///
    /// Where the memory controller is not to be had: it needs root, and a kernel that was built with it.
    pub(super) fn make(limit: u64) -> Result<Self> {
        let (parent, file) = controller()?;
        let dir = parent.join(NAME);
        // What a run that was killed left there; its processes ended with it.
        let _ = fs::remove_dir(&dir);
        fs::create_dir(&dir).with_context(|| dir.display().to_string())?;
        let group = Self { dir };
        say(&group.dir.join(file), &limit.to_string())?;
        Ok(group)
    }

    /// A command that joins the group before it becomes `command`. More arguments may be added to it.
    pub(super) fn wrap(&self, command: &Command) -> Command {
        wrapped(&self.dir.join("cgroup.procs"), command)
    }
}

fn wrapped(procs: &Path, command: &Command) -> Command {
    let mut wrapped = Command::new("bash");
    wrapped.args(["-c", JOIN, "bash"]).arg(procs).arg(command.get_program()).args(command.get_args());
    wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    wrapped
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The kernel lets go of a process a moment after its parent has heard of its end.
        for _ in 0..REMOVAL_COUNT {
            if fs::remove_dir(&self.dir).is_ok() {
                return;
            }
            thread::yield_now();
        }
        eprintln!("{} is left behind", self.dir.display());
    }
}

/// Where groups are made, and the file of each that holds the limit. See cgroups(7).
fn controller() -> Result<(PathBuf, &'static str)> {
    let root = Path::new("/sys/fs/cgroup");
    let first = root.join("memory");
    if first.join("memory.limit_in_bytes").exists() {
        return Ok((first, "memory.limit_in_bytes"));
    }
    let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
    ensure!(controllers.split_whitespace().any(|name| name == "memory"), "there is no memory controller");
    say(&root.join("cgroup.subtree_control"), "+memory")?;
    Ok((root.to_owned(), "memory.max"))
}

fn say(path: &Path, words: &str) -> Result<()> {
    let mut file = OpenOptions::new().write(true).open(path).with_context(|| path.display().to_string())?;
    file.write_all(words.as_bytes()).with_context(|| path.display().to_string())
}

const NAME: &str = "aqueduct-bench-rivals";

const JOIN: &str = r#"echo $$ > "$1" && shift && exec "$@""#;

const REMOVAL_COUNT: usize = 100_000;

#[cfg(test)]
mod tests;
