#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use super::{CHECKS, Line, Report, parse_passed, relay_tests};

fn line(text: &str) -> Line<'_> {
    Line::new(text, Path::new("/opt/cargo-deny"))
}

#[test]
fn the_closing_line_of_a_test_binary_is_counted() {
    let closing =
        "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.00s";
    assert_eq!(parse_passed(closing), Some(12));
    assert_eq!(parse_passed("test result_is_shown ... ok"), None);
}

#[test]
fn the_tests_of_all_binaries_are_added_up_and_their_output_shown() {
    let output = "test result: ok. 2 passed; 0 failed\nx\ntest result: ok. 3 passed; 0 failed\n";
    let mut shown = Vec::new();
    assert_eq!(relay_tests(output.as_bytes(), &mut shown).unwrap(), 5);
    assert_eq!(shown, output.as_bytes());
}

#[test]
fn a_run_of_no_test_fails() {
    assert_eq!(line("true").run_tests(Path::new(".")).unwrap_err().to_string(), "no test was run");
}

#[test]
fn a_failing_command_fails_its_check() {
    assert!(line("false").run(Path::new(".")).is_err());
    assert!(line("false").run_tests(Path::new(".")).unwrap_err().to_string().contains("exit status: 1"));
}

#[test]
fn a_line_is_shown_as_it_would_be_typed() {
    for (_, text) in CHECKS {
        let shown = text.replace("cargo-deny", "/opt/cargo-deny");
        assert_eq!(line(text).to_string(), shown);
    }
}

#[test]
fn assignments_before_the_program_are_its_environment() {
    let line = line("A=1 B=2 program C=3");
    assert_eq!(line.environment, [("A", "1"), ("B", "2")]);
    assert_eq!((line.program.to_str(), &line.words[..]), (Some("program"), &["C=3"][..]));
}

#[test]
fn a_failure_says_how_to_repeat_it_and_takes_no_time_down() {
    let mut report = Report::default();
    let failure = report.time("lint", "cargo clippy", || line("false").run(Path::new("."))).unwrap_err();
    assert_eq!(failure.to_string(), "lint failed: exit status: 1\n\nTo repeat it:\n\n    cargo clippy\n");
    assert!(report.times.is_empty());
}
