#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{lines_with, tokens};

fn words(source: &str) -> Vec<&str> {
    tokens(source).iter().map(|token| token.text).collect()
}

#[test]
fn comments_are_not_code() {
    assert_eq!(words("a // b\nc /* d /* e */ f */ g"), ["a", "c", "g"]);
}

#[test]
fn the_inside_of_a_literal_is_not_code() {
    assert_eq!(
        words(r#"f("dbg!", b"x", 'y', '\'', '"', z)"#),
        "f ( , b , , , , z )".split(' ').collect::<Vec<_>>()
    );
    assert_eq!(words("r\"a\" + br#\"b \" c\"# + d"), ["+", "+", "d"]);
}

#[test]
fn an_escaped_quote_does_not_close_a_string() {
    assert_eq!(words(r#""a\"b" c "\\" d"#), ["c", "d"]);
}

#[test]
fn a_lifetime_is_not_an_open_quote() {
    assert_eq!(words("fn f<'a>(x: &'a T)"), "fn f < ' a > ( x : & ' a T )".split(' ').collect::<Vec<_>>());
}

#[test]
fn a_raw_identifier_is_not_a_raw_string() {
    assert_eq!(words("r#type x"), ["r", "#", "type", "x"]);
}

#[test]
fn lines_are_counted_through_everything_that_is_skipped() {
    let source = "a\n/* \n */ \"\n\" r#\"\n\"# 'x'\nb";
    let last = tokens(source).pop().unwrap();
    assert_eq!((last.line, last.text), (6, "b"));
}

#[test]
fn a_pattern_is_found_across_white_space_and_not_inside_words() {
    let source = tokens("thread :: sleep(x);\nthread\n::sleepy(y)");
    assert_eq!(lines_with(&source, "thread::sleep"), [1]);
    assert_eq!(lines_with(&source, "y"), [3]);
}

#[test]
fn an_unclosed_literal_ends_with_the_file() {
    for source in ["\"abc", "/* abc", "r#\"abc\"", "'\\"] {
        assert!(words(source).is_empty(), "{source}");
    }
}
