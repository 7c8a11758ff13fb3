use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The field of the example in tus 1.0.0, section "Creation".
const EXAMPLE: &[u8] = b"filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential";

#[test]
fn the_example_of_the_specification_is_read() {
    let pairs = parse_upload_metadata(EXAMPLE);
    let expected = vec![("filename", b"world_domination_plan.pdf".to_vec()), ("is_confidential", Vec::new())];
    assert_eq!(pairs, Some(expected));
}

#[test]
fn no_metadata_is_none_and_not_an_error() {
    assert_eq!(parse_upload_metadata(b""), Some(Vec::new()));
    assert_eq!(parse_upload_metadata(b" "), Some(Vec::new()));
}

#[test]
fn what_is_written_is_read_back() {
    for value in [&b""[..], b"a", b"sha256:00", &[0, 255, 10]] {
        let written = upload_metadata("key", value);
        assert_eq!(parse_upload_metadata(written.as_bytes()), Some(vec![("key", value.to_vec())]));
    }
}

#[test]
fn white_space_around_commas_and_an_empty_value_are_harmless() {
    let pairs = Some(vec![("a", b"a".to_vec()), ("b", Vec::new())]);
    assert_eq!(parse_upload_metadata(b"a YQ== ,\tb "), pairs);
    assert_eq!(parse_upload_metadata(b"a YQ==,b "), pairs);
}

#[test]
fn malformed_metadata_is_told() {
    for value in [
        &b","[..],
        b"a YQ==,",
        b",a YQ==",
        b"a YQ==,a Yg==",
        b"a YQ",
        b"a  YQ==",
        b"a YQ==YQ==",
        b"a !",
        b"\xc3\xa4 YQ==",
        b"a\xff YQ==",
    ] {
        assert_eq!(parse_upload_metadata(value), None, "{}", value.escape_ascii());
    }
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_back_in_its_order(
        pairs in prop::collection::btree_map("[!-+.-~-]{1,8}", prop::collection::vec(any::<u8>(), 0..20), 0..20),
    ) {
        let written: Vec<_> = pairs.iter().map(|(key, value)| upload_metadata(key, value)).collect();
        let written = written.join(",");
        let read = parse_upload_metadata(written.as_bytes()).unwrap();
        prop_assert!(read.iter().map(|(key, value)| (*key, value)).eq(pairs.iter().map(|(key, value)| (&**key, value))));
    }

    #[test]
    fn what_is_read_of_anything_has_keys_and_none_of_them_twice(value in "[ab=, \tQY/+]{0,24}") {
        let Some(pairs) = parse_upload_metadata(value.as_bytes()) else { return Ok(()) };
        prop_assert!(pairs.iter().all(|(key, _)| !key.is_empty() && !key.contains([' ', '\t', ','])));
        let keys: BTreeMap<_, _> = pairs.iter().cloned().collect();
        prop_assert_eq!(keys.len(), pairs.len());
    }
}

#[test]
fn counts_are_digits_alone() {
    assert_eq!(parse_upload_count(b"0"), Some(0));
    assert_eq!(parse_upload_count(b"18446744073709551615"), Some(u64::MAX));
    for value in [&b""[..], b"-1", b"+1", b"1 ", b"1.0", b"0x1", b"18446744073709551616"] {
        assert_eq!(parse_upload_count(value), None, "{}", value.escape_ascii());
    }
}

#[test]
fn the_type_of_an_uploads_bytes_is_known_in_any_case_and_with_parameters() {
    for value in
        [OFFSET_OCTETS, "Application/Offset+Octet-Stream", "application/offset+octet-stream; charset=x"]
    {
        assert!(is_offset_octets(value.as_bytes()), "{value}");
    }
    for value in [
        "",
        "application/octet-stream",
        "application/offset+octet-streams",
        "x;application/offset+octet-stream",
    ] {
        assert!(!is_offset_octets(value.as_bytes()), "{value}");
    }
}
