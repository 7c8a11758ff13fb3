use super::{Column, Series, Table, markdown};

const COLUMNS: [Column; 2] = [
    Column { head: "requests/s", places: 0, ratio: Some("ours / its") },
    Column { head: "us", places: 1, ratio: None },
];

fn table() -> Table {
    let ours = Series::new("aqueduct", vec![vec![200.0, 1.0], vec![100.0, 2.0], vec![300.0, 3.0]]);
    let theirs = Series::new("x", vec![vec![100.0, 1.0], vec![50.0, 1.0], vec![100.0, 1.0]]);
    Table { key: "k".to_owned(), asked: "GET".to_owned(), series: vec![ours, theirs] }
}

#[test]
fn each_server_is_a_line_and_ours_is_compared_with_the_others() {
    let text = markdown(&COLUMNS, &[table()]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "| asked | server | requests/s | us | ours / its |",
            "|---|---|---|---|---|",
            "| GET | aqueduct | 200 (100-300) | 2.0 (1.0-3.0) |  |",
            "| GET | x | 100 (50-100) | 1.0 (1.0-1.0) | 2.00 (2.00-3.00) |",
        ]
    );
}

#[test]
fn who_was_not_measured_has_no_ratio() {
    assert!(table().ratio("y", 0).is_none());
    assert!(table().ratio("x", 0).is_some_and(|ratio| (ratio.median - 2.0).abs() < 1e-9));
}
