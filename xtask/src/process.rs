//! Programs that are run to their end for what they say.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// What a program said, as text.
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program that must succeed.
pub(crate) fn run(command: &mut Command) -> Result<Said> {
    let output = command.stdin(Stdio::null()).output().with_context(|| named(command))?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{}: {}\n{}", named(command), output.status, stderr.trim_end());
    let stdout = String::from_utf8(output.stdout).with_context(|| named(command))?;
    Ok(Said { stdout, stderr })
}

/// Waits until nothing that was written to the filesystem around `dir` is still on its way to the disk.
pub(crate) fn settle(dir: &Path) -> Result<()> {
    run(Command::new("sync").arg("--file-system").arg(dir))?;
    Ok(())
}

/// The program and its first arguments: some have thousands.
fn named(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args().take(ARGUMENT_COUNT_SHOWN));
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

const ARGUMENT_COUNT_SHOWN: usize = 12;
