use super::*;

fn loose(mark: i64) -> State {
    State::fresh().begun(Some(mark))
}

#[test]
fn after_a_clean_stop_nothing_is_suspect() {
    let state = loose(100).settled(None).clean();
    assert_eq!(state.recovered(), state);
    assert!(!state.suspects(i64::MAX));
}

#[test]
fn after_an_unclean_stop_names_since_the_mark_are_suspect() {
    let state = loose(100).recovered();
    assert!(!state.suspects(99));
    assert!(state.suspects(100), "named in the second of the mark, perhaps after it");
    assert!(state.suspects(10_000), "the clock may have been ahead, or somebody ran chown since");
    assert!(state.index_stale);
    assert_eq!(state.mark, None, "what is there now was synced, right or wrong");
}

#[test]
fn after_an_unclean_stop_of_a_synced_session_nothing_is_suspect() {
    let state = State::fresh().begun(None).recovered();
    assert!(!state.suspects(i64::MAX));
    assert!(state.index_stale);
}

#[test]
fn a_second_unclean_stop_does_not_forget_the_suspects_of_the_first() {
    let state = loose(100).recovered().begun(Some(500)).recovered();
    assert!(state.suspects(100));
}

#[test]
fn a_sync_of_everything_moves_the_mark() {
    let state = loose(100).settled(Some(300)).recovered();
    assert!(!state.suspects(299));
    assert!(state.suspects(300), "named in the second of the sync, perhaps after it");
}

#[test]
fn a_session_that_begins_before_the_mark_takes_the_mark_back() {
    assert_eq!(loose(100).begun(Some(40)).mark, Some(40));
    assert_eq!(loose(100).begun(Some(400)).mark, Some(100));
}

#[test]
fn no_loose_name_is_admitted_while_the_clock_is_behind_the_mark() {
    assert!(!loose(100).admits(99));
    assert!(loose(100).admits(100));
    assert!(!State::fresh().begun(None).admits(100), "a session that syncs has nothing loose");
}

#[test]
fn of_a_store_without_a_recorded_state_everything_is_suspect() {
    assert!(State::unknown().suspects(i64::MIN));
}
