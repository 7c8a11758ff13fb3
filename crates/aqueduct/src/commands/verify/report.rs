//! What `verify` says.

use std::time::Instant;

use aqueduct_blob::Digest;
use aqueduct_store::{ChangeError, Checked};
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::output::Output;
use crate::text::{self, counted, pace};
use crate::voice::Voice;

#[derive(Debug)]
pub(super) struct Report<'a, 'b> {
    json: bool,
    voice: &'a Voice,
    output: &'a mut Output<'b>,
    began: Instant,
    count: usize,
    size: u64,
    damaged: Vec<Checked>,
    absent: Vec<Digest>,
    unread: Vec<(Digest, Fault)>,
}

impl<'a, 'b> Report<'a, 'b> {
    pub(super) fn new(json: bool, voice: &'a Voice, output: &'a mut Output<'b>) -> Self {
        Self {
            json,
            voice,
            output,
            began: Instant::now(),
            count: 0,
            size: 0,
            damaged: Vec::new(),
            absent: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// Takes what was found of a blob. Damage is printed at once.
    pub(super) fn add(
        &mut self,
        digest: Digest,
        checked: Result<Option<Checked>, ChangeError>,
    ) -> Result<(), Fault> {
        match checked {
            Ok(None) => {
                self.voice.say(&format!("{digest} is not in the store"));
                self.absent.push(digest);
            }
            Err(error) => {
                let fault = Fault::from(error);
                self.voice.complain(&fault);
                self.unread.push((digest, fault));
            }
            Ok(Some(checked)) => {
                self.count += 1;
                self.size += checked.size;
                if checked.checkpoints_rebuilt {
                    self.voice
                        .detail(|| format!("{digest}: its checkpoints were missing or wrong, and are new"));
                }
                if checked.damage.is_empty() {
                    self.voice.detail(|| format!("{digest} intact"));
                    return Ok(());
                }
                if !self.json {
                    let damage = text::damage(&checked.damage, checked.size);
                    self.output.line(format!("{digest} {damage}; moved to quarantine"))?;
                    self.output.flush()?;
                }
                self.damaged.push(checked);
            }
        }
        Ok(())
    }

    /// Sums up. Damage weighs more than what could not be read, and that more than what is absent.
    pub(super) fn finish(mut self) -> Result<(), Fault> {
        if self.json {
            let damaged: Vec<Value> = self.damaged.iter().map(damage).collect();
            let names = |list: &[Digest]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
            let unread: Vec<_> = self.unread.iter().map(|(digest, _)| digest.to_string()).collect();
            self.output.json(&json!({
                "count": self.count,
                "size": self.size,
                "damaged": damaged,
                "absent": names(&self.absent),
                "unread": unread,
                "seconds": self.began.elapsed().as_secs_f64(),
            }))?;
        }
        let intact = match self.damaged.len() {
            0 => "all intact".to_owned(),
            count => format!("{count} damaged"),
        };
        let pace = pace(self.size, self.began.elapsed());
        self.voice.say(&format!("{}, {pace}; {intact}", counted(self.count, "blob")));
        let of = self.count + self.absent.len() + self.unread.len();
        if !self.damaged.is_empty() {
            return Err(Fault::SomeDamaged { count: self.damaged.len() });
        }
        match (self.unread.pop(), &self.absent[..]) {
            (Some((_, only)), _) if of == 1 => Err(only),
            (Some(_), _) => Err(Fault::Some { failed: self.unread.len() + 1 + self.absent.len(), of }),
            (None, []) => Ok(()),
            (None, [only]) if of == 1 => Err(Fault::Absent(*only)),
            (None, absent) => Err(Fault::SomeAbsent { count: absent.len(), of }),
        }
    }
}

/// Where a blob is damaged.
pub(in crate::commands) fn damage(checked: &Checked) -> Value {
    let ranges: Vec<_> =
        checked.damage.iter().map(|range| json!({ "start": range.start, "end": range.end })).collect();
    json!({ "digest": checked.digest.to_string(), "size": checked.size, "ranges": ranges })
}
