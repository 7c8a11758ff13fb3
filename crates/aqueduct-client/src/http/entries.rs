//! What build caches keep under keys of their own.

use std::fmt::Write as _;
use std::thread::{self, ScopedJoinHandle};

use aqueduct_wire::http1::encode_name;
use http::{Method, StatusCode};
use serde_json::Value;

use super::questions::digest;
use crate::error::Error;
use crate::http::HttpClient;
use crate::listing::{EntryKey, EntryListed, EntryPage};

impl HttpClient {
    /// Up to `limit` entries behind `after` in the order of their names, or from the first on.
    pub(crate) fn entries(
        &self,
        namespace: Option<&str>,
        after: Option<&EntryKey>,
        limit: usize,
    ) -> Result<EntryPage, Error> {
        let mut target = format!("{ROOT}?limit={}", limit.clamp(1, PAGE_COUNT_MAX));
        if let Some(namespace) = namespace {
            let _ = write!(target, "&namespace={}", encoded(namespace));
        }
        if let Some(EntryKey { namespace, key }) = after {
            let _ = write!(target, "&after-namespace={}&after-key={}", encoded(namespace), encoded(key));
        }
        let request = self.head(&Method::GET, &target).finish();
        let answer = self.site.persist(|_| {
            let response = self.ask(&Method::GET, &request)?;
            match response.status() {
                StatusCode::OK => response.json_of(PAGE_LEN_MAX),
                // There every server of ours has it, but for those of before.
                StatusCode::NOT_FOUND => Err(self.nonsense("entries")),
                _ => Err(response.failure()),
            }
        })?;
        let page = page(&answer).ok_or_else(|| self.nonsense("entries"))?;
        // Whoever follows it would go in circles.
        if after.is_some() && page.next.is_some() && page.next.as_ref() <= after {
            return Err(self.nonsense("next page"));
        }
        Ok(page)
    }

    /// Removes entries, and says of each whether there was one. They go over several connections, since a server makes durable
    /// together what it is told at the same time.
    pub(crate) fn remove_entries(&self, names: &[EntryKey]) -> Vec<Result<bool, Error>> {
        let share = names.len().div_ceil(REMOVER_COUNT).max(1);
        thread::scope(|scope| {
            let remove = |names: &'_ [EntryKey]| self.until_lost(names, |name| self.remove_entry(name));
            let removers: Vec<_> =
                names.chunks(share).map(|names| scope.spawn(move || remove(names))).collect();
            let removed = |remover: ScopedJoinHandle<'_, _>| remover.join().expect("it does not panic");
            removers.into_iter().flat_map(removed).collect()
        })
    }

    fn remove_entry(&self, name: &EntryKey) -> Result<bool, Error> {
        let target = format!("{ROOT}?namespace={}&key={}", encoded(&name.namespace), encoded(&name.key));
        let request = self.head(&Method::DELETE, &target).finish();
        // Asked again after its answer was lost, it would say that there was none.
        let response = self.ask(&Method::DELETE, &request)?;
        match response.status() {
            StatusCode::NO_CONTENT => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(response.failure()),
        }
    }
}

/// A value of a query.
fn encoded(text: &str) -> String {
    encode_name(text.as_bytes())
}

fn page(answer: &Value) -> Option<EntryPage> {
    let entries = answer["entries"].as_array()?.iter().map(listed).collect::<Option<_>>()?;
    let next = match &answer["next"] {
        Value::Null => None,
        next => Some(name(next)?),
    };
    Some(EntryPage { entries, next })
}

fn listed(entry: &Value) -> Option<EntryListed> {
    Some(EntryListed {
        name: name(entry)?,
        digest: digest(&entry["digest"])?,
        size: entry["size"].as_u64()?,
        references: entry["references"].as_array()?.iter().map(digest).collect::<Option<_>>()?,
        written: entry["written"].as_i64()?,
    })
}

/// The name of an entry in an answer. It reaches a terminal: nothing in it may move the cursor.
fn name(value: &Value) -> Option<EntryKey> {
    let text =
        |part: &str| value[part].as_str().filter(|text| !text.contains(char::is_control)).map(str::to_owned);
    Some(EntryKey { namespace: text("namespace")?, key: text("key").filter(|key| !key.is_empty())? })
}

const ROOT: &str = "/entries";

/// As many as a server has workers that change its store, so that all are kept busy and none waits.
const REMOVER_COUNT: usize = 16;

/// What a server gives in one answer.
const PAGE_COUNT_MAX: usize = 10_000;

/// An entry may have a hundred thousand references, and then has 8 MiB.
const PAGE_LEN_MAX: usize = 16 << 20;
