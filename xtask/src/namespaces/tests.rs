use super::parse_listener;

#[test]
fn a_listener_is_told_from_a_connection_and_from_the_head_of_the_table() {
    let listener =
        "   0: 020000C0:1C41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1";
    assert_eq!(parse_listener(listener), Some(7233));
    assert_eq!(parse_listener(&listener.replace(" 0A ", " 01 ")), None);
    assert_eq!(parse_listener("  sl  local_address rem_address   st tx_queue rx_queue"), None);
    assert_eq!(parse_listener(""), None);
}
