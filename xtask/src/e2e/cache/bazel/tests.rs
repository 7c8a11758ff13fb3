use super::parse_hits;

#[test]
fn hits_are_read_from_what_bazel_says() {
    assert_eq!(parse_hits("INFO: 4 processes: 3 remote cache hit, 1 linux-sandbox.\n"), Some(3));
    assert_eq!(parse_hits("INFO: 1 process: 1 remote cache hit.\n"), Some(1));
    assert_eq!(parse_hits("INFO: 4 processes: 4 linux-sandbox.\n"), Some(0));
    assert_eq!(parse_hits("INFO: Build completed\n"), None);
}
