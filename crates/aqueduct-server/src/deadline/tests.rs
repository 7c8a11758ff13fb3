#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::{pending, ready};

use super::*;

const ALLOWANCE: Duration = Duration::from_secs(60);

const RATE: u64 = 100;

fn with_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(work)
}

/// Waits for a peer that comes after `delay`.
async fn wait(pace: &mut Pace, delay: Duration) -> Result<(), Expired> {
    pace.wait(tokio::time::sleep(delay)).await
}

#[test]
fn a_trickle_does_not_buy_time() {
    with_virtual_time(async {
        let mut pace = Pace::new(ALLOWANCE, RATE);
        for _ in 0..59 {
            wait(&mut pace, Duration::from_secs(1)).await.unwrap();
            pace.moved(1);
        }
        assert_eq!(pace.wait(pending::<()>()).await, Err(Expired));
        assert_eq!(wait(&mut pace, Duration::from_secs(1)).await, Err(Expired), "nothing is left");
    });
}

#[test]
fn enough_bytes_buy_all_the_time_again() {
    with_virtual_time(async {
        let mut pace = Pace::new(ALLOWANCE, RATE);
        for _ in 0..10 {
            wait(&mut pace, Duration::from_secs(59)).await.unwrap();
            pace.moved(RATE * 60);
        }
    });
}

#[test]
fn only_waiting_for_the_peer_counts() {
    with_virtual_time(async {
        let mut pace = Pace::new(ALLOWANCE, RATE);
        tokio::time::advance(ALLOWANCE * 2).await;
        assert_eq!(pace.wait(ready(1)).await, Ok(1));
    });
}

#[test]
fn whoever_is_a_little_slower_than_the_rate_is_cut_off_and_whoever_is_as_fast_is_not() {
    with_virtual_time(async {
        for (len, is_fast_enough) in [(RATE - 1, false), (RATE, true)] {
            let mut pace = Pace::new(ALLOWANCE, RATE);
            let mut waited = Ok(());
            for _ in 0..600 {
                waited = waited.and(wait(&mut pace, Duration::from_millis(999)).await);
                pace.moved(len);
            }
            assert_eq!(waited.is_ok(), is_fast_enough, "{len} bytes a second");
        }
    });
}

#[test]
fn without_a_rate_any_byte_buys_time() {
    with_virtual_time(async {
        let mut pace = Pace::new(ALLOWANCE, 0);
        for _ in 0..10 {
            wait(&mut pace, Duration::from_secs(59)).await.unwrap();
            pace.moved(1);
        }
    });
}
