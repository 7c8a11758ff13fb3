//! `has`: which of these blobs are there.

use std::collections::HashSet;

use aqueduct_blob::Digest;
use serde_json::json;

use crate::fault::Fault;
use crate::flags::{Has, Named, Place};
use crate::opened::{Opening, named, with_store};
use crate::output::Output;
use crate::remote;
use crate::voice::Voice;

pub(super) fn run(has: &Has, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    match &has.place {
        Place::Store(directory) => with_store(directory, Opening::EXISTING, voice, |store| {
            answer(has, json, voice, output, |asked| {
                let present = asked.iter().map(|digest| store.has(digest));
                Ok(present.collect::<Result<_, _>>()?)
            })
        }),
        Place::Server(server) => {
            let client = remote::client(server, None)?;
            answer(has, json, voice, output, |asked| {
                let missing: HashSet<_> = client.missing(asked)?.into_iter().collect();
                Ok(asked.iter().map(|digest| !missing.contains(digest)).collect())
            })
        }
    }
}

/// Asks `are_there` for some at a time.
fn answer(
    has: &Has,
    json: bool,
    voice: &Voice,
    output: &mut Output<'_>,
    are_there: impl Fn(&[Digest]) -> Result<Vec<bool>, Fault>,
) -> Result<(), Fault> {
    let (mut of, mut absent) = (0, Vec::new());
    let mut named = named(&has.digests);
    loop {
        let asked = named.by_ref().take(BATCH_COUNT).collect::<Result<Vec<_>, _>>()?;
        if asked.is_empty() {
            break;
        }
        of += asked.len();
        for (digest, is_there) in asked.iter().zip(are_there(&asked)?) {
            if json {
                output.json(&json!({ "digest": digest.to_string(), "present": is_there }))?;
            } else if is_there {
                output.line(digest.to_string())?;
            }
            if !is_there {
                absent.push(*digest);
                // The only one is what the error names.
                if !matches!(has.digests[..], [Named::This(_)]) {
                    voice.say(&format!("{digest} is not in the store"));
                }
            }
        }
    }
    match absent[..] {
        [] => Ok(()),
        [only] if of == 1 => Err(Fault::Absent(only)),
        _ => Err(Fault::SomeAbsent { count: absent.len(), of }),
    }
}

/// Few enough that an answer is soon there, enough that asking costs little.
const BATCH_COUNT: usize = 4096;
