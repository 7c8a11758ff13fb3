//! Where a target's files lie.

use std::path::{Path, PathBuf};
use std::{env, fs, process};

/// A directory of this process alone, in memory where there is a filesystem for that. libFuzzer ends a process without
/// dropping anything, so what such a process left is taken away by the next one.
#[derive(Debug)]
pub struct Place(PathBuf);

impl Place {
    /// Makes the directory, empty.
    ///
    /// # Panics
    ///
    /// Where no directory can be made: nothing can be tried then.
    pub fn make(target: &str) -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { env::temp_dir() };
        let prefix = format!("aqueduct-fuzz-{target}-");
        remove_left(&parent, &prefix);
        let path = parent.join(format!("{prefix}{}", process::id()));
        fs::create_dir(&path).expect("a directory can be made");
        Self(path)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// Takes away the directories of processes that are no more.
fn remove_left(parent: &Path, prefix: &str) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(prefix));
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
