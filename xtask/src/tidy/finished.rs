//! Code that is done, and tests that mean what they say.

use super::Finding;
use crate::code;
use crate::tree::{TextFile, Tree};

pub(super) fn ignored_tests(tree: &Tree) -> Vec<Finding> {
    said(tree, &["#[ignore", "#![ignore"], "an ignored test rots; mend it or delete it")
}

/// Clippy warns of these too, but `allow` silences clippy.
pub(super) fn unfinished_code(tree: &Tree) -> Vec<Finding> {
    said(tree, &["todo!", "unimplemented!", "dbg!"], "left over from the work")
}

/// Clippy's list of disallowed methods holds `sleep`, but a test binary may lift that list for its fixtures' sake. Where
/// tokio's clock is paused no time passes, and a sleep says what happens when.
pub(super) fn sleeps(tree: &Tree) -> Vec<Finding> {
    let is_paused = |file: &&TextFile| !code::lines_with(&file.tokens(), "start_paused(true)").is_empty();
    said_in(
        &tree.with_extension("rs").filter(|file| !is_paused(file)).collect::<Vec<_>>(),
        &["sleep(", "sleep_ms(", "park_timeout("],
        "a guess at how long something takes; wait for it instead",
    )
}

fn said(tree: &Tree, patterns: &[&str], message: &str) -> Vec<Finding> {
    said_in(&tree.with_extension("rs").collect::<Vec<_>>(), patterns, message)
}

fn said_in(files: &[&TextFile], patterns: &[&str], message: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let tokens = file.tokens();
        for pattern in patterns {
            let lines = code::lines_with(&tokens, pattern);
            findings.extend(
                lines
                    .into_iter()
                    .map(|line| Finding::new(&file.path, line, format!("`{pattern}`: {message}"))),
            );
        }
    }
    findings
}
