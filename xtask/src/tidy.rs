//! `cargo xtask tidy`: the rules that no compiler knows, each with a test that plants what it forbids.
//!
//! A new rule is a function in one of the modules below, one line in `RULES`, and one planted tree in the tests.

mod addresses;
mod doors;
mod finished;
mod markdown;
mod operations;
mod rooms;
mod shape;
mod walls;
mod words;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

use crate::tree::Tree;

/// Checks the workspace at `root` and prints every finding.
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let findings = findings(&tree, RULES, EXCEPTIONS);
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("{} rules hold over {} files", RULES.len(), tree.files.len());
            Ok(())
        }
        count => bail!("{count} findings"),
    }
}

struct Rule {
    name: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

const RULES: &[Rule] = &[
    Rule { name: "unsafe code stands in aqueduct-sys alone", check: rooms::unsafe_outside_sys },
    Rule { name: "a room holds nothing that it says is absent", check: rooms::present_though_absent },
    Rule { name: "crates depend on each other as ARCHITECTURE.md says", check: walls::breaches },
    Rule { name: "no test is ignored", check: finished::ignored_tests },
    Rule { name: "nothing is left unfinished", check: finished::unfinished_code },
    Rule { name: "nothing waits for a clock", check: finished::sleeps },
    Rule { name: "Rust sources are ASCII", check: shape::non_ascii },
    Rule { name: "files stay small", check: shape::long_files },
    Rule { name: "every source file is compiled", check: shape::forgotten_files },
    Rule { name: "a crate has one integration test binary", check: shape::extra_test_binaries },
    Rule { name: "names keep to the glossary", check: words::avoided_names },
    Rule { name: "links in Markdown lead somewhere", check: markdown::broken_links },
    Rule { name: "docs/SUMMARY.md lists every page", check: markdown::unlisted_pages },
    Rule { name: "a door's page names its problems", check: doors::unlisted_problems },
    Rule { name: "what Prometheus is told is explained", check: operations::unexplained_metrics },
    Rule { name: "what the log warns of is explained", check: operations::unexplained_messages },
    Rule { name: "no path of one machine is written down", check: addresses::machine_paths },
    Rule { name: "web addresses are on known hosts", check: addresses::unknown_hosts },
];

/// A finding that is right as it is, with the reason why.
struct Exception {
    rule: &'static str,
    path: &'static str,
    #[expect(dead_code, reason = "it is for the reader of this list")]
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[];

/// What a rule found, and where.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// Counted from 1.
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// What the rules find, without what the exceptions cover. An exception that covers nothing is a finding too.
fn findings(tree: &Tree, rules: &[Rule], exceptions: &[Exception]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut is_used = vec![false; exceptions.len()];
    for rule in rules {
        for mut finding in (rule.check)(tree) {
            let covers = |it: &Exception| it.rule == rule.name && it.path == finding.path;
            if let Some(index) = exceptions.iter().position(covers) {
                is_used[index] = true;
            } else {
                finding.message = format!("{} ({})", finding.message, rule.name);
                found.push(finding);
            }
        }
    }
    for (exception, _) in exceptions.iter().zip(is_used).filter(|(_, is_used)| !is_used) {
        found.push(Finding::new(exception.path, 1, format!("needs no exception from: {}", exception.rule)));
    }
    found
}

#[cfg(test)]
mod tests;
