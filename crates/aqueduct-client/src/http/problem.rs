//! What a server says about a request that it did not do (RFC 9457).

use serde_json::Value;

use crate::error::printable;

/// The parts of a problem that matter here; empty if the server sent none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The last word of its type, as in `urn:aqueduct:problem:digest-mismatch`.
    name: String,
    detail: String,
}

impl Problem {
    /// Takes what there is: a body that is no problem says nothing.
    pub(crate) fn parse(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return Self::default() };
        let text = |name| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = text("type");
        let detail = match text("detail") {
            "" => text("title"),
            detail => detail,
        };
        Self {
            name: kind.rsplit([':', '/']).next().unwrap_or_default().to_owned(),
            detail: printable(detail),
        }
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// The server's own sentence.
    pub(crate) fn sentence(&self) -> Option<String> {
        (!self.detail.is_empty()).then(|| self.detail.clone())
    }
}

#[cfg(test)]
mod tests;
