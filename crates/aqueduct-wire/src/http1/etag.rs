//! Entity tags (RFC 9110 section 8.8.3), and the conditions that compare them (section 13.1).

use aqueduct_blob::Digest;

/// The tag of a blob, which is its digest in quotes: `"sha256:..."`. It is strong.
pub fn etag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// Whether a list, as that of `If-Match`, holds `etag` by the strong comparison: both are strong and alike. `*` stands
/// for every tag.
pub fn matches_strong(list: &[u8], etag: &str) -> bool {
    list == b"*" || tags(list).any(|tag| !tag.is_weak && tag.quoted == etag.as_bytes())
}

/// Whether a list, as that of `If-None-Match`, holds `etag` by the weak comparison: the texts are alike. `*` stands
/// for every tag.
pub fn matches_weak(list: &[u8], etag: &str) -> bool {
    list == b"*" || tags(list).any(|tag| tag.quoted == etag.as_bytes())
}

/// Whether the value of `If-Range` is `etag`, so that the ranges asked for are ranges of what we have.
///
/// It is one tag, compared strongly, or a date, which never matches: a blob has no date that its name would not tell
/// better (RFC 9110 section 13.1.5).
pub fn matches_if_range(value: &[u8], etag: &str) -> bool {
    value == etag.as_bytes()
}

struct Tag<'a> {
    is_weak: bool,
    /// With its quotes.
    quoted: &'a [u8],
}

/// The tags of a list, up to where it is malformed. A tag may hold a comma, so the list cannot be split at those.
fn tags(list: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        while let Some(after) = rest.strip_prefix(b",") {
            rest = after.trim_ascii_start();
        }
        let text = rest.strip_prefix(b"W/").unwrap_or(rest);
        let inside = text.strip_prefix(b"\"")?;
        let end = inside.iter().position(|&byte| byte == b'"')?;
        let (quoted, after) = text.split_at(end + 2);
        let is_weak = text.len() < rest.len();
        rest = after;
        Some(Tag { is_weak, quoted })
    })
}

#[cfg(test)]
mod tests;
