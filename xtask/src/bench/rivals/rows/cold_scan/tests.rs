use super::p99;

#[test]
fn one_in_a_hundred_may_take_longer() {
    let seconds = |count: u32| (1..=count).rev().map(f64::from).collect::<Vec<_>>();
    for (count, expected) in [(1, 1.0), (100, 99.0), (1_000, 990.0), (150, 149.0)] {
        assert!((p99(seconds(count)) - expected).abs() < 1e-9, "{count}");
    }
}
