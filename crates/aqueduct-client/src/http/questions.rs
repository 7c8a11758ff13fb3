//! What can be asked without moving a blob.

use std::collections::HashSet;

use aqueduct_blob::Digest;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::error::Error;
use crate::http::HttpClient;
use crate::listing::{Listed, Page};

impl HttpClient {
    /// Which of these the server does not have, in the order given.
    pub(crate) fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, Error> {
        let mut missing = Vec::new();
        for asked in digests.chunks(MISSING_COUNT_MAX) {
            let names: Vec<_> = asked.iter().map(ToString::to_string).collect();
            let body = json!({ "digests": names }).to_string();
            let head = self.head(&Method::POST, "/blobs/missing").field("Content-Type", "application/json");
            let mut request = head.field("Content-Length", body.len()).finish();
            request.extend_from_slice(body.as_bytes());
            let answer = self.site.persist(|_| {
                let response = self.ask(&Method::POST, &request)?;
                if response.status() == StatusCode::OK { response.json() } else { Err(response.failure()) }
            })?;
            let named = answer["missing"].as_array().and_then(|list| list.iter().map(digest).collect());
            let named: HashSet<Digest> = named.ok_or_else(|| self.nonsense("missing"))?;
            // What nobody asked for is nobody's business.
            missing.extend(asked.iter().filter(|digest| named.contains(digest)));
        }
        Ok(missing)
    }

    /// The size of a blob in bytes; `None` if the server does not have it.
    pub(crate) fn size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let request = self.head(&Method::HEAD, &target(digest)).finish();
        self.site.persist(|_| {
            let response = self.ask(&Method::HEAD, &request)?;
            match response.status() {
                StatusCode::OK => response.head.length.map(Some).ok_or_else(|| self.nonsense("size")),
                StatusCode::NOT_FOUND => Ok(None),
                _ => Err(response.failure()),
            }
        })
    }

    /// Up to `limit` blobs behind `after` in the order of their digests, or from the first on.
    ///
    /// The server may give fewer: there are more as long as [`Page::next`] names one.
    pub(crate) fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Page, Error> {
        let limit = limit.clamp(1, PAGE_COUNT_MAX);
        let target = match after {
            Some(after) => format!("/blobs?after={after}&limit={limit}"),
            None => format!("/blobs?limit={limit}"),
        };
        let request = self.head(&Method::GET, &target).finish();
        let answer = self.site.persist(|_| {
            let response = self.ask(&Method::GET, &request)?;
            if response.status() == StatusCode::OK { response.json() } else { Err(response.failure()) }
        })?;
        let page = page(&answer).ok_or_else(|| self.nonsense("list"))?;
        // Whoever follows it would go in circles.
        if after.is_some() && page.next.is_some() && page.next.as_ref() <= after {
            return Err(self.nonsense("next page"));
        }
        Ok(page)
    }

    /// What the server says of itself.
    pub(crate) fn status(&self) -> Result<Value, Error> {
        let request = self.head(&Method::GET, "/status").finish();
        let status = self.site.persist(|_| {
            let response = self.ask(&Method::GET, &request)?;
            match response.status() {
                StatusCode::OK => response.json(),
                // There every server of ours has it, but for those of before.
                StatusCode::NOT_FOUND => Err(self.nonsense("status")),
                _ => Err(response.failure()),
            }
        })?;
        if status["version"].is_string() { Ok(status) } else { Err(self.nonsense("version")) }
    }

    /// Removes blobs, and says of each whether the server had it. Once the server is out of reach nothing more is tried.
    pub(crate) fn remove_all(&self, digests: &[Digest]) -> Vec<Result<bool, Error>> {
        self.until_lost(digests, |digest| self.remove(digest))
    }

    /// Removes things one after the other, until the server is out of reach.
    pub(super) fn until_lost<T>(
        &self,
        things: &[T],
        remove: impl Fn(&T) -> Result<bool, Error>,
    ) -> Vec<Result<bool, Error>> {
        let mut lost: Option<Error> = None;
        let remove = |thing| match &lost {
            Some(error) => Err(error.shared()),
            None => remove(thing).inspect_err(|error| {
                lost = error.is_retryable().then(|| error.shared());
            }),
        };
        things.iter().map(remove).collect()
    }

    fn remove(&self, digest: &Digest) -> Result<bool, Error> {
        let request = self.head(&Method::DELETE, &target(digest)).finish();
        // Asked again after its answer was lost, it would say that the blob was not there.
        let response = self.ask(&Method::DELETE, &request)?;
        match response.status() {
            StatusCode::NO_CONTENT | StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(response.failure()),
        }
    }

    pub(super) fn nonsense(&self, answer: &str) -> Error {
        Error::protocol(&self.site.endpoint, format!("its answer has no {answer} in it"))
    }
}

/// The path of a blob.
pub(crate) fn target(digest: &Digest) -> String {
    format!("/blobs/{digest}")
}

fn page(answer: &Value) -> Option<Page> {
    let blobs = answer["blobs"].as_array()?.iter().map(listed).collect::<Option<_>>()?;
    let next = match &answer["next"] {
        Value::Null => None,
        next => Some(digest(next)?),
    };
    Some(Page { blobs, next })
}

fn listed(blob: &Value) -> Option<Listed> {
    Some(Listed {
        digest: digest(&blob["digest"])?,
        size: blob["size"].as_u64()?,
        published: blob["published"].as_i64()?,
    })
}

/// A digest in an answer.
pub(crate) fn digest(value: &Value) -> Option<Digest> {
    value.as_str()?.parse().ok()
}

/// What a server takes in one request.
const MISSING_COUNT_MAX: usize = 10_000;

/// What a server gives in one answer.
const PAGE_COUNT_MAX: usize = 10_000;
