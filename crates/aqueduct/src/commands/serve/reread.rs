//! SIGHUP: what files say is read again, and what may change does.

use std::collections::BTreeMap;

use aqueduct_server::Control;
use tracing::{error, info, warn};

use super::{limits, options, tokens};
use crate::fault::Fault;
use crate::flags::{Command, CommandLine, REREAD, Read};
use crate::text::{shown, with_causes};

/// Reads again what was read when the server started.
#[derive(Debug)]
pub(super) struct Reread {
    line: CommandLine,
    /// What holds, by option.
    holds: BTreeMap<String, String>,
}

impl Reread {
    pub(super) fn new(line: CommandLine, read: &Read) -> Self {
        let holds = read.options().iter().map(|option| (option.key.to_owned(), option.to_string())).collect();
        Self { line, holds }
    }

    /// Does it, and says for each option that is another whether it was taken. Where anything is wrong all stays as it was.
    pub(super) fn again(&mut self, control: &Control) {
        if let Err(fault) = self.try_again(control) {
            error!("{}; everything stays as it was", with_causes(&fault));
        }
    }

    fn try_again(&mut self, control: &Control) -> Result<(), Fault> {
        let read = self.line.with_files()?;
        let Command::Serve(serve) = read.flags()?.command else { return Ok(()) };
        control.change(options(&serve, tokens(&serve)?))?;
        if let Some(path) = &serve.token_file {
            info!("read the tokens in {} again", shown(path));
        }
        let are_limits_set = control.set_limits(limits(&serve));
        let mut is_same = true;
        for option in read.options() {
            let (key, now) = (option.key, option.to_string());
            let before = self.holds.entry(key.to_owned()).or_default();
            if *before == now {
                continue;
            }
            is_same = false;
            let is_taken = REREAD.contains(&key) && (are_limits_set || !LIMITS.contains(&key));
            if is_taken {
                info!("took {key}: {before} -> {now}");
                *before = now;
            } else {
                warn!("{key} changed: {before} -> {now}, which takes a restart");
            }
        }
        if is_same {
            info!("read the configuration again: no option changed");
        }
        Ok(())
    }
}

/// What takes a restart after all where there was no limit before, or is none any more.
const LIMITS: [&str; 2] = ["max-size", "min-free"];
