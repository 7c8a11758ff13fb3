//! Ranges lie inside the blob, in the order in which they were asked for, and are no more together than the blob. The
//! first 8 bytes are its size.

#![no_main]

use std::ops::Range;

use aqueduct_blob::ByteRange;
use aqueduct_wire::http1::limits::RANGE_COUNT_MAX;
use aqueduct_wire::http1::{ContentRange, Ranges, resolve_ranges};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(content_range) = ContentRange::parse(bytes) {
        check_content_range(&content_range);
    }
    let Some((size, value)) = bytes.split_first_chunk::<8>() else { return };
    let size = u64::from_be_bytes(*size);
    match resolve_ranges(Some(value), size) {
        Ranges::Whole => {}
        Ranges::Unsatisfiable => assert_eq!(satisfiable(value, size), []),
        Ranges::One(range) => check(&[range], value, size),
        Ranges::Many(ranges) => {
            assert!((2..=RANGE_COUNT_MAX).contains(&ranges.len()));
            check(&ranges, value, size);
        }
    }
});

fn check(ranges: &[Range<u64>], value: &[u8], size: u64) {
    let mut total_len = 0_u64;
    for range in ranges {
        assert!(range.start < range.end && range.end <= size);
        total_len += range.end - range.start;
        check_content_range(&ContentRange { range: range.clone(), size: Some(size) });
        check_content_range(&ContentRange { range: range.clone(), size: None });
    }
    assert!(total_len <= size);
    assert_eq!(satisfiable(value, size), ranges);
}

/// What a value that was not ignored asks for, each range by itself.
fn satisfiable(value: &[u8], size: u64) -> Vec<Range<u64>> {
    let text = std::str::from_utf8(value).expect("what was not ignored is text");
    let (unit, list) = text.split_once('=').expect("what was not ignored has a unit");
    assert_eq!(unit.to_ascii_lowercase(), "bytes");
    let asked = list.split(',').map(str::trim).filter(|member| !member.is_empty());
    let asked = asked.map(|member| member.parse::<ByteRange>().expect("what was not ignored is well formed"));
    asked.filter_map(|range| range.resolve(size)).collect()
}

fn check_content_range(content_range: &ContentRange) {
    assert!(!content_range.range.is_empty());
    assert!(content_range.size.is_none_or(|size| content_range.range.end <= size));
    assert_eq!(ContentRange::parse(content_range.to_string().as_bytes()).as_ref(), Some(content_range));
}
