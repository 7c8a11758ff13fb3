//! `rm`: blobs removed, some at a time.

use aqueduct_blob::Digest;
use serde_json::json;

use crate::fault::Fault;
use crate::flags::{Place, Rm};
use crate::opened::{Opening, named, with_store};
use crate::output::Output;
use crate::remote;
use crate::text::counted;
use crate::voice::Voice;

pub(super) fn run(rm: &Rm, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    match &rm.place {
        Place::Store(directory) => with_store(directory, Opening::EXISTING, voice, |store| {
            remove_all(rm, json, voice, output, |digests| {
                digests.iter().map(|digest| Ok(store.remove(digest)?)).collect()
            })
        }),
        Place::Server(server) => {
            let client = remote::client(server, None)?;
            remove_all(rm, json, voice, output, |digests| {
                client.remove_all(digests).into_iter().map(|removed| Ok(removed?)).collect()
            })
        }
    }
}

/// Removes with `remove`, which says of each whether the blob was there, up to the first batch in which one fails.
fn remove_all(
    rm: &Rm,
    json: bool,
    voice: &Voice,
    output: &mut Output<'_>,
    remove: impl Fn(&[Digest]) -> Vec<Result<bool, Fault>>,
) -> Result<(), Fault> {
    let (mut removed, mut absent) = (Vec::new(), Vec::new());
    let mut named = named(&rm.digests);
    let mut worked = Ok(());
    while worked.is_ok() {
        let valid = |digest: Result<_, _>| digest.map_err(|fault| worked = Err(fault)).ok();
        let batch: Vec<_> = named.by_ref().take(BATCH_COUNT).map_while(valid).collect();
        if batch.is_empty() {
            break;
        }
        for (&digest, outcome) in batch.iter().zip(remove(&batch)) {
            match outcome {
                Ok(true) => {
                    voice.detail(|| format!("{digest} removed"));
                    removed.push(digest);
                }
                Ok(false) => absent.push(digest),
                Err(fault) => worked = worked.and(Err(fault)),
            }
        }
    }
    // What was removed before a failure is told all the same.
    if json {
        let names = |list: &[Digest]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        output.json(&json!({ "removed": names(&removed), "absent": names(&absent) }))?;
    }
    if worked.is_ok() || !removed.is_empty() {
        voice.say(&format!("{} removed", counted(removed.len(), "blob")));
    }
    worked?;
    let of = removed.len() + absent.len();
    match absent[..] {
        _ if rm.force => Ok(()),
        [] => Ok(()),
        [only] if of == 1 => Err(Fault::Absent(only)),
        _ => {
            for digest in &absent {
                voice.say(&format!("{digest} is not in the store"));
            }
            Err(Fault::SomeAbsent { count: absent.len(), of })
        }
    }
}

/// Enough that a connection stays busy.
const BATCH_COUNT: usize = 1000;
