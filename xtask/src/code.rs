//! Rust source as tokens: enough to tell code from comments and literals, and no more.

/// An identifier, a number, or one character of punctuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) text: &'a str,
}

/// The tokens of `source`. Comments are left out, and so are literals.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = skipped_len(rest);
        let len = skipped.unwrap_or_else(|| if is_word(first) { word_len(rest) } else { first.len_utf8() });
        let (text, after) = rest.split_at(len);
        if skipped.is_none() {
            tokens.push(Token { line, text });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The lines of `source` where the code reads as `pattern` does, whatever the white space between.
pub(crate) fn lines_with(source: &[Token<'_>], pattern: &str) -> Vec<usize> {
    let pattern: Vec<&str> = tokens(pattern).iter().map(|token| token.text).collect();
    assert!(!pattern.is_empty(), "an empty pattern stands everywhere");
    source
        .windows(pattern.len())
        .filter(|window| window.iter().map(|token| token.text).eq(pattern.iter().copied()))
        .map(|window| window[0].line)
        .collect()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn word_len(text: &str) -> usize {
    text.find(|character| !is_word(character)).unwrap_or(text.len())
}

/// The length of the white space, comment or literal that `text` begins with.
fn skipped_len(text: &str) -> Option<usize> {
    if text.starts_with(char::is_whitespace) {
        Some(text.len() - text.trim_start().len())
    } else if text.starts_with("//") {
        Some(text.find('\n').unwrap_or(text.len()))
    } else if text.starts_with("/*") {
        Some(block_comment_len(text))
    } else if text.starts_with('"') {
        Some(quoted_len(text, '"'))
    } else if is_char_literal(text) {
        Some(quoted_len(text, '\''))
    } else {
        raw_string_len(text)
    }
}

/// Block comments nest.
fn block_comment_len(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn quoted_len(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if character == quote && !escaped {
            return at + quote.len_utf8();
        }
        escaped = character == '\\' && !escaped;
    }
    text.len()
}

/// Tells `'a'` and `'\n'` from the lifetime `'a`.
fn is_char_literal(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next() == Some('\'')
        && match characters.next() {
            Some('\\') => true,
            Some(_) => characters.next() == Some('\''),
            None => false,
        }
}

fn raw_string_len(text: &str) -> Option<usize> {
    let hashes_at = ["r", "br", "cr"]
        .into_iter()
        .find(|prefix| word_len(text) == prefix.len() && text.starts_with(prefix))?
        .len();
    let hash_count = text[hashes_at..].len() - text[hashes_at..].trim_start_matches('#').len();
    let inside = text[hashes_at + hash_count..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hash_count));
    let end = inside.find(&close).map_or(inside.len(), |at| at + close.len());
    Some(text.len() - inside.len() + end)
}

#[cfg(test)]
mod tests;
