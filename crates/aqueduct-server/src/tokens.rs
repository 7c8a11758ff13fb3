//! Who may do what, by the secret they bring.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aqueduct_wire::http1::Credentials;

/// What a token allows. Writing includes reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Right {
    Read,
    Write,
}

/// Secrets, and what each allows. Only their hashes are kept.
#[derive(Clone)]
pub struct Tokens {
    list: Vec<(blake3::Hash, Right)>,
}

/// Why a file of tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error("cannot read the tokens in {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not what it should be.
    #[error("line {line} of {} is neither \"read TOKEN\" nor \"write TOKEN\"; a token has no spaces", path.display())]
    BadLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1. Its content may be a secret, and is not shown.
        line: usize,
    },
    /// There is no token in it, so nobody could come in.
    #[error("there is no token in {}; a line is \"read TOKEN\" or \"write TOKEN\"", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// There is too much in it.
    #[error("{} is longer than {TOKENS_LEN_MAX} bytes, which is no file of tokens", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
}

impl Tokens {
    /// Reads a file of lines `read TOKEN` and `write TOKEN`. Empty lines, and those that begin with `#`, say nothing.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, has a line that is neither, or has no token.
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        let unreadable = |source| TokenError::Unreadable { path: path.to_owned(), source };
        let mut text = String::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(TOKENS_LEN_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() as u64 > TOKENS_LEN_MAX {
            return Err(TokenError::TooLong { path: path.to_owned() });
        }
        let mut list = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (token, right) =
                parse(line).ok_or_else(|| TokenError::BadLine { path: path.to_owned(), line: index + 1 })?;
            list.push((blake3::hash(token.as_bytes()), right));
        }
        if list.is_empty() {
            return Err(TokenError::Empty { path: path.to_owned() });
        }
        Ok(Self { list })
    }

    /// What these credentials allow; `None` if they are no token of ours. The name in front of a password says nothing.
    pub(crate) fn right(&self, credentials: &Credentials) -> Option<Right> {
        let token = match credentials {
            Credentials::Bearer(token) => token,
            Credentials::Basic { password, .. } => password,
        };
        let hash = blake3::hash(token.as_bytes());
        // Hashes are compared in constant time, and all of them: how long it takes says nothing about any token.
        let allows = |(known, right): &(blake3::Hash, Right)| (*known == hash).then_some(*right);
        self.list.iter().filter_map(allows).max()
    }
}

fn parse(line: &str) -> Option<(&str, Right)> {
    let mut words = line.split_whitespace();
    let right = match words.next()? {
        "read" => Right::Read,
        "write" => Right::Write,
        _ => return None,
    };
    let token = words.next()?;
    words.next().is_none().then_some((token, right))
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.list.len())
    }
}

/// Thousands of tokens; and a mistaken path to something large is noticed.
const TOKENS_LEN_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests;
