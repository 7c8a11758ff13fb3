use super::*;

#[test]
fn a_greeting_is_read_as_soon_as_it_is_whole() {
    let greeting = greeting();
    for len in 0..GREETING_LEN {
        assert_eq!(parse_greeting(&greeting[..len]), Ok(None));
    }
    assert_eq!(parse_greeting(&greeting), Ok(Some(VERSION)));
    assert_eq!(parse_greeting(b"\x89AQDUCT\x01and what follows"), Ok(Some(1)));
}

#[test]
fn a_newer_version_is_for_the_reader_to_judge() {
    assert_eq!(parse_greeting(b"\x89AQDUCT\xff"), Ok(Some(255)));
}

#[test]
fn there_is_no_version_0() {
    assert_eq!(parse_greeting(b"\x89AQDUCT\x00"), Err(FrameError::UnknownVersion));
}

#[test]
fn wrong_magic_is_refused_at_the_first_byte_that_differs() {
    for at in 0..MAGIC.len() {
        let mut bytes = greeting();
        bytes[at] ^= 1;
        assert_eq!(parse_greeting(&bytes[..at]), Ok(None));
        assert_eq!(parse_greeting(&bytes[..=at]), Err(FrameError::WrongMagic));
    }
}

#[test]
fn no_text_begins_as_a_greeting_does() {
    assert!(!FIRST_BYTE.is_ascii());
    assert!(str::from_utf8(&[FIRST_BYTE]).is_err());
}
