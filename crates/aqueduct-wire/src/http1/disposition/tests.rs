use super::*;

#[test]
fn a_plain_name_is_said_once_and_another_twice() {
    assert_eq!(attachment(b"model v2.bin"), "attachment; filename=\"model v2.bin\"");
    assert_eq!(
        attachment("na\u{ef}ve.txt".as_bytes()),
        "attachment; filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"
    );
}

#[test]
fn no_name_ends_the_quotes_or_the_line() {
    for name in [&b"a\"; x=\"b"[..], b"a\r\nX: y", b"a\\", b"\xff\x00", b"../up", b"%2e"] {
        let said = attachment(name);
        assert_eq!(said.matches('"').count(), 2, "{said}");
        assert!(said.is_ascii() && !said.contains(['\\', '/']) && !said.contains(char::is_control), "{said}");
    }
}
