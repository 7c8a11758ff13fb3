use proptest::prelude::*;

use super::*;

fn resolved(text: &str, size: u64) -> Option<Range<u64>> {
    text.parse::<ByteRange>().unwrap().resolve(size)
}

/// The examples of RFC 9110 section 14.1.2, for its representation of 10000 bytes.
#[test]
fn the_examples_of_the_rfc_mean_what_it_says() {
    assert_eq!(resolved("0-499", 10_000), Some(0..500));
    assert_eq!(resolved("500-999", 10_000), Some(500..1000));
    assert_eq!(resolved("-500", 10_000), Some(9500..10_000));
    assert_eq!(resolved("9500-", 10_000), Some(9500..10_000));
    assert_eq!(resolved("0-0", 10_000), Some(0..1));
    assert_eq!(resolved("-1", 10_000), Some(9999..10_000));
}

#[test]
fn a_range_that_reaches_past_the_end_ends_there() {
    assert_eq!(resolved("9999-10000", 10_000), Some(9999..10_000));
    assert_eq!(resolved("0-18446744073709551615", 7), Some(0..7));
    assert_eq!(resolved("-8", 7), Some(0..7));
}

#[test]
fn a_range_outside_the_blob_cannot_be_satisfied() {
    assert_eq!(resolved("7-", 7), None);
    assert_eq!(resolved("7-9", 7), None);
    assert_eq!(resolved("0-", 0), None);
    assert_eq!(resolved("-0", 7), None);
    assert_eq!(resolved("-1", 0), Some(0..0));
}

#[test]
fn numerals_of_any_len_are_read_without_overflow() {
    let huge = "9".repeat(500);
    assert_eq!(resolved(&format!("2-{huge}"), 7), Some(2..7));
    assert_eq!(resolved(&format!("-{huge}"), 7), Some(0..7));
    assert_eq!(resolved(&format!("{huge}-"), 7), None);
    assert_eq!(resolved(&format!("{huge}-{huge}"), u64::MAX), None);
    assert_eq!(resolved(&format!("{}2-4", "0".repeat(500)), 7), Some(2..5));
}

#[test]
fn anything_else_is_refused() {
    use ByteRangeParseError::{Backwards, NoHyphen, NoPosition, NotANumber};
    let cases = [
        ("", NoHyphen),
        ("5", NoHyphen),
        ("-", NoPosition),
        ("5-4", Backwards),
        ("--5", NotANumber),
        ("1-2-3", NotANumber),
        ("+1-2", NotANumber),
        ("1-+2", NotANumber),
        (" 1-2", NotANumber),
        ("1 -2", NotANumber),
        ("1-2 ", NotANumber),
        ("0x1-2", NotANumber),
        ("1-2,4-5", NotANumber),
        ("bytes=1-2", NotANumber),
        ("1-\u{662}", NotANumber),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<ByteRange>(), Err(error), "{text:?}");
    }
}

proptest! {
    #[test]
    fn a_resolved_range_lies_inside_the_blob(text in "[0-9]{0,3}-[0-9]{0,3}", size in 0_u64..1000) {
        if let Ok(range) = text.parse::<ByteRange>()
            && let Some(Range { start, end }) = range.resolve(size)
        {
            prop_assert!(start < end || size == 0);
            prop_assert!(end <= size);
        }
    }

    #[test]
    fn a_range_survives_its_own_text(first: u64, last: u64) {
        let (first, last) = (first.min(last), first.max(last));
        for form in [Form::Closed { first, last }, Form::From { first }, Form::Suffix { len: last }] {
            prop_assert_eq!(ByteRange(form).to_string().parse(), Ok(ByteRange(form)));
        }
    }
}
