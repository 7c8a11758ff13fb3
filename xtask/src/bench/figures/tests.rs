use super::Spread;

#[test]
fn the_median_of_an_even_count_lies_between_the_middle_two() {
    assert_eq!(Spread::of([4.0, 1.0, 3.0, 2.0]), Spread { median: 2.5, min: 1.0, max: 4.0 });
    assert_eq!(Spread::of([9.0, 1.0, 3.0]), Spread { median: 3.0, min: 1.0, max: 9.0 });
    assert_eq!(Spread::of([7.0]), Spread { median: 7.0, min: 7.0, max: 7.0 });
}

#[test]
fn ratios_are_taken_round_by_round_so_that_drift_cancels() {
    let theirs = [1.0, 2.0, 4.0];
    let ours = [1.1, 2.2, 4.4];
    assert_eq!(format!("{:.2}", Spread::of_ratios(&ours, &theirs)), "1.10 (1.10-1.10)");
}
