//! What is said to Prometheus and in the log, and what the page for whoever is on call says of that.

use super::Finding;
use crate::tree::Tree;

const SOURCES: [&str; 2] =
    ["crates/aqueduct-server/src/metrics.rs", "crates/aqueduct-server/src/metrics/page.rs"];
const LOGGING: [&str; 2] = ["crates/aqueduct-server/src/", "crates/aqueduct/src/"];
const WARNINGS: [&str; 2] = ["warn!(", "error!("];

/// Fewer words than this before a value say too little to be found by.
const WORD_COUNT_MIN: usize = 3;

const PAGE: &str = "docs/operations.md";

/// Whoever sees a number has to find out what it means.
pub(super) fn unexplained_metrics(tree: &Tree) -> Vec<Finding> {
    let page = tree.find(PAGE).map_or("", |page| page.text.as_str());
    let mut findings = Vec::new();
    for source in SOURCES.iter().filter_map(|path| tree.find(path)) {
        for (index, line) in source.text.lines().enumerate() {
            for name in line.split('"').filter(|text| is_metric(text)) {
                if !page.contains(&format!("`{name}`")) {
                    findings.push(Finding::new(
                        &source.path,
                        index + 1,
                        format!("`{name}` is not in {PAGE}"),
                    ));
                }
            }
        }
    }
    findings
}

/// Whoever reads a warning has to find out what to do. A message is looked for by its words up to the first value.
pub(super) fn unexplained_messages(tree: &Tree) -> Vec<Finding> {
    let page = tree.find(PAGE).map_or("", |page| page.text.as_str());
    let is_logging = |path: &str| LOGGING.iter().any(|room| path.starts_with(room));
    let mut findings = Vec::new();
    for source in tree.with_extension("rs").filter(|file| is_logging(&file.path) && !file.is_test()) {
        for (start, call) in WARNINGS.iter().flat_map(|call| source.text.match_indices(call)) {
            let (before, after) = source.text.split_at(start + call.len());
            let beginning = after.split('"').nth(1).map_or("", beginning);
            if beginning.split(' ').count() >= WORD_COUNT_MIN && !page.contains(&format!("`{beginning}")) {
                let line = before.matches('\n').count() + 1;
                findings.push(Finding::new(&source.path, line, format!("`{beginning}` is not in {PAGE}")));
            }
        }
    }
    findings
}

/// What is the same each time that a message is logged.
fn beginning(message: &str) -> &str {
    let fixed = message.split('{').next().unwrap_or_default();
    fixed.trim_end_matches(|end: char| !end.is_alphanumeric())
}

fn is_metric(text: &str) -> bool {
    text.strip_prefix("aqueduct_").is_some_and(|rest| {
        rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    })
}
