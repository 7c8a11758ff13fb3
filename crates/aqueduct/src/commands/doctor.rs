//! `doctor`: what this kernel and a filesystem really do, and what to do about it.
//!
//! A probe finds a fact and judges it: a file here, and a line in [`probes`]. What is about moving bytes is found by
//! `aqueduct_flow::probe`, whose facts the server goes by, too.

mod cgroup;
mod congestion;
mod descriptors;
mod filesystem;
mod io_uring;
mod kernel;
mod ktls;
mod landlock;
mod memory;
mod mounts;
mod pipes;
mod place;
mod probes;
mod processor;
mod routes;
mod space;
mod speed;
mod store;
mod untried;
mod verdict;
mod verity;

use serde_json::{Value, json};

use crate::directories;
use crate::fault::Fault;
use crate::flags::Doctor;
use crate::output::Output;
use crate::text::{counted, path_members};
use crate::voice::Voice;
use place::Place;
use probes::{PROBES, Probe};
use verdict::{State, Verdict};

pub(super) fn run(doctor: &Doctor, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    let store = match &doctor.store {
        Some(store) => store.clone(),
        None => directories::store()?,
    };
    let place = Place::find(store);
    let look = |probe: &'static Probe| (probe, (probe.look)(&place));
    if json {
        let findings: Vec<_> = PROBES.iter().map(look).collect();
        let listed: Vec<_> = findings.iter().map(|(probe, verdict)| object(probe, verdict)).collect();
        let mut object = json!({ "findings": listed });
        path_members(&mut object, &place.wanted);
        output.json(&object)?;
        return conclude(&findings, voice);
    }
    let mut findings: Vec<(&Probe, Verdict)> = Vec::new();
    for probe in &PROBES {
        if findings.last().is_none_or(|(last, _)| last.group != probe.group) {
            output.line(probe.group)?;
        }
        let finding = look(probe);
        output.line(line(probe, &finding.1))?;
        if let Some(advice) = &finding.1.advice {
            output.line(format!("{:INDENT$}-> {advice}", ""))?;
        }
        // Hashing takes its time: what is known can be read meanwhile.
        output.flush()?;
        findings.push(finding);
    }
    conclude(&findings, voice)
}

/// Sums up. Whatever needs action is a failure of the command.
fn conclude(findings: &[(&Probe, Verdict)], voice: &Voice) -> Result<(), Fault> {
    let count = |state| findings.iter().filter(|(_, verdict)| verdict.state == state).count();
    let (notes, actions) = (count(State::Note), count(State::Action));
    voice.say(&format!(
        "{}: {} good, {notes} worth knowing",
        counted(findings.len(), "finding"),
        count(State::Good)
    ));
    if actions > 0 { Err(Fault::NeedsAction { count: actions }) } else { Ok(()) }
}

fn line(probe: &Probe, verdict: &Verdict) -> String {
    format!("  {:STATE_LEN$}  {:NAME_LEN$}  {}", verdict.state.name(), probe.name, verdict.found)
}

fn object(probe: &Probe, verdict: &Verdict) -> Value {
    json!({
        "name": probe.name,
        "state": verdict.state.name(),
        "found": verdict.found,
        "advice": verdict.advice,
    })
}

/// As long as `action`.
const STATE_LEN: usize = 6;

/// As long as `congestion control`.
const NAME_LEN: usize = 18;

/// Where what was found begins.
const INDENT: usize = 2 + STATE_LEN + 2 + NAME_LEN + 2;

#[cfg(test)]
mod tests;
