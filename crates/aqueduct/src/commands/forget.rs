//! `forget`: entries of build caches removed, one by one or all of a namespace.

use aqueduct_client::EntryKey;
use aqueduct_store::SyncPolicy;
use serde_json::json;

use crate::caches::{Caches, key, with_caches};
use crate::fault::Fault;
use crate::flags::Forget;
use crate::opened::{Opening, named};
use crate::output::Output;
use crate::text::counted;
use crate::voice::Voice;

pub(super) fn run(forget: &Forget, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    if forget.keys.is_empty() && !forget.all {
        let text = "name the keys to forget, or give --all for all that the namespace has";
        return Err(Fault::Usage(text.to_owned()));
    }
    // Closing the store makes all of it durable at once, and nobody is told of success before.
    let opening = Opening { sync: SyncPolicy::None, ..Opening::EXISTING };
    with_caches(&forget.place, opening, voice, |caches| {
        let mut told = Told { forget, voice, forgotten: Vec::new(), absent: Vec::new() };
        let worked = told.forget_all(caches);
        let Told { forgotten, absent, .. } = told;
        // What was forgotten before a failure is told all the same.
        if json {
            output
                .json(&json!({ "namespace": forget.namespace, "forgotten": forgotten, "absent": absent }))?;
        }
        if worked.is_ok() || !forgotten.is_empty() {
            voice.say(&format!("{} forgotten", counted(forgotten.len(), "entry")));
        }
        worked?;
        match &absent[..] {
            // What somebody else has forgotten meanwhile is gone as well.
            _ if forget.force || forget.all => Ok(()),
            [] => Ok(()),
            [key, ..] => {
                let (namespace, key) = (forget.namespace.clone(), key.clone());
                Err(Fault::NoSuchEntry { namespace, key, count: absent.len() })
            }
        }
    })
}

/// The keys that were forgotten, and those that were not there.
struct Told<'a> {
    forget: &'a Forget,
    voice: &'a Voice,
    forgotten: Vec<String>,
    absent: Vec<String>,
}

impl Told<'_> {
    /// Forgets some at a time. After one that fails nothing more is begun.
    fn forget_all(&mut self, caches: &Caches<'_>) -> Result<(), Fault> {
        let mut names = names(self.forget, caches);
        let mut failed = None;
        while failed.is_none() {
            let mut batch = Vec::new();
            for name in names.by_ref().take(BATCH_COUNT) {
                match name {
                    Ok(name) => batch.push(name),
                    Err(fault) => {
                        failed = Some(fault);
                        break;
                    }
                }
            }
            if batch.is_empty() {
                break;
            }
            for (removed, name) in caches.remove_all(&batch).into_iter().zip(batch) {
                match removed {
                    Ok(was_there) => self.tell(name.key, was_there),
                    Err(fault) => failed = failed.or(Some(fault)),
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn tell(&mut self, key: String, was_there: bool) {
        if was_there {
            self.voice.detail(|| format!("{key} forgotten"));
            self.forgotten.push(key);
        } else {
            if !self.forget.force {
                self.voice.detail(|| format!("{key} is not there"));
            }
            self.absent.push(key);
        }
    }
}

/// What to forget, found as it is asked for.
fn names<'a>(
    forget: &'a Forget,
    caches: &'a Caches<'_>,
) -> Box<dyn Iterator<Item = Result<EntryKey, Fault>> + 'a> {
    if forget.all {
        let pages = caches.pages(Some(&forget.namespace), None, usize::MAX);
        return Box::new(pages.flat_map(|page| match page {
            Ok(page) => page.into_iter().map(|entry| Ok(entry.name)).collect(),
            Err(fault) => vec![Err(fault)],
        }));
    }
    Box::new(named(&forget.keys).map(|named| {
        let name = EntryKey { namespace: forget.namespace.clone(), key: named? };
        // What cannot be a key is refused before anybody is asked.
        key(&name).map(|_| name)
    }))
}

/// Enough that several connections to a server stay busy.
const BATCH_COUNT: usize = 1000;
