//! What happens, for scripts: `docs/send-recv.md` lists the members.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use aqueduct_transfer::Event;
use serde_json::{Value, json};

use super::Invitation;
use super::invitation::Listening;
use crate::exit;
use crate::fault::Fault;
use crate::text::{path_members, with_causes};

/// The name of an event, and its members.
pub(super) fn members(event: &Event<'_>, invitation: &Invitation) -> (&'static str, Value) {
    match event {
        Event::Listening { ticket, address, http_path, raw, name, size } => {
            let listening = Listening { ticket, raw: *raw, name, size: *size, path: *http_path };
            let mut members = json!({
                "addr": address.to_string(),
                "ticket": ticket.to_string(),
                "name": name,
                "size": size,
                "commands": invitation.commands(&listening),
            });
            members["url"] = json!(invitation.url(&listening));
            ("listen", members)
        }
        Event::Connected { peer, dialect } => {
            ("connected", json!({ "peer": peer.to_string(), "dialect": dialect }))
        }
        Event::Plan { file_count, size, free, held } => {
            ("plan", json!({ "files": file_count, "bytes": size, "free": free, "have": held }))
        }
        Event::Phase(phase) => ("phase", json!({ "phase": phase.to_string() })),
        Event::File { path, size, digest } => {
            let digest = digest.map(|digest| digest.to_string());
            let is_verified = digest.is_some();
            ("file", with_path(path, json!({ "bytes": size, "digest": digest, "verified": is_verified })))
        }
        Event::Left { path, why } => ("left", with_path(path, json!({ "reason": why }))),
        Event::Retry { count, count_max, why, pause } => {
            ("retry", json!({ "n": count, "of": count_max, "reason": why, "pause_s": pause.as_secs_f64() }))
        }
        Event::Note(text) => ("note", json!({ "text": text })),
    }
}

/// Members of the last event of a side that failed.
pub(super) fn error(fault: &Fault) -> Value {
    let code = exit::code(fault);
    let is_resumable = match fault {
        Fault::Transfer(error) => error.is_resumable(),
        Fault::Stopped { is_resumable, .. } => *is_resumable,
        _ => false,
    };
    json!({
        "code": code.number(),
        "name": code.name(),
        "message": with_causes(fault),
        "advice": exit::advice(fault),
        "resumable": is_resumable,
    })
}

/// How one speaks with whoever is there, where that is not with Aqueduct.
pub(super) fn how(dialect: &str) -> &'static str {
    match dialect {
        "http" => ", and asks over HTTP",
        "raw" => ", with bare bytes",
        _ => "",
    }
}

fn with_path(path: &[u8], mut members: Value) -> Value {
    path_members(&mut members, Path::new(OsStr::from_bytes(path)));
    members
}

/// What a script may rely on: members are added, and none changes its meaning, while this stays the same.
pub(super) const VERSION: u32 = 1;

#[cfg(test)]
mod tests;
