//! curl(1), as a script would call it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process;

/// A curl that fails where the server refuses, and that no proxy comes between.
pub(super) fn curl() -> Command {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", TIME_MAX_S]);
    command
}

/// Puts a file under its digest, and answers the status.
pub(in crate::e2e) fn put(file: &Path, url: &str) -> Result<u16> {
    let said = process::run(
        curl().args(["--output", "/dev/null", "--write-out", "%{http_code}"]).arg("-T").arg(file).arg(url),
    )?;
    said.stdout.parse().with_context(|| format!("curl printed: {}", said.stdout))
}

/// Gets a small answer.
pub(super) fn text(url: &str) -> Result<String> {
    Ok(process::run(curl().arg(url))?.stdout)
}

/// Insists that a download is what a file holds, and keeps nothing of it.
pub(in crate::e2e) fn same_as(url: &str, file: &Path) -> Result<()> {
    process::run(&mut compared(url, file))?;
    Ok(())
}

/// The same, to be started by somebody else.
pub(super) fn compared(url: &str, file: &Path) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", COMPARE, "bash", url]).arg(file);
    command
}

/// Whether the server lives.
pub(super) fn insist_on_health(address: &str) -> Result<()> {
    let said = text(&format!("{address}/healthz"))?;
    ensure!(said == "ok\n", "healthz: {said:?}");
    Ok(())
}

/// What takes longer hangs.
const TIME_MAX_S: &str = "900";

const COMPARE: &str =
    r#"set -o pipefail; curl --silent --show-error --fail --noproxy "*" --max-time 900 "$1" | cmp - "$2""#;
