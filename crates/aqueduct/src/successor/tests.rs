#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

#[test]
fn a_program_is_waited_for_to_its_end() {
    let status = run(Command::new("sh").args(["-c", "exit 3"]), Duration::from_secs(600)).unwrap();
    assert_eq!(status.unwrap().code(), Some(3));
}

#[test]
fn one_that_hangs_is_ended() {
    assert_eq!(run(Command::new("sleep").arg("infinity"), Duration::from_millis(20)).unwrap(), None);
}
