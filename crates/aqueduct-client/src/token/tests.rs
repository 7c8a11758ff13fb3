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

#[test]
fn a_file_holds_a_token_or_a_servers_list() {
    for (text, token) in [
        ("s3cret\n", "s3cret"),
        ("# mine\n\n  s3cret  \n", "s3cret"),
        ("read other\nwrite s3cret\nwrite third\n", "s3cret"),
        ("# the server's\nread s3cret\nread other\n", "s3cret"),
        ("write   s3cret\n", "s3cret"),
        ("write\ts3cret\n", "s3cret"),
    ] {
        assert_eq!(Token::in_file(text).unwrap().authorization(), format!("Bearer {token}"), "{text:?}");
    }
    assert_eq!(Token::in_file("one\ntwo\n").unwrap_err(), TokenParseError::NotOne);
    assert_eq!(Token::in_file("write one two\n").unwrap_err(), TokenParseError::NotOne);
    assert_eq!(Token::in_file("# nothing\n").unwrap_err(), TokenParseError::Empty);
}
