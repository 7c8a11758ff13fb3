use super::*;

#[test]
fn a_rate_is_in_bytes_or_in_bits_and_says_which() {
    for (text, rate) in [
        ("100M", 100 << 20),
        ("100MiB", 100 << 20),
        ("100 MiB/s", 100 << 20),
        ("1G", 1 << 30),
        ("64K", 64 << 10),
        ("1Gbit", 125_000_000),
        ("800Mbit/s", 100_000_000),
        ("8kbit", 1000),
    ] {
        assert_eq!(text.parse::<Bandwidth>().map(|rate| rate.0.get()), Ok(rate), "{text}");
    }
}

#[test]
fn a_rate_that_could_mean_either_is_refused() {
    for text in ["", "100", "100MB", "100Mb", "100m", "0M", "-1M", "1.5G", "M", "99999999999999999999G"] {
        assert!(text.parse::<Bandwidth>().is_err(), "{text}");
    }
}
