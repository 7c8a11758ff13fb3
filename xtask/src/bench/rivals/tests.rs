#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{Options, ROUND_COUNT, rows};

#[test]
fn without_a_word_everything_is_measured() {
    let options = Options::parse(&[]).unwrap();
    assert_eq!(options.rows.len(), rows::ALL.len());
    assert_eq!(options.round_count, ROUND_COUNT);
    assert_eq!(options.typed(), "cargo xtask bench-rivals");
}

#[test]
fn rows_are_chosen_by_name_and_the_command_can_be_repeated() {
    let options = Options::parse(&["--only", "get-4k", "get-1g", "--rounds", "3"]).unwrap();
    assert_eq!(options.typed(), "cargo xtask bench-rivals --only get-4k get-1g --rounds 3");
}

#[test]
fn what_is_not_known_is_said() {
    for words in [&["--only"][..], &["--only", "x"], &["--rounds"], &["--rounds", "0"], &["--write"], &["x"]]
    {
        assert!(Options::parse(words).is_err(), "{words:?}");
    }
}

#[test]
fn rows_have_names_of_their_own() {
    for (index, row) in rows::ALL.iter().enumerate() {
        assert!(rows::ALL[..index].iter().all(|earlier| earlier.name != row.name), "{}", row.name);
        assert!(!row.about.is_empty() && !row.columns.is_empty(), "{}", row.name);
    }
}
