//! `ls`: the blobs, a page at a time.

use aqueduct_blob::Digest;
use aqueduct_client::{Listed, Page};
use aqueduct_store::{Store, Usage};
use serde_json::json;

use crate::fault::Fault;
use crate::flags::{Ls, Place};
use crate::opened::{Opening, with_store};
use crate::output::Output;
use crate::remote;
use crate::text::{counted, date, size};
use crate::voice::Voice;

pub(super) fn run(ls: &Ls, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    match &ls.place {
        Place::Store(directory) => with_store(directory, Opening::EXISTING, voice, |store| {
            let listed = list(ls, json, output, |after, limit| store_page(store, after, limit))?;
            if listed.is_all {
                voice.say(&sum(listed.usage));
            } else {
                let (shown, usage) = (sum(listed.usage), sum(store.usage()?));
                voice.say(&format!("{shown}; the store has {usage}"));
            }
            Ok(())
        }),
        Place::Server(server) => {
            let client = remote::client(server, None)?;
            let listed = list(ls, json, output, |after, limit| Ok(client.list(after, limit)?))?;
            voice.say(&sum(listed.usage));
            Ok(())
        }
    }
}

/// What was listed.
struct Shown {
    usage: Usage,
    is_all: bool,
}

fn list(
    ls: &Ls,
    json: bool,
    output: &mut Output<'_>,
    page: impl Fn(Option<&Digest>, usize) -> Result<Page, Fault>,
) -> Result<Shown, Fault> {
    let mut left = ls.limit.unwrap_or(usize::MAX);
    let mut after = ls.after;
    let mut usage = Usage::default();
    while left > 0 && !output.is_gone() {
        let Page { blobs, next } = page(after.as_ref(), left.min(PAGE_COUNT))?;
        for blob in blobs.iter().take(left) {
            output.line(line(blob, json, ls.long))?;
            usage.count += 1;
            usage.size += blob.size;
        }
        output.flush()?;
        left = left.saturating_sub(blobs.len());
        after = next;
        if after.is_none() {
            break;
        }
    }
    Ok(Shown { usage, is_all: ls.after.is_none() && left > 0 })
}

fn store_page(store: &Store, after: Option<&Digest>, limit: usize) -> Result<Page, Fault> {
    let listed = store.list(after, limit)?;
    let next = listed.last().filter(|_| listed.len() == limit).map(|blob| blob.digest);
    let blob = |blob: &aqueduct_store::Listed| Listed {
        digest: blob.digest,
        size: blob.size,
        published: blob.published,
    };
    Ok(Page { blobs: listed.iter().map(blob).collect(), next })
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

/// `2 blobs, 3.1 GiB`
fn sum(usage: Usage) -> String {
    let blobs = counted(usize::try_from(usage.count).unwrap_or(usize::MAX), "blob");
    format!("{blobs}, {}", size(usage.size))
}

/// Enough that a shard of a store of a million blobs is read once, and some hundred kilobytes.
const PAGE_COUNT: usize = 4096;
