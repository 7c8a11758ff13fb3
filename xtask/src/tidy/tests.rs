#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::addresses::unknown_hosts;
use super::finished::sleeps;
use super::markdown::{broken_links, table, unlisted_pages};
use super::{Exception, Finding, RULES, Rule, findings};
use crate::metadata::{Dependency, Package};
use crate::tree::{TextFile, Tree};

const PROBLEMS: &str = "crates/aqueduct-server/src/door/problem.rs";

fn tree(files: &[(&str, &str)]) -> Tree {
    let files =
        files.iter().map(|(path, text)| TextFile { path: (*path).to_owned(), text: (*text).to_owned() });
    Tree { files: files.collect(), ..Tree::default() }
}

fn with_dependency(mut tree: Tree, from: &str, to: &str, is_dev: bool) -> Tree {
    let package = |name: &str, dependencies| Package { name: name.to_owned(), dependencies };
    tree.packages = vec![
        package(from, vec![Dependency { name: to.to_owned(), is_dev }]),
        package("aqueduct-sys", Vec::new()),
        package("aqueduct-testkit", Vec::new()),
    ];
    tree
}

const WALLS: &str = "\
## The walls

| crate | ours | others' |
|---|---|---|
| `aqueduct-flow` | `aqueduct-sys` | `thiserror` |
| `aqueduct-sys` | none | `rustix` |
| `aqueduct-testkit` | none | none |
";

const GLOSSARY: &str =
    "## Words to avoid\n\n| word | why |\n|---|---|\n| `manager`, `helper` | vague |\n| `get_` | noise |\n";

fn source(text: &str) -> Tree {
    tree(&[("crates/a/src/lib.rs", text), ("docs/glossary.md", GLOSSARY)])
}

/// For each rule a tree that breaks it, once.
fn planted() -> Vec<(&'static str, Tree)> {
    vec![
        (
            "unsafe code stands in aqueduct-sys alone",
            tree(&[("crates/a/src/lib.rs", "//! #![forbid(unsafe_code)]")]),
        ),
        (
            "unsafe code stands in aqueduct-sys alone",
            tree(&[("crates/a/tests/it/main.rs", "unsafe { f() }")]),
        ),
        (
            "a room holds nothing that it says is absent",
            tree(&[("crates/aqueduct-blob/src/digest.rs", "use std::{fmt, fs};")]),
        ),
        (
            "crates depend on each other as ARCHITECTURE.md says",
            with_dependency(tree(&[("ARCHITECTURE.md", WALLS)]), "aqueduct-flow", "redb", false),
        ),
        (
            "crates depend on each other as ARCHITECTURE.md says",
            with_dependency(tree(&[("ARCHITECTURE.md", WALLS)]), "aqueduct-flow", "aqueduct-testkit", false),
        ),
        ("no test is ignored", source("#[test]\n#[ignore = \"slow\"]\nfn f() {}")),
        ("nothing is left unfinished", source("fn f() { todo!() }")),
        ("nothing waits for a clock", source("fn f() { std::thread::sleep(TICK) }")),
        ("Rust sources are ASCII", source("// caf\u{e9}")),
        ("files stay small", source(&"//\n".repeat(801))),
        (
            "every source file is compiled",
            tree(&[("crates/a/tests/it/main.rs", "// mod lost;"), ("crates/a/tests/it/lost.rs", "")]),
        ),
        ("a crate has one integration test binary", tree(&[("crates/a/tests/other.rs", "")])),
        ("names keep to the glossary", source("struct TaskManager;")),
        ("names keep to the glossary", source("fn get_size() {}")),
        ("links in Markdown lead somewhere", tree(&[("README.md", "see [it](docs/it.md)")])),
        ("docs/SUMMARY.md lists every page", tree(&[("docs/SUMMARY.md", ""), ("docs/page.md", "")])),
        (
            "a door's page names its problems",
            tree(&[
                (PROBLEMS, "=> problem(StatusCode::OK, \"told\", x)\n A => (bad, \"untold\"),"),
                ("docs/doors/blobs.md", "`told`"),
            ]),
        ),
        ("a door's page names its problems", tree(&[(PROBLEMS, "nothing of the kind")])),
        (
            "what Prometheus is told is explained",
            tree(&[
                ("crates/aqueduct-server/src/metrics.rs", "(\"aqueduct_told\", \"aqueduct_untold\")"),
                ("docs/operations.md", "`aqueduct_told`"),
            ]),
        ),
        (
            "what the log warns of is explained",
            tree(&[
                (
                    "crates/aqueduct/src/a.rs",
                    "warn!(%error, \"cannot say it: {it}\"); error!(\"cannot tell that\")",
                ),
                ("docs/operations.md", "`cannot tell that`"),
            ]),
        ),
        ("no path of one machine is written down", tree(&[("a.sh", concat!("cd /ho", "me/me/a"))])),
        (
            "web addresses are on known hosts",
            tree(&[("a.toml", concat!("url = \"https:", "//mirror.internal/x\""))]),
        ),
    ]
}

fn rule(name: &str) -> &'static Rule {
    RULES.iter().find(|rule| rule.name == name).unwrap()
}

#[test]
fn each_rule_finds_what_was_planted() {
    for (name, tree) in planted() {
        let found = (rule(name).check)(&tree);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
    }
}

#[test]
fn no_rule_is_without_a_planted_breach() {
    let planted = planted();
    for rule in RULES {
        assert!(planted.iter().any(|(name, _)| *name == rule.name), "{}", rule.name);
    }
}

#[test]
fn a_tidy_tree_has_no_findings() {
    let lib = "#![forbid(unsafe_code)]\n// \u{250c}\u{2500}  todo!() sleep(1)\nmod part;\nconst S: &str = \"dbg!\";";
    let mut tidy = tree(&[
        ("ARCHITECTURE.md", WALLS),
        ("README.md", "# Quick start\n[up](#quick-start) [page](docs/page.md#a-heading-1) `[not](a-link)`"),
        ("crates/aqueduct-flow/src/lib.rs", lib),
        ("crates/aqueduct-flow/src/part.rs", "mod tests;"),
        ("crates/aqueduct-flow/src/part/tests.rs", "fn get_is_a_command() {}"),
        ("crates/aqueduct-flow/tests/it/main.rs", "mod moves;"),
        ("crates/aqueduct-flow/tests/it/moves.rs", ""),
        ("crates/aqueduct-sys/src/lib.rs", "#![deny(unsafe_code)]"),
        ("docs/SUMMARY.md", "[page](page.md)\n[words](glossary.md)"),
        ("docs/glossary.md", GLOSSARY),
        ("docs/page.md", "# A heading\n# A heading\n```text\n[not](a-link)\n```\n[back](../README.md)"),
    ]);
    tidy = with_dependency(tidy, "aqueduct-flow", "aqueduct-sys", false);
    assert_eq!(findings(&tidy, RULES, &[]), []);
}

#[test]
fn a_test_may_use_the_testkit_and_any_crate_of_others() {
    for dependency in ["aqueduct-testkit", "tempfile"] {
        let tree = with_dependency(tree(&[("ARCHITECTURE.md", WALLS)]), "aqueduct-flow", dependency, true);
        assert_eq!(super::walls::breaches(&tree), []);
    }
}

#[test]
fn a_crate_without_a_wall_is_found() {
    let tree = with_dependency(tree(&[("ARCHITECTURE.md", WALLS)]), "aqueduct-new", "rustix", false);
    let messages: Vec<String> =
        super::walls::breaches(&tree).into_iter().map(|finding| finding.message).collect();
    assert_eq!(messages, ["no wall is drawn for aqueduct-new", "there is no crate aqueduct-flow"]);
}

#[test]
fn an_exception_covers_its_finding_and_nothing_else() {
    let tree = source("fn f() { todo!() }");
    let rules = [Rule { name: "nothing is left unfinished", check: super::finished::unfinished_code }];
    let exception = |path| Exception { rule: "nothing is left unfinished", path, reason: "a test" };
    assert_eq!(findings(&tree, &rules, &[exception("crates/a/src/lib.rs")]), []);
    assert_eq!(findings(&tree, &rules, &[exception("crates/b/src/lib.rs")]).len(), 2);
}

#[test]
fn a_finding_names_its_file_and_line() {
    let found = findings(&source("\n\nfn f() { todo!() }"), RULES, &[]);
    let line = found.iter().map(Finding::to_string).find(|line| line.contains("todo!")).unwrap();
    assert!(line.starts_with("crates/a/src/lib.rs:3: `todo!`"), "{line}");
}

#[test]
fn every_kind_of_broken_link_is_found() {
    for link in [
        "[a](b.md)",
        "[a](#b)",
        "[a](page.md#b)",
        "[a](../../b)",
        "[a](/page.md)",
        "[a]: b.md",
        "[a](b.md \"title\")",
    ] {
        let tree = tree(&[("docs/it.md", link), ("docs/page.md", "# A")]);
        assert_eq!(broken_links(&tree).len(), 1, "{link}");
    }
}

#[test]
fn a_link_may_lead_to_a_folder_or_to_the_web() {
    let tree = tree(&[("docs/it.md", "[a](..) [b](../docs) [c](https://example.com/)")]);
    assert_eq!(broken_links(&tree), []);
}

#[test]
fn an_address_that_nobody_can_have_needs_no_host() {
    let hosts = ["HOST/x", "a/b", "blobs.example:7070", "user:word@host", "192.0.2.1", "127.0.0.2:1"];
    for host in hosts {
        assert_eq!(unknown_hosts(&source(&format!("// http://{host}"))), [], "{host}");
    }
    for host in ["mirror", "example.internal", "10.0.0.1"] {
        assert_eq!(unknown_hosts(&source(&format!("// http://{host}"))).len(), 1, "{host}");
    }
}

#[test]
fn a_paused_clock_may_be_slept_by() {
    let body = "fn f() { tokio::time::sleep(DELAY) }";
    assert_eq!(sleeps(&source(body)).len(), 1);
    assert_eq!(sleeps(&source(&format!("{body} fn g() {{ builder.start_paused(true) }}"))), []);
}

#[test]
fn the_summary_lists_pages_beside_it() {
    let tree =
        tree(&[("docs/SUMMARY.md", "[a](a.md)"), ("docs/a.md", ""), ("docs/b/c.md", ""), ("other/d.md", "")]);
    let found: Vec<String> = unlisted_pages(&tree).into_iter().map(|finding| finding.path).collect();
    assert_eq!(found, ["docs/b/c.md"]);
}

#[test]
fn a_table_ends_with_its_section() {
    let text = "## One\n\n## Two\n\nprose\n\n| h |\n|---|\n| x | y |\n\n| not | this |\n";
    assert_eq!(table(text, "One"), []);
    assert_eq!(table(text, "Two"), [(9, vec!["x", "y"])]);
}
