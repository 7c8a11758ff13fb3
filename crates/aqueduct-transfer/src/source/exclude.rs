//! Names that are left out.

use crate::{Error, ErrorKind};

/// Patterns as shells have them: `*` is any bytes and `?` one character, neither of them a slash. One without a slash is held
/// against names, one with a slash against paths below what was named; one that ends in a slash means directories alone.
#[derive(Debug)]
pub(super) struct Exclude {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    text: Vec<u8>,
    of_path: bool,
    of_directories: bool,
}

impl Exclude {
    /// # Errors
    ///
    /// [`ErrorKind::Usage`] for a pattern that means nothing.
    pub(super) fn new(patterns: &[String]) -> Result<Self, Error> {
        patterns
            .iter()
            .map(|pattern| Pattern::new(pattern))
            .collect::<Result<_, _>>()
            .map(|patterns| Self { patterns })
    }

    /// Whether nothing is left out.
    pub(super) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether what lies at `path`, seen from what was named, is left out.
    pub(super) fn matches(&self, path: &[u8], is_directory: bool) -> bool {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        self.patterns.iter().any(|pattern| {
            let against = if pattern.of_path { path } else { name };
            (is_directory || !pattern.of_directories) && is_match(&pattern.text, against)
        })
    }
}

impl Pattern {
    fn new(pattern: &str) -> Result<Self, Error> {
        let trimmed = pattern.trim_end_matches('/');
        let text = trimmed.strip_prefix('/').unwrap_or(trimmed);
        if text.is_empty() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("the pattern {pattern:?} excludes nothing: name something"),
            ));
        }
        Ok(Self {
            text: text.into(),
            of_path: trimmed.contains('/'),
            of_directories: trimmed.len() < pattern.len(),
        })
    }
}

/// Whether all of `text` is what `pattern` says. When it is not, the last `*` takes one byte more: so it takes at most the
/// product of both lengths, whatever the pattern.
fn is_match(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut last_star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                last_star = Some((p, t));
                p += 1;
                continue;
            }
            Some(b'?') if text[t] != b'/' => {
                p += 1;
                t += character_len(&text[t..]);
                continue;
            }
            Some(byte) if *byte != b'?' && *byte == text[t] => {
                p += 1;
                t += 1;
                continue;
            }
            _ => {}
        }
        match last_star {
            Some((star, taken)) if text[taken] != b'/' => {
                last_star = Some((star, taken + 1));
                (p, t) = (star + 1, taken + 1);
            }
            _ => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Bytes of the first character; of what is no UTF-8, one.
fn character_len(text: &[u8]) -> usize {
    let first = &text[..text.len().min(4)];
    let chunk = first.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    chunk.chars().next().map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests;
