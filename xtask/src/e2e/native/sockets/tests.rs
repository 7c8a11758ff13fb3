use super::parse_held;

const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000007 00:00000000 00000000     0        0 1 1
   1: 0100007F:1F90 0100007F:C001 01 00000010:00000001 00:00000000 00000000     0        0 2 1
   2: 0100007F:C001 0100007F:1F90 01 00000100:00000000 00:00000000 00000000     0        0 3 1
   3: 0100007F:C002 0100007F:1F91 01 00001000:00001000 00:00000000 00000000     0        0 4 1
";

#[test]
fn queues_of_both_ends_are_added_and_those_of_others_are_not() {
    assert_eq!(parse_held(TABLE, &[0x1f90]), Some(0x111));
    assert_eq!(parse_held(TABLE, &[0x1f90, 0x1f91]), Some(0x2111));
    assert_eq!(parse_held(TABLE, &[1]), Some(0));
}

#[test]
fn a_table_of_another_shape_is_no_table() {
    assert_eq!(parse_held("head\nline", &[1]), None);
}
