//! Code that is done, and tests that mean what they say.

use super::Finding;
use crate::code;
use crate::tree::Tree;

pub(super) fn ignored_tests(tree: &Tree) -> Vec<Finding> {
    said(tree, &["#[ignore", "#![ignore"], "an ignored test rots; mend it or delete it")
}

/// Clippy warns of these too, but `allow` silences clippy.
pub(super) fn unfinished_code(tree: &Tree) -> Vec<Finding> {
    said(tree, &["todo!", "unimplemented!", "dbg!"], "left over from the work")
}

/// Clippy's list of disallowed methods holds `sleep`, but a test binary may lift that list for its fixtures' sake.
pub(super) fn sleeps(tree: &Tree) -> Vec<Finding> {
    said(
        tree,
        &["sleep(", "sleep_ms(", "park_timeout("],
        "a guess at how long something takes; wait for it instead",
    )
}

fn said(tree: &Tree, patterns: &[&str], message: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.with_extension("rs") {
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
