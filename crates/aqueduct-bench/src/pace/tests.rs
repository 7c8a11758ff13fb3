use super::*;

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn time_is_given_out_in_shares() {
    let pace = Pace::new(millis(40_000), 300);
    assert!(pace.is_within_share(millis(1000)));
    assert!(!pace.is_within_share(millis(1001)));
    assert!(pace.beyond_share().contains("more than 1.00 s, its share"), "{}", pace.beyond_share());
    assert!(Pace::new(millis(40_000), 2).is_within_share(millis(20_000)), "of few each has more");
    assert!(Pace::new(millis(40_000), 0).is_within_share(millis(40_000)));
    assert!(pace.has_time(millis(39_000), millis(1000)));
    assert!(!pace.has_time(millis(39_001), millis(1000)));
    assert!(!pace.has_time(millis(1), Duration::MAX));
}

#[test]
fn what_two_sizes_took_tells_of_a_third() {
    let mut experience = Experience::default();
    assert_eq!(experience.outlook(1000), Outlook::Unknown);
    // Two milliseconds, and one for each thousand bytes.
    experience.learn(1000, millis(3));
    assert_eq!(experience.outlook(10_000), Outlook::AtMost(millis(30)));
    experience.learn(2000, millis(4));
    assert_eq!(experience.outlook(10_000), Outlook::About(millis(12)));
    experience.learn(10_000, millis(112));
    assert_eq!(experience.outlook(18_000), Outlook::About(millis(220)), "the last two sizes tell");
    experience.learn(20_000, millis(50));
    assert_eq!(experience.outlook(100_000), Outlook::About(millis(50)), "bytes take no time back");
}

#[test]
fn of_two_at_one_size_the_later_counts() {
    let mut experience = Experience::default();
    experience.learn(1000, millis(1));
    experience.learn(2000, millis(9));
    experience.learn(2000, millis(2));
    assert_eq!(experience.outlook(3000), Outlook::About(millis(3)));
}

#[test]
fn what_was_written_is_a_first_guess() {
    let mut rate = Rate::default();
    assert_eq!(rate.expected(1 << 40), Duration::ZERO);
    rate.learn(1000, millis(1));
    rate.learn(3000, millis(7));
    assert_eq!(rate.expected(8000), millis(16));
    rate.learn(0, Duration::MAX / 2);
    assert_eq!(rate.expected(u64::MAX), Duration::MAX);
}
