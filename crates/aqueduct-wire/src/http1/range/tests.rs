use proptest::prelude::*;

use super::*;

fn resolve(value: &str, size: u64) -> Ranges {
    resolve_ranges(Some(value.as_bytes()), size)
}

#[test]
fn one_range_is_found_inside_the_blob() {
    let cases = [
        ("bytes=0-4", 0..5),
        ("bytes=5-", 5..10),
        ("bytes=-3", 7..10),
        ("BYTES=9-99", 9..10),
        ("bytes= 2-2 ", 2..3),
    ];
    for (value, range) in cases {
        assert_eq!(resolve(value, 10), Ranges::One(range), "{value}");
    }
    assert_eq!(resolve("bytes=,, 0-4\t,", 10), Ranges::One(0..5));
    assert_eq!(resolve("bytes=10-,0-4,99-", 10), Ranges::One(0..5));
}

#[test]
fn several_ranges_keep_their_order() {
    assert_eq!(resolve("bytes=5-6,0-0, -2", 10), Ranges::Many(vec![5..7, 0..1, 8..10]));
    assert_eq!(resolve("bytes=0-4,0-4", 10), Ranges::Many(vec![0..5, 0..5]));
}

#[test]
fn ranges_that_need_not_be_obeyed_are_the_whole() {
    let values = [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes 0-4",
        "bytes =0-4",
        "items=0-4",
        "byte=0-4",
        "=0-4",
        "bytes=x",
        "bytes=4-0",
        "bytes=0-4,x",
        "bytes=0 - 4",
        "bytes=0-4;5-6",
        "bytes=\u{0661}-",
        "bytes=--1",
        "bytes=0x0-",
        // More together than there is.
        "bytes=0-5,5-9",
        "bytes=0-,0-0",
    ];
    for value in values {
        assert_eq!(resolve(value, 10), Ranges::Whole, "{value}");
    }
    assert_eq!(resolve_ranges(None, 10), Ranges::Whole);
    assert_eq!(resolve_ranges(Some(b"bytes=\xff-"), 10), Ranges::Whole);
    assert_eq!(resolve_ranges(Some(b"\xff\xff\xff\xff\xff=0-"), 10), Ranges::Whole);
}

#[test]
fn ranges_outside_the_blob_cannot_be_satisfied() {
    for value in ["bytes=10-", "bytes=10-20,99999999999999999999999-", "bytes=-0"] {
        assert_eq!(resolve(value, 10), Ranges::Unsatisfiable, "{value}");
    }
}

/// RFC 9110 section 14.1.2 has a suffix of an empty blob satisfied, and section 14.4 has no way to say so.
#[test]
fn the_empty_blob_has_only_its_whole() {
    assert_eq!(resolve("bytes=-5", 0), Ranges::Whole);
    assert_eq!(resolve("bytes=0-,-5", 0), Ranges::Whole);
    assert_eq!(resolve("bytes=0-", 0), Ranges::Unsatisfiable);
}

#[test]
fn there_is_a_greatest_count_of_ranges() {
    let of_count = |count| format!("bytes={}", vec!["0-0"; count].join(","));
    assert_eq!(resolve(&of_count(RANGE_COUNT_MAX), 100), Ranges::Many(vec![0..1; RANGE_COUNT_MAX]));
    assert_eq!(resolve(&of_count(RANGE_COUNT_MAX + 1), 100), Ranges::Whole);
    assert_eq!(resolve(&format!("bytes=0-0{}", ",".repeat(RANGE_COUNT_MAX)), 100), Ranges::Whole);
}

#[test]
fn a_content_range_is_written_and_read() {
    let cases =
        [("bytes 0-4/10", 0..5, Some(10)), ("bytes 9-9/10", 9..10, Some(10)), ("bytes 7-7/*", 7..8, None)];
    for (text, range, size) in cases {
        let content_range = ContentRange { range, size };
        assert_eq!(content_range.to_string(), text);
        assert_eq!(ContentRange::parse(text.as_bytes()), Some(content_range));
    }
    assert_eq!(ContentRange::parse(b"Bytes 0-0/1"), Some(ContentRange { range: 0..1, size: Some(1) }));
    assert_eq!(ContentRange::unsatisfied(10), "bytes */10");
}

#[test]
fn a_content_range_that_contradicts_itself_is_none() {
    let values = [
        "",
        "bytes",
        "bytes ",
        "bytes */10",
        "bytes */*",
        "bytes 0-4",
        "bytes 0-/10",
        "bytes -4/10",
        "bytes 4-0/10",
        "bytes 0-10/10",
        "bytes 0-4/",
        "bytes 0-4/x",
        "bytes 0-4/10 ",
        "bytes  0-4/10",
        "bytes=0-4/10",
        "items 0-4/10",
        "bytes +0-4/10",
        "bytes 0-18446744073709551615/*",
        "bytes 0-18446744073709551616/*",
        "bytes 0-4/10/10",
    ];
    for value in values {
        assert_eq!(ContentRange::parse(value.as_bytes()), None, "{value}");
    }
    assert_eq!(ContentRange::parse(b"bytes 0-4/1\xff"), None);
}

proptest! {
    #[test]
    fn every_range_lies_in_the_blob(value in "bytes=([0-9]{0,2}-[0-9]{0,2},? ?){0,5}", size in 0_u64..40) {
        let ranges = match resolve(&value, size) {
            Ranges::Whole | Ranges::Unsatisfiable => Vec::new(),
            Ranges::One(range) => vec![range],
            Ranges::Many(ranges) => {
                prop_assert!(ranges.len() >= 2);
                ranges
            }
        };
        prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
        prop_assert!(ranges.iter().map(|range| range.end - range.start).sum::<u64>() <= size);
        for range in ranges {
            let content_range = ContentRange { range, size: Some(size) };
            prop_assert_eq!(ContentRange::parse(content_range.to_string().as_bytes()), Some(content_range));
        }
    }
}
