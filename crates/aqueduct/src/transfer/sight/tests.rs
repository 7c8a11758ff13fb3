use aqueduct_transfer::Limit;

use super::*;

fn glance(percent: u64) -> Glance {
    Glance {
        phase: Phase::Transfer,
        name: String::new(),
        done: percent,
        verified: percent,
        total: Some(100),
        rate: 0,
        streams: 1,
        limit: Limit::Unknown,
    }
}

/// When lines come, tenths of a second being told.
fn lines(mut cadence: Cadence, told: impl IntoIterator<Item = (u64, Glance)>) -> Vec<u64> {
    let is_due = |(tenths, glance): (u64, Glance)| {
        cadence.is_due(Duration::from_millis(tenths * 100), &glance).then_some(tenths)
    };
    told.into_iter().filter_map(is_due).collect()
}

#[test]
fn a_line_comes_at_each_tenth_and_every_ten_seconds() {
    let slow = (1..=600).map(|time| (time, glance(time / 20)));
    assert_eq!(lines(Cadence::of_lines(), slow), [100, 200, 300, 400, 500, 600]);
    let quicker = (1..=60).map(|time| (time, glance(time)));
    assert_eq!(lines(Cadence::of_lines(), quicker), [10, 20, 30, 40, 50, 60]);
    let fast = (1..=30).map(|time| (time, glance(time * 10)));
    assert_eq!(
        lines(Cadence::of_lines(), fast),
        [10],
        "no more than a line a second, and none of what is done at once"
    );
}

#[test]
fn there_is_an_event_a_second_and_none_while_the_other_side_is_waited_for() {
    assert_eq!(lines(Cadence::of_events(), (1..=30).map(|time| (time, glance(0)))), [10, 20, 30]);
    let waits = Glance { phase: Phase::Connect, ..glance(0) };
    let waited = (1..=6000).map(|time| (time, waits.clone()));
    let moves = (6001..=6005).map(|time| (time, glance(50)));
    assert_eq!(lines(Cadence::of_lines(), waited.chain(moves)), [0; 0], "nor at once when it comes");
}
