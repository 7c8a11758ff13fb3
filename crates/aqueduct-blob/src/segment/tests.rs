use proptest::prelude::*;

use super::*;

#[test]
fn the_empty_blob_has_one_empty_segment() {
    assert_eq!(segment_count(0), 1);
    assert_eq!(segment_range(0, 0), 0..0);
}

#[test]
fn a_multiple_of_the_segment_has_no_empty_segment_at_its_end() {
    assert_eq!(segment_count(SEGMENT_LEN - 1), 1);
    assert_eq!(segment_count(SEGMENT_LEN), 1);
    assert_eq!(segment_count(SEGMENT_LEN + 1), 2);
    assert_eq!(segment_count(2 * SEGMENT_LEN), 2);
    assert_eq!(segment_range(SEGMENT_LEN + 1, 1), SEGMENT_LEN..SEGMENT_LEN + 1);
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    assert_eq!(segment_count(u64::MAX), 1 << 42);
    let last = segment_count(u64::MAX) - 1;
    assert_eq!(segment_range(u64::MAX, last), last * SEGMENT_LEN..u64::MAX);
    assert_eq!(segment_range(u64::MAX, u64::MAX), u64::MAX..u64::MAX);
    assert_eq!(segment_range(10, u64::MAX), 10..10);
}

proptest! {
    #[test]
    fn segments_tile_the_blob(size in 0..200 * SEGMENT_LEN) {
        let count = segment_count(size);
        let mut end = 0;
        for index in 0..count {
            let range = segment_range(size, index);
            prop_assert_eq!(range.start, end);
            prop_assert!(range.end - range.start == SEGMENT_LEN || index + 1 == count);
            end = range.end;
        }
        prop_assert_eq!(end, size);
        prop_assert_eq!(segment_range(size, count), size..size);
    }
}
