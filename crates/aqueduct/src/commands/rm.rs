//! `rm`: blobs removed, over the native protocol many at a time.

use aqueduct_blob::Digest;
use aqueduct_client::Dialect;
use serde_json::json;

use crate::failures::Failures;
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
            remove_all(rm, 1, json, voice, output, |digests| {
                digests.iter().map(|digest| Ok(store.remove(digest)?)).collect()
            })
        }),
        Place::Server(server) => {
            let client = remote::client(server, None)?;
            let batch_count = match client.endpoint().dialect() {
                Dialect::Native => BATCH_COUNT,
                // It has them one after the other in any case.
                Dialect::Http => 1,
            };
            remove_all(rm, batch_count, json, voice, output, |digests| {
                let outcomes = digests.iter().zip(client.remove_all(digests));
                outcomes.map(|(digest, removed)| removed.map_err(|error| fault(*digest, error))).collect()
            })
        }
    }
}

/// Removes with `remove`, which says of each of up to `batch_count` whether the blob was there. A failure is that of one
/// blob, unless it would be that of all that come after it.
fn remove_all(
    rm: &Rm,
    batch_count: usize,
    json: bool,
    voice: &Voice,
    output: &mut Output<'_>,
    remove: impl Fn(&[Digest]) -> Vec<Result<bool, Fault>>,
) -> Result<(), Fault> {
    let mut last = None;
    let valid = |digest: Result<_, _>| digest.map_err(|fault| last = Some(fault)).ok();
    let digests: Vec<_> = named(&rm.digests).map_while(valid).collect();
    // What could not be named is one more.
    let mut failures = Failures::new(voice, digests.len() + usize::from(last.is_some()));
    let (mut removed, mut absent) = (Vec::new(), Vec::new());
    for batch in digests.chunks(batch_count) {
        let mut is_over = false;
        for (&digest, outcome) in batch.iter().zip(remove(batch)) {
            match outcome {
                Ok(true) => {
                    voice.detail(|| format!("{digest} removed"));
                    removed.push(digest);
                }
                Ok(false) => absent.push(digest),
                Err(fault) if fault.is_final() => {
                    is_over = true;
                    last = Some(fault);
                }
                Err(fault) => failures.add(fault),
            }
        }
        if is_over {
            break;
        }
    }
    // What was removed before a failure is told all the same.
    if json {
        let names = |list: &[Digest]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        output.json(&json!({ "removed": names(&removed), "absent": names(&absent) }))?;
    }
    let worked = last.map_or_else(|| failures.finish(), Err);
    if worked.is_ok() || !removed.is_empty() {
        voice.say(&format!("{} removed", counted(removed.len(), "blob")));
    }
    worked?;
    match absent[..] {
        _ if rm.force => Ok(()),
        [] => Ok(()),
        [only] if digests.len() == 1 => Err(Fault::Absent(only)),
        _ => {
            for digest in &absent {
                voice.say(&format!("{digest} is not in the store"));
            }
            Err(Fault::SomeAbsent { count: absent.len(), of: digests.len() })
        }
    }
}

/// What is that of all blobs has the name of none.
fn fault(digest: Digest, error: aqueduct_client::Error) -> Fault {
    if Fault::is_of_all(&error) { Fault::Client(error) } else { Fault::Remove { digest, source: error } }
}

/// Enough that a connection stays busy.
const BATCH_COUNT: usize = 1000;
