#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

#[test]
fn an_entry_has_the_key_that_it_has_over_http() {
    let Ok(Intent::Get(key)) = Intent::of(&Request::Get { key: crsh::Key(&[0xab; 20]) }) else {
        panic!("it is a key")
    };
    assert_eq!((key.namespace(), key.key()), ("ccache", "ab".repeat(20).as_str()));
}

#[test]
fn the_longest_key_is_one_of_the_store() {
    let longest = crsh::Key(&[0xff; crsh::KEY_LEN_MAX]);
    assert!(matches!(Intent::of(&Request::Exists { key: longest }), Ok(Intent::Exists(_))));
}

#[test]
fn no_key_is_none() {
    let nothing = crsh::Key(&[]);
    assert_eq!(Intent::of(&Request::Remove { key: nothing }).unwrap_err(), KeyError::Empty);
}
