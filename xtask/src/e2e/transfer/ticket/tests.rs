use super::{decode, encode};

/// RFC 4648, section 10.
#[test]
fn base_32_is_that_of_its_standard() {
    for (bytes, text) in
        [("", ""), ("f", "my"), ("fo", "mzxq"), ("foob", "mzxw6yq"), ("foobar", "mzxw6ytboi")]
    {
        assert_eq!(encode(bytes.as_bytes()), text);
        assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
    }
    assert_eq!(decode("MY"), None);
}
