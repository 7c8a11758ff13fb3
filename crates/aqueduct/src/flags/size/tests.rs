use super::*;

#[test]
fn a_size_has_a_unit_of_bytes_by_the_1024() {
    for (text, bytes) in
        [("0", 0), ("4096", 4096), ("1B", 1), ("64KiB", 65536), ("5 GiB", 5 << 30), ("1TiB", 1 << 40)]
    {
        assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
    }
    for text in ["", "GiB", "-1", "1.5GiB", "5GB", "5g", "99999999999999999999", "16777216TiB"] {
        assert!(text.parse::<Size>().is_err(), "{text}");
    }
}
