//! A file of tokens: it is taken if each of its lines is one of those that there are, and then only.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use aqueduct_fuzz::Place;
use aqueduct_server::{TokenError, Tokens};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    fs::write(&*FILE, bytes).expect("the file can be written");
    let loaded = Tokens::load(&FILE);
    let Ok(text) = std::str::from_utf8(bytes) else {
        assert!(matches!(loaded, Err(TokenError::Unreadable { .. })));
        return;
    };
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let is_token = |words: &Vec<&str>| matches!(words[..], ["read" | "write", _]);
    let says_nothing = |words: &Vec<&str>| words.first().is_none_or(|word| word.starts_with('#'));
    let count = lines.iter().filter(|words| is_token(words)).count();
    let bad = lines.iter().position(|words| !is_token(words) && !says_nothing(words));
    match loaded {
        Ok(tokens) => {
            assert!(bad.is_none() && count > 0);
            assert_eq!(format!("{tokens:?}"), format!("{count} tokens"), "no secret is shown");
        }
        Err(TokenError::BadLine { line, .. }) => assert_eq!(bad, Some(line - 1)),
        Err(TokenError::Empty { .. }) => assert!(bad.is_none() && count == 0),
        Err(error) => panic!("{error}"),
    }
});

static FILE: LazyLock<PathBuf> = LazyLock::new(|| Place::make("tokens").path().join("tokens"));
