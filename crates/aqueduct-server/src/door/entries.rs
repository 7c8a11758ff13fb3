//! The part of the blobs door that shows and removes what is kept under the keys of build caches, whoever put it: `/entries`.

use aqueduct_blob::Digest;
use aqueduct_store::{Entry, Key};
use aqueduct_wire::http1::{RequestHead, query_pairs};
use http::Method;
use serde_json::{Value, json};

use super::blobs::{LIST_COUNT_DEFAULT, list_limit, not_allowed, unknown_query};
use super::build_cache::entry_key;
use super::{EntryIntent, Intent, Refusal};

/// Which entries are asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EntryPage {
    /// `None` is all.
    pub(crate) namespace: Option<String>,
    pub(crate) after: Option<Key>,
    pub(crate) limit: usize,
}

/// What a head asks of this part; `None` if its path is of another.
pub(super) fn intent(head: &RequestHead<'_>, path: &str) -> Option<Result<Intent, Refusal>> {
    (path == ROOT).then(|| entry_intent(head).map(Intent::Entry))
}

fn entry_intent(head: &RequestHead<'_>) -> Result<EntryIntent, Refusal> {
    let [mut namespace, mut key, mut after_namespace, mut after_key] = [const { None }; 4];
    let mut limit = LIST_COUNT_DEFAULT;
    for (name, value) in query_pairs(head.query.unwrap_or_default()) {
        match &*name {
            "namespace" => namespace = Some(value.into_owned()),
            "key" => key = Some(value.into_owned()),
            "after-namespace" => after_namespace = Some(value.into_owned()),
            "after-key" => after_key = Some(value.into_owned()),
            "limit" => limit = list_limit(&value)?,
            _ => return Err(unknown_query(&name, &value)),
        }
    }
    match head.method {
        Method::GET | Method::HEAD => {
            let after = match (after_namespace, after_key) {
                (None, None) => None,
                (namespace, key) => {
                    Some(entry_key(&namespace.unwrap_or_default(), &key.unwrap_or_default())?)
                }
            };
            Ok(EntryIntent::List(EntryPage { namespace, after, limit }))
        }
        Method::DELETE => {
            Ok(EntryIntent::Remove(entry_key(&namespace.unwrap_or_default(), &key.unwrap_or_default())?))
        }
        _ => Err(not_allowed(head, "GET, HEAD, DELETE")),
    }
}

/// A page as it is told. To write one takes its time, and is for workers.
pub(crate) fn page_text(page: &[(Key, Entry)], next: Option<&Key>) -> String {
    let entries: Vec<_> = page.iter().map(|(key, entry)| shown(key, entry)).collect();
    let next = next.map(|next| json!({ "namespace": next.namespace(), "key": next.key() }));
    json!({ "entries": entries, "next": next }).to_string()
}

fn shown(key: &Key, entry: &Entry) -> Value {
    json!({
        "namespace": key.namespace(),
        "key": key.key(),
        "digest": entry.value.to_string(),
        "size": entry.size,
        "references": entry.references.iter().map(Digest::to_string).collect::<Vec<_>>(),
        "written": entry.written,
    })
}

const ROOT: &str = "/entries";
