use super::parse_calls;

#[test]
fn the_sum_of_all_calls_is_read() {
    let table = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000600           6       100           fsync
 40.00    0.000400           8        50         1 fdatasync
------ ----------- ----------- --------- --------- ----------------
100.00    0.001000           6       150         1 total
";
    assert_eq!(parse_calls(table), Some(150));
    assert_eq!(parse_calls(&table.replace("         1 total", "           total")), Some(150));
}

#[test]
fn a_program_that_syncs_nothing_is_no_error() {
    assert_eq!(parse_calls(""), Some(0));
    assert_eq!(parse_calls("something else\n"), None);
}
