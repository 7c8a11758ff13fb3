//! The body of a `POST /v8/artifacts`: which artifacts there are.

use serde_json::Value;

use super::super::Refusal;

/// The hashes in it.
pub(crate) fn parse_hashes(body: &[u8]) -> Result<Vec<String>, Refusal> {
    let bad = |detail: &str| Refusal::BadHashes { detail: detail.to_owned() };
    let value: Value =
        serde_json::from_slice(body).map_err(|error| bad(&format!("it is not JSON: {error}")))?;
    let list = value.get("hashes").and_then(Value::as_array);
    let list = list.ok_or_else(|| bad("it is not an object with a list \"hashes\""))?;
    if list.len() > HASH_COUNT_MAX {
        return Err(bad(&format!("{} hashes are more than {HASH_COUNT_MAX}; ask in parts", list.len())));
    }
    list.iter()
        .map(|hash| hash.as_str().map(str::to_owned).ok_or_else(|| bad("a hash in it is not a string")))
        .collect()
}

/// A monorepo has some thousands of tasks.
const HASH_COUNT_MAX: usize = 10_000;
