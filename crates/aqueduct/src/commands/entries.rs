//! `entries`: what build caches keep, a page at a time.

use aqueduct_blob::Digest;
use aqueduct_client::{EntryKey, EntryListed};
use aqueduct_store::Usage;
use serde_json::json;

use crate::caches::{Caches, with_caches};
use crate::fault::Fault;
use crate::flags::Entries;
use crate::opened::Opening;
use crate::output::Output;
use crate::text::{counted, date, size};
use crate::voice::Voice;

pub(super) fn run(
    entries: &Entries,
    json: bool,
    voice: &Voice,
    output: &mut Output<'_>,
) -> Result<(), Fault> {
    if entries.after.is_some() && entries.namespace.is_none() {
        let text = "a key to begin after is one of a namespace: name that, too";
        return Err(Fault::Usage(text.to_owned()));
    }
    with_caches(&entries.place, Opening::EXISTING, voice, |caches| {
        let sums = list(entries, json, output, caches)?;
        if entries.counts {
            for (namespace, sum) in &sums {
                output.line(sum_line(namespace, *sum, json))?;
            }
        }
        voice.say(&summary(&sums));
        Ok(())
    })
}

/// Lists them, unless they are only counted, and gives how many there are of each namespace.
fn list(
    entries: &Entries,
    json: bool,
    output: &mut Output<'_>,
    caches: &Caches<'_>,
) -> Result<Vec<(String, Usage)>, Fault> {
    let namespace = entries.namespace.as_deref();
    let after = entries.after.clone();
    let after = after.map(|key| EntryKey { namespace: namespace.unwrap_or_default().to_owned(), key });
    let mut left = entries.limit.unwrap_or(usize::MAX);
    let mut sums: Vec<(String, Usage)> = Vec::new();
    if left == 0 {
        return Ok(sums);
    }
    for page in caches.pages(namespace, after, left) {
        for entry in page?.into_iter().take(left) {
            if !entries.counts {
                output.line(line(&entry, json, entries.long))?;
            }
            // They come in the order of their namespaces.
            if sums.last().is_none_or(|(namespace, _)| *namespace != entry.name.namespace) {
                sums.push((entry.name.namespace, Usage::default()));
            }
            if let Some((_, sum)) = sums.last_mut() {
                sum.count += 1;
                sum.size = sum.size.saturating_add(entry.size);
            }
            left -= 1;
        }
        output.flush()?;
        if left == 0 || output.is_gone() {
            break;
        }
    }
    Ok(sums)
}

fn line(entry: &EntryListed, json: bool, long: bool) -> String {
    let EntryListed { name: EntryKey { namespace, key }, digest, size, references, written } = entry;
    let written = date(*written);
    if json {
        json!({
            "namespace": namespace,
            "key": key,
            "digest": digest.to_string(),
            "size": size,
            "references": references.iter().map(Digest::to_string).collect::<Vec<_>>(),
            "written": written,
        })
        .to_string()
    } else if long {
        format!("{key} {size:>15} {:>6} {written} {digest} {namespace}", references.len())
    } else {
        format!("{key} {namespace}")
    }
}

fn sum_line(namespace: &str, sum: Usage, json: bool) -> String {
    let Usage { count, size, .. } = sum;
    if json {
        json!({ "namespace": namespace, "count": count, "size": size }).to_string()
    } else {
        format!("{count:>10} {size:>15} {namespace}")
    }
}

/// `3 entries, 3.1 KiB: 2 in ac, 1 in ccache`
fn summary(sums: &[(String, Usage)]) -> String {
    let (count, bytes) = sums
        .iter()
        .fold((0_u64, 0_u64), |(count, bytes), (_, sum)| (count + sum.count, bytes.saturating_add(sum.size)));
    let entries = counted(usize::try_from(count).unwrap_or(usize::MAX), "entry");
    let namespaces = match sums {
        [] => String::new(),
        [(namespace, _)] => format!(" in {namespace}"),
        few if few.len() <= NAMED_COUNT_MAX => {
            let each = few.iter().map(|(namespace, sum)| format!("{} in {namespace}", sum.count));
            format!(": {}", each.collect::<Vec<_>>().join(", "))
        }
        many => format!(" in {}", counted(many.len(), "namespace")),
    };
    format!("{entries}, {}{namespaces}", size(bytes))
}

/// What fits on a line or two.
const NAMED_COUNT_MAX: usize = 6;
