use super::*;

#[test]
fn a_rate_is_that_of_the_last_seconds() {
    let mut pace = Pace::default();
    let seconds = Duration::from_secs;
    assert_eq!(pace.at(seconds(0), 0), 0);
    assert_eq!(pace.at(seconds(1), 100), 100);
    assert_eq!(pace.at(seconds(2), 200), 100);
    for second in 3..60 {
        pace.at(seconds(second), 200);
    }
    assert_eq!(pace.at(seconds(60), 200), 0, "it stands still");
    assert_eq!(pace.at(seconds(61), 600), 100);
}

#[test]
fn what_begins_anew_has_no_rate_below_nothing() {
    let mut pace = Pace::default();
    pace.at(Duration::from_secs(1), 1000);
    assert_eq!(pace.at(Duration::from_secs(2), 10), 0);
    assert_eq!(pace.at(Duration::from_secs(3), 30), 20);
}
