use super::*;

#[test]
fn a_call_in_two_lines_is_counted_once() {
    let trace = "7 read(3, \"\"..., 4) = 4\n\
                 7 accept4(9,  <unfinished ...>\n\
                 8 sendmsg(4, {msg_name=NULL, ...}, 0) = -1 EAGAIN (Resource temporarily unavailable)\n\
                 7 <... accept4 resumed>NULL, NULL, 0) = 5\n\
                 8 exit_group(0 <unfinished ...>\n\
                 7 +++ exited with 0 +++\n";
    assert_eq!(count_calls(trace), Some(3));
    assert_eq!(count_calls(""), None);
}

#[test]
fn the_total_is_found() {
    assert_eq!(parse_total("fn=(1) main\n12 34\n\ntotals: 123456\n"), Some(123_456));
    assert_eq!(parse_total("events: Ir\n"), None);
}
