//! What came of a transfer.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use aqueduct_flow::{Carried, Route};
use aqueduct_transfer::{Proof, Report};
use serde_json::{Value, json};

use crate::routes::Routes;
use crate::text::{self, counted, path_members, shown};

/// For people. `busy` is the time that processors of this side were.
pub(super) fn lines(report: &Report, busy: Duration) -> Vec<String> {
    let Report { file_count, size, resumed, elapsed, .. } = report;
    let name = Path::new(OsStr::from_bytes(&report.name));
    let name = shown(name.strip_prefix(".").unwrap_or(name));
    let files = match file_count {
        1 => String::new(),
        count => format!("{count} files, "),
    };
    let speed = text::speed(text::rate(moved(report), elapsed.as_secs_f64()));
    let mut lines = vec![format!("{name}  {files}{}, {speed}", text::within(*size, *elapsed))];
    let mut proof = Vec::new();
    proof.extend(report.digest.map(|digest| digest.to_string()));
    proof.push(proven(report.proof).to_owned());
    match (report.is_synced, report.proof) {
        (true, _) => proof.push("synced".to_owned()),
        // What curl and nc do with it nobody knows.
        (false, Proof::Acknowledged) => {}
        (false, _) => proof.push("not synced".to_owned()),
    }
    lines.push(format!("  {}", proof.join("  ")));
    let mut facts = vec![format!("zero-copy {}", zero_copy(&report.carried))];
    facts.push(counted(report.streams.try_into().unwrap_or(usize::MAX), "stream"));
    facts.push(format!("resumed {}", text::size(*resumed)));
    facts.extend(per_gib(busy, moved(report)).map(|seconds| format!("cpu {seconds:.2} s/GiB")));
    facts.push("clear text: somebody on the path could have read it".to_owned());
    lines.push(format!("  {}", facts.join("  ")));
    lines
}

/// Members of the last event of a side that succeeded.
pub(super) fn json(report: &Report, busy: Duration, is_dry_run: bool) -> Value {
    let moved = moved(report);
    let mut members = json!({
        "dry_run": is_dry_run,
        "files": report.file_count,
        "failed": report.failed_count,
        "bytes": report.size,
        "resumed": report.resumed,
        "digest": report.digest.map(|digest| digest.to_string()),
        "proof": word(report.proof),
        "verified": report.proof == Proof::Digest,
        "synced": report.is_synced,
        "elapsed_s": report.elapsed.as_secs_f64(),
        "rate": text::rate(moved, report.elapsed.as_secs_f64()),
        "streams": report.streams,
        "peer": report.peer.map(|peer| peer.to_string()),
        "routes": routes(&report.carried).json(),
        "zero_copy": is_zero_copy(&report.carried),
        "encrypted": false,
        "cpu_s": busy.as_secs_f64(),
        "cpu_s_per_gib": per_gib(busy, moved),
    });
    path_members(&mut members, Path::new(OsStr::from_bytes(&report.name)));
    members["name"] = members["path"].take();
    if let Some(members) = members.as_object_mut() {
        members.remove("path");
        if let Some(bytes) = members.remove("path_bytes") {
            members.insert("name_bytes".to_owned(), bytes);
        }
    }
    members
}

fn proven(proof: Proof) -> &'static str {
    match proof {
        Proof::Digest => "verified",
        Proof::Wire => "not verified by digest: its CRC-32s were compared",
        Proof::Acknowledged => "acknowledged by the other kernel, not verified",
        Proof::Nothing => "not verified",
    }
}

fn word(proof: Proof) -> &'static str {
    match proof {
        Proof::Digest => "digest",
        Proof::Wire => "wire",
        Proof::Acknowledged => "acknowledged",
        Proof::Nothing => "nothing",
    }
}

fn moved(report: &Report) -> u64 {
    report.size.saturating_sub(report.resumed)
}

fn routes(carried: &Carried) -> Routes {
    let mut routes = Routes::default();
    routes.add(carried, carried.total());
    routes
}

/// `yes (sendfile 3.2 GiB)`
fn zero_copy(carried: &Carried) -> String {
    let word = if is_zero_copy(carried) { "yes" } else { "no" };
    match routes(carried).summary() {
        routes if routes.is_empty() => word.to_owned(),
        routes => format!("{word} ({routes})"),
    }
}

/// Whether no byte passed through this process.
fn is_zero_copy(carried: &Carried) -> bool {
    carried.total() > 0 && carried.by(Route::Copy) == 0 && carried.by(Route::Mmap) == 0
}

#[expect(clippy::cast_precision_loss, reason = "it is rounded to two digits")]
fn per_gib(busy: Duration, moved: u64) -> Option<f64> {
    // Of little, what a program costs to start is the most.
    (moved >= COST_SIZE_MIN).then(|| busy.as_secs_f64() / (moved as f64 / f64::from(1 << 30)))
}

const COST_SIZE_MIN: u64 = 64 << 20;

#[cfg(test)]
mod tests;
