//! What is said to Prometheus, and what the page for whoever is on call says of that.

use super::Finding;
use crate::tree::Tree;

const SOURCES: [&str; 2] =
    ["crates/aqueduct-server/src/metrics.rs", "crates/aqueduct-server/src/metrics/page.rs"];
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

fn is_metric(text: &str) -> bool {
    text.strip_prefix("aqueduct_").is_some_and(|rest| {
        rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    })
}
