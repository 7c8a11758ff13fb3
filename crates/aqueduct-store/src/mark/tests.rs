use super::*;

fn boot(name: &str) -> Incarnation {
    Incarnation(name.to_owned())
}

fn loose_session(mark: i64) -> State {
    State { loose: true, session: Some(boot("first")), ..State::fresh(mark) }
}

#[test]
fn after_a_clean_stop_nothing_is_suspect() {
    let state = State::fresh(100).reopened(500, &boot("second"));
    assert_eq!(state, State::fresh(100));
    assert!(!state.suspect(i64::MAX));
}

#[test]
fn after_a_power_cut_loose_names_since_the_mark_are_suspect() {
    let state = loose_session(100).reopened(500, &boot("second"));
    assert!(!state.suspect(99));
    assert!(state.suspect(100), "named in the second of the mark, perhaps after it");
    assert!(state.suspect(10_000), "the clock may have been ahead, or somebody ran chown since");
    assert!(state.index_stale);
}

#[test]
fn after_a_kill_on_the_same_boot_nothing_is_suspect_and_nothing_more_is_durable() {
    let state = loose_session(100).reopened(500, &boot("first"));
    assert!(!state.suspect(200));
    assert!(!state.durable(200));
    assert!(state.loose, "a power cut may still come");
    assert!(state.index_stale);
}

#[test]
fn after_a_power_cut_in_a_synced_session_nothing_is_suspect() {
    let session = State { session: Some(boot("first")), ..State::fresh(100) };
    let state = session.reopened(500, &boot("second"));
    assert!(!state.suspect(200));
    assert!(state.durable(200), "it was read from the medium");
}

#[test]
fn a_second_power_cut_does_not_forget_the_suspects_of_the_first() {
    let first = loose_session(100).reopened(500, &boot("second"));
    let again = State { loose: true, session: Some(boot("second")), ..first };
    let state = again.reopened(900, &boot("third"));
    assert!(state.suspect(100));
}

#[test]
fn a_sync_of_everything_moves_the_mark() {
    let state = loose_session(100).settled(300);
    assert!(state.durable(299));
    assert!(!state.durable(300), "named in the second of the sync, perhaps after it");
    assert!(!state.reopened(500, &boot("second")).suspect(400));
}

#[test]
fn nothing_is_loose_while_the_clock_is_behind_the_mark() {
    let state = loose_session(100);
    assert!(!state.may_be_loose(99));
    assert!(state.may_be_loose(100));
    assert!(!State::fresh(100).may_be_loose(100), "a session that syncs has nothing loose");
}

#[test]
fn of_a_store_without_a_recorded_state_everything_is_suspect() {
    assert!(State::unknown(500).suspect(i64::MIN));
}
