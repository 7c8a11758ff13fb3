use aqueduct_store::{Listed, Usage};
use serde_json::json;

use crate::fault::Fault;
use crate::flags::Ls;
use crate::opened::{Opening, with_store};
use crate::output::Output;
use crate::text::{counted, date, size};
use crate::voice::Voice;

pub(super) fn run(ls: &Ls, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    with_store(&ls.place, Opening::EXISTING, voice, |store| {
        let mut left = ls.limit.unwrap_or(usize::MAX);
        let mut after = ls.after;
        let mut listed = Usage::default();
        while left > 0 && !output.is_gone() {
            let limit = left.min(PAGE_COUNT);
            let page = store.list(after.as_ref(), limit)?;
            for blob in &page {
                output.line(line(blob, json, ls.long))?;
                listed.count += 1;
                listed.size += blob.size;
            }
            output.flush()?;
            left -= page.len();
            after = page.last().map(|blob| blob.digest);
            if page.len() < limit {
                break;
            }
        }
        let shown = format!("{}, {}", blobs(listed), size(listed.size));
        if ls.after.is_none() && left > 0 {
            voice.say(&shown);
        } else {
            let usage = store.usage()?;
            voice.say(&format!("{shown}; the store has {}, {}", blobs(usage), size(usage.size)));
        }
        Ok(())
    })
}

fn line(blob: &Listed, json: bool, long: bool) -> String {
    let digest = blob.digest;
    let published = date(blob.published);
    if json {
        json!({ "digest": digest.to_string(), "size": blob.size, "stored": published }).to_string()
    } else if long {
        format!("{digest} {:>15} {published}", blob.size)
    } else {
        digest.to_string()
    }
}

fn blobs(usage: Usage) -> String {
    counted(usize::try_from(usage.count).unwrap_or(usize::MAX), "blob")
}

/// Enough that a shard of a store of a million blobs is read once, and some hundred kilobytes.
const PAGE_COUNT: usize = 4096;
