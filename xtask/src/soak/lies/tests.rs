use super::crc32;

#[test]
fn the_check_is_the_one_that_the_protocol_names() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}
