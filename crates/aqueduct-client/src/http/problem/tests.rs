use super::*;

#[test]
fn a_problem_has_a_name_and_a_sentence() {
    let problem = Problem::parse(
        br#"{"type":"urn:aqueduct:problem:no-space","title":"No space","detail":"The disk is full.","limit":5}"#,
    );
    assert!(problem.is("no-space"));
    assert_eq!(problem.sentence().unwrap(), "The disk is full.");
    let untold = Problem::parse(br#"{"title":"No space"}"#);
    assert_eq!(untold.sentence().unwrap(), "No space");
}

#[test]
fn what_is_no_problem_says_nothing() {
    for body in [&b""[..], b"<html>", b"[]", b"null", br#"{"detail":5}"#, b"\xff"] {
        assert_eq!(Problem::parse(body).sentence(), None);
    }
}

#[test]
fn a_sentence_cannot_move_the_cursor_or_fill_the_screen() {
    let problem = Problem::parse(br#"{"detail":"\u001b[2Jgone\r\n\u009b0m"}"#);
    assert_eq!(problem.sentence().unwrap(), "[2Jgone0m");
    let long = format!(r#"{{"detail":"{}"}}"#, "x".repeat(5000));
    assert_eq!(Problem::parse(long.as_bytes()).sentence().unwrap().len(), 500);
}
