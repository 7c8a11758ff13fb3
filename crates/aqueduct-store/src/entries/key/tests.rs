use super::{KEY_LEN_MAX, Key, KeyError, NAMESPACE_LEN_MAX};

#[test]
fn a_key_is_a_short_text_without_control_characters() {
    let key = Key::new("ac/team", "abc").unwrap();
    assert_eq!((key.namespace(), key.key()), ("ac/team", "abc"));
    assert_eq!(key.to_string(), "ac/team/abc");
    assert!(Key::new("", &"k".repeat(KEY_LEN_MAX)).is_ok());
    assert!(Key::new(&"n".repeat(NAMESPACE_LEN_MAX), "k").is_ok());
    assert_eq!(Key::new("ac", ""), Err(KeyError::Empty));
    let too_long = KeyError::TooLong { part: "key", len: 513, len_max: 512 };
    assert_eq!(Key::new("ac", &"k".repeat(KEY_LEN_MAX + 1)), Err(too_long));
    assert!(matches!(Key::new(&"n".repeat(256), "k"), Err(KeyError::TooLong { part: "namespace", .. })));
    for control in ["\n", "\0", "a\u{7f}", "\u{85}"] {
        assert_eq!(Key::new("ac", control), Err(KeyError::Control { part: "key" }));
        assert_eq!(Key::new(control, "k"), Err(KeyError::Control { part: "namespace" }));
    }
}

#[test]
fn keys_are_in_the_order_of_their_namespaces() {
    let key = |namespace, key| Key::new(namespace, key).unwrap();
    let mut keys = [key("b", "a"), key("a", "b"), key("a/x", "a"), key("a", "a"), key("", "z")];
    keys.sort();
    assert_eq!(keys.map(|key| key.to_string()), ["/z", "a/a", "a/b", "a/x/a", "b/a"]);
}
