//! What build caches keep under keys of their own.

use std::fmt::Write as _;

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

    /// Removes an entry; false if there was none.
    pub(crate) fn remove_entry(&self, name: &EntryKey) -> Result<bool, Error> {
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

/// What a server gives in one answer.
const PAGE_COUNT_MAX: usize = 10_000;

/// An entry may have a hundred thousand references, and then has 8 MiB.
const PAGE_LEN_MAX: usize = 16 << 20;
