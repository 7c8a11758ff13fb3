//! A directory to work in, with a store, and the program run on it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The program, with nothing of the surroundings in its flags.
pub(crate) fn aqueduct() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aqueduct"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AQUEDUCT_") {
            command.env_remove(name);
        }
    }
    // What a test hashes is no business of the user's, and how the user runs the program none of the test's.
    command.env("XDG_CACHE_HOME", "/nonexistent").env("AQUEDUCT_CONFIG", "/dev/null").stdin(Stdio::null());
    // What a test looks for in a log is what happened, and not what it asked.
    command.env("AQUEDUCT_ACCESS_LOG", "off");
    command
}

/// Where test files go: on a disk, not in memory.
pub(crate) fn disk() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

pub(crate) struct Site {
    dir: TempDir,
}

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::in_dir(disk())
    }

    pub(crate) fn in_dir(dir: &Path) -> Self {
        Self { dir: TempDir::new_in(dir).unwrap() }
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("store")
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The command, in this directory and on its store.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = aqueduct();
        command.args(arguments).current_dir(&self.dir).env("AQUEDUCT_STORE", "store");
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// Puts one file and gives its digest.
    pub(crate) fn put(&self, name: &str) -> String {
        let ran = self.run(&["put", name]).ok();
        ran.text().split(' ').next().unwrap().to_owned()
    }

    /// Where a blob lies in the store, as docs/store-format.md says.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        let (algorithm, hex) = digest.split_once(':').unwrap();
        self.store().join("blobs").join(algorithm).join(&hex[..2]).join(&hex[2..])
    }
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { code: output.status.code(), stdout: output.stdout, stderr }
    }

    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.code(0)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "{words:?} is not in {:?}", self.stderr);
        self
    }
}

/// Bytes without a pattern that a wrong offset could hide behind.
pub(crate) fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..size.div_ceil(8)).flat_map(|_| next()).collect();
    bytes.truncate(size);
    bytes
}

/// What sha256sum(1) calls a file.
pub(crate) fn sha256sum(path: &Path) -> String {
    let output = Command::new("sha256sum").arg("-b").arg(path).output().unwrap();
    assert!(output.status.success());
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    format!("sha256:{}", &line.trim_start_matches('\\')[..64])
}

/// Every file below `dir`, sorted.
pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}
