//! `fsck`: a store checked, a line for each finding.

use aqueduct_store::{Fate, Finding, FsckError, FsckMode, Fscked, Store, Trouble};
use serde_json::json;

use crate::fault::Fault;
use crate::flags::Fsck;
use crate::output::Output;
use crate::progress;
use crate::text::{counted, shown, size};
use crate::voice::Voice;

pub(super) fn run(fsck: &Fsck, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    let mode = if fsck.dry_run { FsckMode::DryRun } else { FsckMode::Mend };
    let mut counts = Counts::default();
    let mut printed = Ok(());
    let fscked = progress::during(voice, "fsck", 0, |meter| {
        Store::fsck(&fsck.store, mode, &|len| meter.add(len), &mut |finding| {
            counts.add(finding);
            if printed.is_ok() {
                printed = print(finding, json, output);
            }
        })
    });
    printed?;
    let fscked = fscked.map_err(|error| match error {
        FsckError::Open(error) => Fault::Open(error),
        FsckError::Change(error) => Fault::Change(error),
    })?;
    if json {
        output.json(&json!({
            "blobs": fscked.count,
            "size": fscked.size,
            "complete": fscked.is_complete,
            "mended": counts.mended,
            "to_mend": counts.to_mend,
            "left": counts.left,
            "unmended": counts.unmended,
            "damaged": counts.damaged,
        }))?;
    }
    voice.say(&counts.sum(&fscked));
    counts.verdict()
}

fn print(finding: &Finding, json: bool, output: &mut Output<'_>) -> Result<(), Fault> {
    if !json {
        return output.line(shown(finding.to_string().as_ref()));
    }
    let fate = match finding.fate {
        Fate::Mended => "mended",
        Fate::ToMend => "to-mend",
        Fate::Left => "left",
        Fate::Unmended => "unmended",
    };
    output.json(&json!({
        "path": finding.path.to_string_lossy(),
        "trouble": finding.trouble.to_string(),
        "fate": fate,
    }))
}

/// Findings by what became of them.
#[derive(Debug, Default)]
struct Counts {
    mended: usize,
    to_mend: usize,
    left: usize,
    unmended: usize,
    /// Blobs, among those that were mended: their names are free for a good copy.
    damaged: usize,
}

impl Counts {
    fn add(&mut self, finding: &Finding) {
        match finding.fate {
            Fate::Mended => self.mended += 1,
            Fate::ToMend => self.to_mend += 1,
            Fate::Left => self.left += 1,
            Fate::Unmended => self.unmended += 1,
        }
        self.damaged += usize::from(matches!(finding.trouble, Trouble::BlobDamaged { .. }));
    }

    fn sum(&self, fscked: &Fscked) -> String {
        let found = match (self.mended, self.to_mend, self.unmended) {
            (0, 0, 0) => "nothing is amiss".to_owned(),
            (mended, to_mend, unmended) => {
                let parts = [(mended, "mended"), (to_mend, "to be mended"), (unmended, "to be looked after")];
                let parts = parts.iter().filter(|(count, _)| *count > 0);
                parts.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
            }
        };
        let blobs = counted(usize::try_from(fscked.count).unwrap_or(usize::MAX), "blob");
        match fscked.is_complete {
            true => format!("{blobs}, {}; {found}", size(fscked.size)),
            false => format!("{found}; the rest was not looked at"),
        }
    }

    fn verdict(&self) -> Result<(), Fault> {
        match (self.damaged, self.to_mend + self.unmended) {
            (0, 0) => Ok(()),
            (0, count) => Err(Fault::NeedsAction { count }),
            (count, _) => Err(Fault::SomeDamaged { count }),
        }
    }
}
