use super::*;

#[test]
fn a_token_is_one_word() {
    let token: Token = "s3cret\n".parse().unwrap();
    assert_eq!(token.authorization(), "Bearer s3cret");
    for (text, error) in [
        ("", TokenParseError::Empty),
        (" \n", TokenParseError::Empty),
        ("write s3cret", TokenParseError::NotOne),
        ("one\ntwo", TokenParseError::NotOne),
        ("a\r\nHost: b", TokenParseError::NotOne),
        ("caf\u{e9}", TokenParseError::NotOne),
        (&"x".repeat(1025), TokenParseError::TooLong),
    ] {
        assert_eq!(text.parse::<Token>().unwrap_err(), error);
    }
}

#[test]
fn a_token_is_never_shown() {
    let token: Token = "s3cret".parse().unwrap();
    assert_eq!(format!("{token:?}"), "Token(..)");
}
