use serde_json::json;

use crate::fault::Fault;
use crate::flags::{Has, Named};
use crate::opened::{Opening, digests, with_store};
use crate::output::Output;
use crate::voice::Voice;

pub(super) fn run(has: &Has, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    with_store(&has.place, Opening::EXISTING, voice, |store| {
        let (mut of, mut absent) = (0, Vec::new());
        for digest in digests(&has.digests) {
            let digest = digest?;
            of += 1;
            let is_there = store.has(&digest)?;
            if json {
                output.json(&json!({ "digest": digest.to_string(), "present": is_there }))?;
            } else if is_there {
                output.line(digest.to_string())?;
            }
            if !is_there {
                absent.push(digest);
                // The only one is what the error names.
                if !matches!(has.digests[..], [Named::Digest(_)]) {
                    voice.say(&format!("{digest} is not in the store"));
                }
            }
        }
        match absent[..] {
            [] => Ok(()),
            [only] if of == 1 => Err(Fault::Absent(only)),
            _ => Err(Fault::SomeAbsent { count: absent.len(), of }),
        }
    })
}
