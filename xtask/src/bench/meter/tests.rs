use super::{parse_resident_kib, parse_ticks};

#[test]
fn ticks_are_counted_behind_whatever_name() {
    let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 17 25 3 4 20 0 1 0 999 1 1 1";
    assert_eq!(parse_ticks(stat), Some(42));
    for other in ["", "42 (a) S 1", "42 (a) S 1 42 42 0 -1 4194560 100 0 0 0 x 25"] {
        assert_eq!(parse_ticks(other), None, "{other}");
    }
}

#[test]
fn resident_memory_is_one_line_of_many() {
    assert_eq!(
        parse_resident_kib("Name:\tx\nVmHWM:\t   99 kB\nVmRSS:\t   42 kB\nVmData:\t 7 kB\n"),
        Some(42)
    );
    for other in ["", "VmRSS:\t42 MB\n", "VmHWM:\t42 kB\n"] {
        assert_eq!(parse_resident_kib(other), None, "{other}");
    }
}
