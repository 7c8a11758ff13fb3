#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn table(calls: f64, instructions: f64) -> Table {
    Table::new([("get".to_owned(), Cost { calls, instructions })])
}

#[test]
fn what_is_written_is_read() {
    let table = table(3.25, 12345.0);
    assert_eq!(Table::parse(&table.to_string()).unwrap(), table);
    assert_eq!(Table::parse("get 1\n"), None);
    assert_eq!(Table::parse("get one 2\n"), None);
}

#[test]
fn what_costs_more_or_less_than_was_written_down_is_complained_of() {
    let known = table(3.0, 1000.0);
    assert_eq!(known.complaints(&table(3.05, 1049.0)), [""; 0]);
    assert_eq!(
        known.complaints(&table(4.0, 1100.0)),
        [
            "get takes 4.00 system calls and took 3.00 (+33.3 %)",
            "get takes 1100.00 instructions and took 1000.00 (+10.0 %)"
        ]
    );
    assert_eq!(
        known.complaints(&table(3.0, 900.0)),
        ["get takes 900.00 instructions and took 1000.00 (-10.0 %)"]
    );
    let unknown = Table::new([("put".to_owned(), Cost { calls: 1.0, instructions: 1.0 })]);
    let complaints = ["put is not written down", "get is written down and not measured"];
    assert_eq!(known.complaints(&unknown), complaints);
}

#[test]
fn where_many_share_a_call_a_few_calls_more_say_nothing() {
    let known = table(0.19, 1000.0);
    assert_eq!(known.complaints(&table(0.23, 1000.0)), [""; 0]);
    assert_eq!(known.complaints(&table(1.0, 1000.0)).len(), 1);
}
