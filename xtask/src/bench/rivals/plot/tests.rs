use super::super::table::{Column, Series, Table};
use super::svg;

const COLUMN: Column = Column { head: "requests/s", places: 0, ratio: None };

#[test]
fn the_longest_bar_spans_the_picture_and_the_others_are_in_proportion() {
    let series = vec![
        Series::new("aqueduct", vec![vec![100.0], vec![100.0]]),
        Series::new("a < b", vec![vec![25.0], vec![25.0]]),
    ];
    let picture =
        svg("GET", COLUMN, &[Table { key: String::new(), asked: "64 connections".to_owned(), series }]);
    assert!(picture.contains(">GET: requests/s</text>"), "{picture}");
    assert!(picture.contains("width=\"450.0\" height=\"14\" class=\"ours\"/>"), "{picture}");
    assert!(picture.contains("width=\"112.5\" height=\"14\" class=\"other\"/>"), "{picture}");
    assert!(picture.contains(">a &lt; b</text>"), "{picture}");
    assert!(picture.contains(">25</text>"), "{picture}");
}

#[test]
fn where_nothing_was_moved_there_is_no_bar() {
    let series = vec![Series::new("aqueduct", vec![vec![0.0]])];
    let picture = svg("x", COLUMN, &[Table { key: String::new(), asked: String::new(), series }]);
    assert!(picture.contains("width=\"0.0\" height=\"14\""), "{picture}");
}
