use super::bout::Cost;
use super::{Options, ROWS, parse_gib};

#[test]
fn a_row_that_is_none_is_refused_by_its_name() {
    let refused = Options::parse(&["--only", "shoebox"]).err().expect("there is no such row");
    assert!(refused.to_string().contains("shoebox"), "{refused}");
    assert_eq!(Options::parse(&["--only", "file"]).expect("there is one").rows.len(), 1);
    assert_eq!(Options::parse(&[]).expect("all of them").rows.len(), ROWS.len());
}

#[test]
fn a_size_is_told_in_gib() {
    assert_eq!(parse_gib("4g"), Some(4 << 30));
    assert_eq!(parse_gib("4"), None);
    assert_eq!(parse_gib("99999999999g"), None);
}

#[test]
fn what_is_compared_has_a_name_of_its_own() {
    for row in ROWS {
        let mut names: Vec<_> = row.tools.iter().map(|tool| tool.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), row.tools.len());
    }
}

#[test]
fn a_cost_is_told_for_each_gib() {
    let cost = Cost::of(2.0, 4.0, [1.0, 3.0]);
    let figures = [cost.speed(), cost.sender(), cost.receiver(), cost.total()];
    assert_eq!(figures, [0.5, 0.5, 1.5, 2.0]);
}
