use aqueduct_blob::Algorithm;

use super::*;

#[test]
fn a_tag_is_the_digest_in_quotes() {
    let digest = Digest::new(Algorithm::Blake3, [0xab; 32]);
    assert_eq!(etag(&digest), format!("\"blake3:{}\"", "ab".repeat(32)));
}

/// For each list: whether the tag `"a"` is in it, by the strong comparison and by the weak.
#[test]
fn lists_of_tags_are_searched() {
    let cases = [
        ("*", true, true),
        ("\"a\"", true, true),
        ("W/\"a\"", false, true),
        ("\"b\", \"a\"", true, true),
        ("\"b\",,\t, W/\"a\" , \"c\"", false, true),
        ("W/\"a\", \"a\"", true, true),
        ("\"b\"", false, false),
        ("", false, false),
        ("a", false, false),
        ("\"a", false, false),
        ("\"A\"", false, false),
        ("w/\"a\"", false, false),
        ("\"*\"", false, false),
        // A comma inside a tag is part of it.
        ("\"b, \"", false, false),
        ("\",\"a\",\"", false, false),
        ("\"b,\",\"a\"", true, true),
        // What follows something malformed is not looked at.
        ("b, \"a\"", false, false),
    ];
    for (list, strong, weak) in cases {
        assert_eq!(matches_strong(list.as_bytes(), "\"a\""), strong, "{list}");
        assert_eq!(matches_weak(list.as_bytes(), "\"a\""), weak, "{list}");
    }
    assert!(!matches_weak(b"\"\xff", "\"a\""));
}

#[test]
fn if_range_is_one_strong_tag() {
    assert!(matches_if_range(b"\"a\"", "\"a\""));
    for value in ["W/\"a\"", "\"b\"", "\"a\", \"b\"", "*", "", "Sat, 29 Oct 1994 19:43:31 GMT"] {
        assert!(!matches_if_range(value.as_bytes(), "\"a\""), "{value}");
    }
}
