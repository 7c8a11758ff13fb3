use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use super::Throttle;

const SECOND: Duration = Duration::from_secs(1);

fn of(per_second: u64) -> Throttle {
    Throttle::new(NonZeroU64::new(per_second).expect("a rate is not zero"))
}

#[test]
fn what_is_taken_pushes_back_who_comes_next_and_not_who_takes() {
    let (throttle, now) = (of(100), Instant::now());
    assert_eq!(throttle.take(50, now), Duration::ZERO);
    assert_eq!(throttle.take(100, now), SECOND / 2);
    assert_eq!(throttle.take(1, now + SECOND), SECOND / 2);
}

#[test]
fn a_pause_is_followed_by_no_burst() {
    let (throttle, now) = (of(100), Instant::now());
    throttle.take(100, now);
    let later = now + SECOND * 100;
    assert_eq!(throttle.take(100, later), Duration::ZERO);
    assert_eq!(throttle.take(100, later), SECOND);
}

#[test]
fn another_rate_holds_from_the_next_piece_on() {
    let (throttle, now) = (of(100), Instant::now());
    throttle.take(100, now);
    throttle.set_rate(NonZeroU64::new(200).expect("it is not zero"));
    assert_eq!(throttle.take(100, now), SECOND);
    assert_eq!(throttle.take(1, now), SECOND + SECOND / 2);
}

#[test]
fn no_rate_and_no_piece_overflows_a_clock() {
    let (slow, fast, now) = (of(1), of(u64::MAX), Instant::now());
    for _ in 0..3 {
        slow.take(u64::MAX, now);
        fast.take(u64::MAX, now);
    }
    assert!(slow.take(1, now) <= SECOND * 60 * 60 * 3);
    assert!(fast.take(1, now) <= SECOND * 3);
}
