//! What `scrub` says.

use std::time::Instant;

use aqueduct_store::{Checked, ScrubFound, ScrubPass};
use serde_json::{Value, json};

use crate::commands::verify::report::damage;
use crate::fault::Fault;
use crate::output::Output;
use crate::text::{self, counted, date, pace};
use crate::voice::Voice;

#[derive(Debug)]
pub(super) struct Report<'a, 'b> {
    json: bool,
    voice: &'a Voice,
    output: &'a mut Output<'b>,
    began: Instant,
    damaged: Vec<Checked>,
    failed: Vec<(Value, Fault)>,
}

impl<'a, 'b> Report<'a, 'b> {
    pub(super) fn new(json: bool, voice: &'a Voice, output: &'a mut Output<'b>) -> Self {
        Self { json, voice, output, began: Instant::now(), damaged: Vec::new(), failed: Vec::new() }
    }

    pub(super) fn voice(&self) -> &'a Voice {
        self.voice
    }

    /// Takes what was found. Damage is printed at once.
    pub(super) fn add(&mut self, found: &ScrubFound) -> Result<(), Fault> {
        match found {
            ScrubFound::Checked(checked) => {
                if checked.checkpoints_rebuilt {
                    self.voice.detail(|| {
                        format!("{}: its checkpoints were missing or wrong, and are new", checked.digest)
                    });
                }
                if checked.damage.is_empty() {
                    return Ok(());
                }
                if !self.json {
                    let damage = text::damage(&checked.damage, checked.size);
                    self.output.line(format!("{} {damage}; moved to quarantine", checked.digest))?;
                    self.output.flush()?;
                }
                self.damaged.push(checked.clone());
            }
            ScrubFound::Failed { digest, range, fault } => {
                let object = json!({
                    "digest": digest.map(|digest| digest.to_string()),
                    "range": range.as_ref().map(|range| json!({ "start": range.start, "end": range.end })),
                    "path": fault.path().to_string_lossy(),
                });
                let fault = match (digest, range) {
                    (Some(digest), Some(range)) => {
                        Fault::Unread { digest: *digest, range: range.clone(), source: fault.clone() }
                    }
                    _ => Fault::Change(fault.clone().into()),
                };
                self.voice.complain(&fault);
                self.failed.push((object, fault));
            }
        }
        Ok(())
    }

    /// Sums up. Damage weighs more than what could not be read. What an earlier run found of the pass is only counted.
    pub(super) fn finish(self, earlier: &ScrubPass, pass: &ScrubPass) -> Result<(), Fault> {
        let is_complete = pass.ended.is_some();
        if self.json {
            let unread: Vec<&Value> = self.failed.iter().map(|(object, _)| object).collect();
            self.output.json(&json!({
                "began": date(pass.began),
                "complete": is_complete,
                "count": pass.count,
                "size": pass.size,
                "damaged": self.damaged.iter().map(damage).collect::<Vec<_>>(),
                "unread": unread,
                "rebuilt": pass.rebuilt,
                "total": { "damaged": pass.damaged, "unread": pass.failed },
                "seconds": self.began.elapsed().as_secs_f64(),
            }))?;
        }
        let found = match (pass.damaged, pass.failed) {
            (0, 0) => "all intact".to_owned(),
            (damaged, 0) => format!("{damaged} damaged"),
            (damaged, failed) => format!("{damaged} damaged, {failed} unread"),
        };
        let pace = pace(pass.size.saturating_sub(earlier.size), self.began.elapsed());
        let count = counted(usize::try_from(pass.count).unwrap_or(usize::MAX), "blob");
        let more = if is_complete { "" } else { "; the next scrub goes on here" };
        self.voice.say(&format!("{count}, {pace}; {found}{more}"));
        if !self.damaged.is_empty() {
            return Err(Fault::SomeDamaged { count: self.damaged.len() });
        }
        match self.failed.len() {
            0 => Ok(()),
            failed => {
                let of = usize::try_from(pass.count + pass.failed).unwrap_or(usize::MAX);
                Err(Fault::Some { failed, of })
            }
        }
    }
}
