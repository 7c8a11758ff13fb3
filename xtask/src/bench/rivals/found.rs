//! Which programs there are here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow};

use super::rival::{self, Program, Rival};
use crate::bench::{Extent, machine};
use crate::tools::servers;

/// Ours, and what there is of others.
pub(super) struct Found {
    pub(super) aqueduct: PathBuf,
    pub(super) bench: PathBuf,
    /// By name.
    others: BTreeMap<&'static str, servers::Program>,
    /// With the reason why.
    skipped: Vec<(&'static str, String)>,
}

impl Found {
    /// For a smoke test takes those that a goal is about, if they are there already; otherwise installs what is missing.
    ///
    /// # Errors
    ///
    /// If a rival is missing without which nothing is claimed.
    pub(super) fn look(root: &Path, aqueduct: PathBuf, bench: PathBuf, extent: Extent) -> Result<Self> {
        let mut found = Self { aqueduct, bench, others: BTreeMap::new(), skipped: Vec::new() };
        for rival in rival::ALL {
            let Program::Other { name, origin, is_needed, .. } = rival.program else { continue };
            if found.others.contains_key(name) || found.skipped.iter().any(|(skipped, _)| *skipped == name) {
                continue;
            }
            let program = match extent {
                Extent::Smoke if is_needed => {
                    servers::Program::find(root, name, origin)?.context("a smoke test installs nothing")
                }
                Extent::Smoke => Err(anyhow!("a smoke test does without it")),
                Extent::Full => servers::Program::install(root, name, origin),
            };
            match program {
                Ok(program) => {
                    found.others.insert(name, program);
                }
                Err(error) if is_needed && extent == Extent::Full => return Err(error),
                Err(error) => found.skipped.push((name, format!("{error:#}"))),
            }
        }
        Ok(found)
    }

    pub(super) fn has(&self, rival: &Rival) -> bool {
        match rival.program {
            Program::Bench => true,
            Program::Other { name, .. } => self.others.contains_key(name),
        }
    }

    /// Where it is, and the command that runs it.
    pub(super) fn command(&self, rival: &Rival) -> Result<(&Path, Command)> {
        match rival.program {
            Program::Bench => Ok((&self.bench, tied(&self.bench))),
            Program::Other { name, .. } => {
                let program = self.others.get(name).with_context(|| format!("{name} was not found"))?;
                let mut command = tied(program.path());
                command.envs(program.environment());
                Ok((program.path(), command))
            }
        }
    }

    /// `aqueduct`, ready for the arguments of its server.
    pub(super) fn ours(&self) -> Command {
        tied(&self.aqueduct)
    }

    /// A line for each program that was found or not.
    pub(super) fn describe(&self) -> Vec<String> {
        let bare = &rival::BARE;
        let mut lines = vec![format!("- {}: {}", bare.name, bare.about)];
        for rival in rival::ALL {
            let Program::Other { name, version, .. } = rival.program else { continue };
            let Some(program) = self.others.get(name) else { continue };
            let mut command = Command::new(program.path());
            command.envs(program.environment()).arg(version).stdin(Stdio::null());
            let about = if rival.about.is_empty() { String::new() } else { format!(", {}", rival.about) };
            lines.push(format!("- {}{about}: {}", rival.name, machine::said_first(&mut command)));
        }
        lines.extend(self.skipped.iter().map(|(name, why)| format!("- {name}: skipped, {why}")));
        lines
    }
}

/// Ends with this process, whatever ends that: setpriv(1) asks the kernel for it, and becomes the program.
fn tied(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(program);
    command
}
