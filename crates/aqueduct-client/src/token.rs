//! What lets a client in.

use std::fmt;
use std::str::FromStr;

/// A secret that a server knows. Nothing prints it.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The token in a file: its only word, or, of a server's list of lines `read TOKEN` and `write TOKEN`, the first that
    /// may write, or else the first.
    ///
    /// # Errors
    ///
    /// Where there is none, or it is none.
    pub fn in_file(text: &str) -> Result<Self, TokenParseError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let listed = |right: &str| {
            let words = lines.clone().filter_map(|line| line.split_once(char::is_whitespace));
            words.filter(|(first, _)| *first == right).map(|(_, token)| token).next()
        };
        match listed("write").or_else(|| listed("read")) {
            Some(token) => token.parse(),
            None => lines.clone().collect::<Vec<_>>().join(" ").parse(),
        }
    }

    /// The secret itself, for a server.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }

    /// The value of the field Authorization (RFC 6750, section 2.1).
    pub(crate) fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl FromStr for Token {
    type Err = TokenParseError;

    /// Takes what a file or a variable holds: white space around the token is not a part of it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let token = text.trim();
        if token.is_empty() {
            return Err(TokenParseError::Empty);
        }
        if token.len() > TOKEN_LEN_MAX {
            return Err(TokenParseError::TooLong);
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenParseError::NotOne);
        }
        Ok(Self(token.to_owned()))
    }
}

/// Why a text is not a [`Token`]. It never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenParseError {
    /// There is nothing.
    #[error("there is no token")]
    Empty,
    /// It is longer than any token.
    #[error("a token has at most {TOKEN_LEN_MAX} characters")]
    TooLong,
    /// It has white space or control characters in it.
    #[error("a token is one word of printable ASCII, and nothing stands beside it")]
    NotOne,
}

/// So that it fits into a request's head with room to spare.
const TOKEN_LEN_MAX: usize = 1024;

#[cfg(test)]
mod tests;
