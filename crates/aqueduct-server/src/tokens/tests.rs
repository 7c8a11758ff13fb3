#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;

use super::*;

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn load(text: &str) -> Result<Tokens, TokenError> {
    Tokens::load(file(text).path())
}

fn bearer(token: &str) -> Credentials {
    Credentials::Bearer(token.to_owned())
}

#[test]
fn a_token_allows_what_its_line_says_and_no_other_does() {
    let tokens = load("# ours\n\nread r0\n  write\tw0  \nread both\nwrite both\n").unwrap();
    assert_eq!(tokens.right(&bearer("r0")), Some(Right::Read));
    assert_eq!(tokens.right(&bearer("w0")), Some(Right::Write));
    assert_eq!(tokens.right(&bearer("both")), Some(Right::Write));
    for stranger in ["", "r", "r00", "R0", "# ours"] {
        assert_eq!(tokens.right(&bearer(stranger)), None, "{stranger:?}");
    }
}

#[test]
fn a_token_may_come_as_a_password_under_any_name() {
    let tokens = load("read r0").unwrap();
    let basic = |user: &str, password: &str| Credentials::Basic {
        user: user.to_owned(),
        password: password.to_owned(),
    };
    assert_eq!(tokens.right(&basic("anybody", "r0")), Some(Right::Read));
    assert_eq!(tokens.right(&basic("r0", "")), None);
}

#[test]
fn a_bad_line_is_named_and_not_shown() {
    for text in ["read a\nsecret", "read a\nread", "read a\nread b c", "read a\nadmin b"] {
        let error = load(text).unwrap_err();
        assert!(matches!(error, TokenError::BadLine { line: 2, .. }), "{text:?}");
        assert!(!error.to_string().contains("secret"));
    }
}

#[test]
fn a_file_without_tokens_or_none_at_all_is_an_error() {
    assert!(matches!(load("# nobody\n").unwrap_err(), TokenError::Empty { .. }));
    assert!(matches!(Tokens::load(Path::new("/nonexistent")).unwrap_err(), TokenError::Unreadable { .. }));
    let long = "#".repeat(usize::try_from(TOKENS_LEN_MAX).unwrap() + 1);
    assert!(matches!(load(&long).unwrap_err(), TokenError::TooLong { .. }));
}

#[test]
fn tokens_are_not_shown_for_debugging() {
    assert_eq!(format!("{:?}", load("read secret").unwrap()), "1 tokens");
}
