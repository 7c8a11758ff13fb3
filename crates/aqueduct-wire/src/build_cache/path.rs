//! Which client of a build cache a path is of, and what it means there.

mod ccache;

use aqueduct_blob::Digest;

use super::limits::{HASH_LEN_MAX, PREFIX_LEN_MAX};

/// What a path means.
///
/// A namespace is the name of the dialect, and the instance or prefix after a slash if the path has one. A prefix has no
/// slash at its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CachePath {
    /// `[instance/]cas/<64 hex>`, of Bazel and moon: a blob under its own SHA-256.
    Cas {
        /// The blob's name.
        digest: Digest,
    },
    /// `[instance/]ac/<64 hex>`, of Bazel and moon: an action result under the digest of the action.
    Action {
        /// `ac`, or `ac/INSTANCE`.
        namespace: String,
        /// The 64 digits.
        key: String,
    },
    /// Of ccache, in any of its layouts: `[prefix/]<40 hex>`, `[prefix/]<2 hex>/<38 hex>`, or `[prefix/]ac/<40 hex>` with
    /// the first 24 digits again. In the first two, older ones write all but 4 of the 40 digits in base32.
    Ccache {
        /// `ccache`, or `ccache/PREFIX`.
        namespace: String,
        /// The 40 hex digits, in whichever layout they came.
        key: String,
    },
    /// Of sccache: `[prefix/]<a>/<b>/<c>/<64 hex>`, where a, b and c are the first three digits; or the file
    /// `[prefix/].sccache_check` by which it finds out what it may do.
    WebDav {
        /// `sccache`, or `sccache/PREFIX`.
        namespace: String,
        /// The 64 digits, or the name of that file.
        key: String,
    },
    /// Any path that ends in a slash: what `PROPFIND` and `MKCOL` are sent to. `/` is one.
    Collection,
    /// `[prefix/]<32 hex>`, of Gradle.
    Gradle {
        /// `gradle`, or `gradle/PREFIX`.
        namespace: String,
        /// The 32 digits.
        key: String,
    },
    /// `/v8/artifacts/<hash>`, of Turborepo. The team is in the query.
    TurboArtifact {
        /// The hash.
        key: String,
    },
    /// `/v8/artifacts/status`: whether the cache is enabled.
    TurboStatus,
    /// `/v8/artifacts/events`: where Turborepo tells what it used.
    TurboEvents,
    /// `/v8/artifacts`: where Turborepo asks for several artifacts.
    TurboQuery,
    /// `/v1/cache/<hash>`, of Nx.
    Nx {
        /// The hash.
        key: String,
    },
}

/// Why a path that has the shape of one of these is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadPath {
    /// What follows `cas/` or `ac/` is not a SHA-256.
    #[error("a name under cas/ or ac/ has 64 lower-case hex digits, and nothing after them")]
    NotADigest,
    /// The directories of an sccache key are not its first digits.
    #[error("the three directories of a key are its first three digits")]
    OtherDirectories,
    /// A hash of Turborepo or Nx is empty, too long or has a character that none has.
    #[error("a hash has 1 to {HASH_LEN_MAX} letters, digits, `-` and `_`")]
    BadHash,
    /// A part of a prefix is empty, `.` or `..`.
    #[error("no part of an instance or prefix is empty, `.` or `..`")]
    BadSegment,
    /// A prefix holds a control character.
    #[error("an instance or prefix holds no control characters")]
    ControlCharacter,
    /// A prefix is longer than [`PREFIX_LEN_MAX`].
    #[error("an instance or prefix has {len} bytes, and may have {PREFIX_LEN_MAX}")]
    PrefixTooLong {
        /// Bytes of the prefix.
        len: usize,
    },
}

/// Tells what `path` means, which is that of a request with its percent-encoding undone. `Ok(None)` is that it has none of
/// these shapes.
///
/// Only shapes are looked at: `/any/thing/<40 hex>` is taken for a key of ccache. Whoever gives a meaning to such a path has
/// to look at it first.
///
/// # Errors
///
/// [`BadPath`]: it looks like one of these, and is wrong.
pub fn parse_path(path: &str) -> Result<Option<CachePath>, BadPath> {
    let Some(path) = path.strip_prefix('/') else { return Ok(None) };
    if let Some(rest) = path.strip_prefix("v8/artifacts") {
        match rest {
            "" => return Ok(Some(CachePath::TurboQuery)),
            "/status" => return Ok(Some(CachePath::TurboStatus)),
            "/events" => return Ok(Some(CachePath::TurboEvents)),
            _ => {}
        }
        if let Some(hash) = rest.strip_prefix('/') {
            return Ok(Some(CachePath::TurboArtifact { key: parse_hash(hash)? }));
        }
    }
    if let Some(hash) = path.strip_prefix("v1/cache/") {
        return Ok(Some(CachePath::Nx { key: parse_hash(hash)? }));
    }
    let mut parts = Parts(Some(path));
    match parts.next_back() {
        name if parts.0.is_none() && name.is_empty() => Ok(Some(CachePath::Collection)),
        "" => parts.check().map(|_| Some(CachePath::Collection)),
        name => parse_key(parts, name),
    }
}

/// What a path means whose last part is `name`, after `parts`.
fn parse_key(parts: Parts<'_>, name: &str) -> Result<Option<CachePath>, BadPath> {
    let mut above = parts;
    let directory = above.next_back();
    // Before `ac/`: that is also how the keys of ccache begin that begin with these two digits.
    if is_hex(directory, 2)
        && let Some(key) = ccache::parse_key(&format!("{directory}{name}"))
    {
        return above.in_namespace("ccache", key, CachePath::ccache);
    }
    match directory {
        "cas" => {
            above.check()?;
            return Ok(Some(CachePath::Cas { digest: parse_digest(name)? }));
        }
        "ac" => {
            parse_digest(name)?;
            let (key, again) = name.split_at(ccache::KEY_LEN);
            return if key.starts_with(again) {
                above.in_namespace("ccache", key.to_owned(), CachePath::ccache)
            } else {
                above.in_namespace("ac", name.to_owned(), CachePath::action)
            };
        }
        _ => {}
    }
    if is_hex(name, DIGEST_LEN) {
        let [third, second, first] = [directory, above.next_back(), above.next_back()];
        if ![first, second, third].iter().all(|directory| is_hex(directory, 1)) {
            return Ok(None);
        }
        if [first, second, third].concat() != name[..3] {
            return Err(BadPath::OtherDirectories);
        }
        return above.in_namespace("sccache", name.to_owned(), CachePath::web_dav);
    }
    if name == SCCACHE_CHECK {
        return parts.in_namespace("sccache", name.to_owned(), CachePath::web_dav);
    }
    if let Some(key) = ccache::parse_key(name) {
        return parts.in_namespace("ccache", key, CachePath::ccache);
    }
    if is_hex(name, GRADLE_KEY_LEN) {
        return parts.in_namespace("gradle", name.to_owned(), CachePath::gradle);
    }
    Ok(None)
}

impl CachePath {
    fn action(namespace: String, key: String) -> Self {
        Self::Action { namespace, key }
    }

    fn ccache(namespace: String, key: String) -> Self {
        Self::Ccache { namespace, key }
    }

    fn web_dav(namespace: String, key: String) -> Self {
        Self::WebDav { namespace, key }
    }

    fn gradle(namespace: String, key: String) -> Self {
        Self::Gradle { namespace, key }
    }
}

/// The parts of a path before those that were taken from its end. `None` once there are none.
#[derive(Clone, Copy)]
struct Parts<'p>(Option<&'p str>);

impl<'p> Parts<'p> {
    /// Takes the last one. Empty if there is none.
    fn next_back(&mut self) -> &'p str {
        let Some(rest) = self.0 else { return "" };
        let (rest, last) = rest.rsplit_once('/').map_or((None, rest), |(rest, last)| (Some(rest), last));
        self.0 = rest;
        last
    }

    /// What is left, if it may be an instance or a prefix. Empty if there is none.
    fn check(self) -> Result<&'p str, BadPath> {
        let Some(prefix) = self.0 else { return Ok("") };
        if prefix.len() > PREFIX_LEN_MAX {
            return Err(BadPath::PrefixTooLong { len: prefix.len() });
        }
        if prefix.contains(char::is_control) {
            return Err(BadPath::ControlCharacter);
        }
        // None of them is ever part of a path of a file. But two spellings of one place would be two places here.
        if prefix.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(BadPath::BadSegment);
        }
        Ok(prefix)
    }

    /// The key of a dialect, in the namespace that what is left makes.
    fn in_namespace(
        self,
        dialect: &str,
        key: String,
        of: impl FnOnce(String, String) -> CachePath,
    ) -> Result<Option<CachePath>, BadPath> {
        let prefix = self.check()?;
        let namespace = if prefix.is_empty() { dialect.to_owned() } else { format!("{dialect}/{prefix}") };
        Ok(Some(of(namespace, key)))
    }
}

/// All of these hash with SHA-256.
fn parse_digest(hex: &str) -> Result<Digest, BadPath> {
    format!("sha256:{hex}").parse().map_err(|_| BadPath::NotADigest)
}

fn parse_hash(hash: &str) -> Result<String, BadPath> {
    let is_good = (1..=HASH_LEN_MAX).contains(&hash.len())
        && hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    is_good.then(|| hash.to_owned()).ok_or(BadPath::BadHash)
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Hex digits of a SHA-256.
const DIGEST_LEN: usize = 64;

/// Hex digits of a key of Gradle, which is an MD5 of what the task depends on.
const GRADLE_KEY_LEN: usize = 32;

/// Read and written by sccache when it starts (its `src/cache/cache.rs`).
const SCCACHE_CHECK: &str = ".sccache_check";

#[cfg(test)]
mod tests;
