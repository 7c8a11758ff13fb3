//! Under which name an entry is found.

use std::fmt;

/// The name of an entry: a key, and the namespace it belongs to. No path is ever made of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    // In this order, which is that of the table.
    namespace: Box<str>,
    key: Box<str>,
}

/// Why a text is no [`Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing is found under nothing.
    #[error("a key is not empty")]
    Empty,
    /// It would take more room than what it leads to.
    #[error("the {part} is {len} bytes long, and {len_max} are allowed")]
    TooLong {
        /// `namespace` or `key`.
        part: &'static str,
        /// How long it is, in bytes.
        len: usize,
        /// How long it may be.
        len_max: usize,
    },
    /// A list of keys is printed line by line.
    #[error("the {part} has a control character")]
    Control {
        /// `namespace` or `key`.
        part: &'static str,
    },
}

impl Key {
    /// Names the entry `key` of `namespace`, which may be empty.
    ///
    /// # Errors
    /// Where either is too long or has a control character, or `key` is empty.
    pub fn new(namespace: &str, key: &str) -> Result<Self, KeyError> {
        if key.is_empty() {
            return Err(KeyError::Empty);
        }
        for (part, text, len_max) in [("namespace", namespace, NAMESPACE_LEN_MAX), ("key", key, KEY_LEN_MAX)]
        {
            if text.len() > len_max {
                return Err(KeyError::TooLong { part, len: text.len(), len_max });
            }
            if text.chars().any(char::is_control) {
                return Err(KeyError::Control { part });
            }
        }
        Ok(Self { namespace: namespace.into(), key: key.into() })
    }

    /// What it belongs to.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What it is called there.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// `namespace/key`, for people: a namespace may have slashes itself.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.key)
    }
}

/// A dialect, and the longest prefix of a path that one takes.
pub(crate) const NAMESPACE_LEN_MAX: usize = 255;

/// Twice the longest that a client of today sends.
pub(crate) const KEY_LEN_MAX: usize = 512;

#[cfg(test)]
mod tests;
