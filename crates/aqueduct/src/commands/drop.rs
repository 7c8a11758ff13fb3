//! `drop`: uploads dropped one by one.

use aqueduct_blob::UploadId;
use serde_json::json;

use crate::fault::Fault;
use crate::flags::{Drop, Place};
use crate::opened::{Opening, named, with_store};
use crate::output::Output;
use crate::remote;
use crate::text::counted;
use crate::voice::Voice;

pub(super) fn run(drop: &Drop, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    match &drop.place {
        Place::Store(directory) => with_store(directory, Opening::EXISTING, voice, |store| {
            drop_all(drop, json, voice, output, |id| Ok(store.drop_upload(id)?))
        }),
        Place::Server(server) => {
            let client = remote::client(server, None)?;
            drop_all(drop, json, voice, output, |id| Ok(client.drop_upload(id)?))
        }
    }
}

/// Drops with `drop_one`, which says whether the upload was there.
fn drop_all(
    drop: &Drop,
    json: bool,
    voice: &Voice,
    output: &mut Output<'_>,
    drop_one: impl Fn(UploadId) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let (mut dropped, mut absent) = (Vec::new(), Vec::new());
    let worked: Result<(), Fault> = named(&drop.ids).try_for_each(|id| {
        let id = id?;
        if drop_one(id)? {
            voice.detail(|| format!("{id} dropped"));
            dropped.push(id);
        } else {
            if !drop.force {
                voice.detail(|| format!("{id} is not there"));
            }
            absent.push(id);
        }
        Ok(())
    });
    // What was dropped before a failure is told all the same.
    if json {
        let names = |list: &[UploadId]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        output.json(&json!({ "dropped": names(&dropped), "absent": names(&absent) }))?;
    }
    if worked.is_ok() || !dropped.is_empty() {
        voice.say(&format!("{} dropped", counted(dropped.len(), "upload")));
    }
    worked?;
    match absent[..] {
        _ if drop.force => Ok(()),
        [] => Ok(()),
        [id, ..] => Err(Fault::NoSuchUpload { id, count: absent.len() }),
    }
}
