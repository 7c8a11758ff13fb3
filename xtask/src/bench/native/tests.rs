#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::alternate;

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
