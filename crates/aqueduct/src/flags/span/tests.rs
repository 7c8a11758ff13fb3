use super::*;

#[test]
fn a_time_has_a_unit_or_is_in_seconds() {
    for (text, seconds) in
        [("0", 0), ("90", 90), ("90s", 90), ("15 min", 900), ("12h", 43_200), ("365d", 31_536_000)]
    {
        assert_eq!(text.parse(), Ok(Span(Duration::from_secs(seconds))), "{text}");
    }
}

#[test]
fn what_is_no_time_is_refused() {
    for text in
        ["", "d", "-1", "1.5h", "7 days", "1w", "366d", "99999999999999999999", "18446744073709551615d"]
    {
        assert!(text.parse::<Span>().is_err(), "{text}");
    }
}
