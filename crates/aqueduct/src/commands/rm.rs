//! `rm`: blobs removed one by one.

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
            remove_all(rm, json, voice, output, |digest| Ok(store.remove(digest)?))
        }),
        Place::Server(server) => {
            let client = remote::client(server, None)?;
            remove_all(rm, json, voice, output, |digest| Ok(client.remove(digest)?))
        }
    }
}

/// Removes with `remove`, which says whether the blob was there.
fn remove_all(
    rm: &Rm,
    json: bool,
    voice: &Voice,
    output: &mut Output<'_>,
    remove: impl Fn(&Digest) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let (mut removed, mut absent) = (Vec::new(), Vec::new());
    let worked: Result<(), Fault> = named(&rm.digests).try_for_each(|digest| {
        let digest = digest?;
        if remove(&digest)? {
            voice.detail(|| format!("{digest} removed"));
            removed.push(digest);
        } else {
            absent.push(digest);
        }
        Ok(())
    });
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
