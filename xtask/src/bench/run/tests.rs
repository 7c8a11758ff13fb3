#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{Figures, Taken, alternate, parse_time, timed};

#[test]
fn times_are_read_and_nothing_else_is() {
    assert_eq!(parse_time("1.250 0.500 0.250"), Some(Taken { wall: 1.25, cpu: 0.75 }));
    for other in ["", "1.250", "1.250 0.500", "real 0m1.250s", "1 2 3 4"] {
        assert_eq!(parse_time(other), None, "{other}");
    }
}

#[test]
fn a_figure_is_found_by_its_whole_name() {
    let figures = Figures { line: "bytes=7 wall_s=0.5 cpu_s=0.25 digest=a:b".to_owned() };
    assert_eq!(figures.text("digest").unwrap(), "a:b");
    assert_eq!(figures.taken().unwrap(), Taken { wall: 0.5, cpu: 0.25 });
    assert!(figures.text("s").is_err());
}

#[test]
fn a_run_that_fails_is_not_a_measurement() {
    assert!(timed(&["false"], None).is_err());
    assert!(timed(&["true"], None).is_ok());
}

#[test]
fn the_order_of_arms_turns_round_with_every_round() {
    let mut order = Vec::new();
    let taken = alternate(3, 2, |arm, round| {
        order.push(arm);
        Ok((arm, round))
    });
    assert_eq!(order, [0, 1, 2, 2, 1, 0]);
    assert_eq!(taken.unwrap(), [[(0, 0), (0, 1)], [(1, 0), (1, 1)], [(2, 0), (2, 1)]]);
}
