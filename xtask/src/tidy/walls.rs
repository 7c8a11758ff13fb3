//! Which crate may depend on which. ARCHITECTURE.md owns the table; this compares it with what cargo says.

use super::Finding;
use super::markdown::{code_spans, table};
use crate::metadata::Package;
use crate::tree::Tree;

const PAGE: &str = "ARCHITECTURE.md";
const HEADING: &str = "The walls";

/// Any crate may test with it, and none may ship it.
const TESTKIT: &str = "aqueduct-testkit";

/// A row of the table.
struct Wall<'a> {
    line: usize,
    package: &'a str,
    /// Crates of this workspace, for building and for testing.
    inner: Vec<&'a str>,
    /// Crates of others. Tests may use any.
    outer: Vec<&'a str>,
}

pub(super) fn breaches(tree: &Tree) -> Vec<Finding> {
    let walls = tree.find(PAGE).map(|page| walls(&page.text)).unwrap_or_default();
    let mut findings = Vec::new();
    for package in &tree.packages {
        match walls.iter().find(|wall| wall.package == package.name) {
            Some(wall) => findings
                .extend(breaches_of(wall, package, tree).map(|breach| Finding::new(PAGE, wall.line, breach))),
            None => findings.push(Finding::new(PAGE, 1, format!("no wall is drawn for {}", package.name))),
        }
    }
    let is_package = |name: &str| tree.packages.iter().any(|package| package.name == name);
    let stale = walls.iter().filter(|wall| !is_package(wall.package));
    findings.extend(
        stale.map(|wall| Finding::new(PAGE, wall.line, format!("there is no crate {}", wall.package))),
    );
    findings
}

fn breaches_of<'a>(
    wall: &'a Wall<'a>,
    package: &'a Package,
    tree: &'a Tree,
) -> impl Iterator<Item = String> + 'a {
    let is_inner = |name: &str| tree.packages.iter().any(|package| package.name == name);
    let is_allowed = move |name: &str, is_dev: bool| match (is_inner(name), is_dev) {
        (true, true) => name == TESTKIT || wall.inner.contains(&name),
        (true, false) => wall.inner.contains(&name),
        (false, true) => true,
        (false, false) => wall.outer.contains(&name),
    };
    let breaches = package.dependencies.iter().filter(move |it| !is_allowed(&it.name, it.is_dev));
    breaches.map(|it| {
        let kind = if it.is_dev { "tests with" } else { "depends on" };
        format!("{} {kind} {}, through the wall drawn here", package.name, it.name)
    })
}

fn walls(page: &str) -> Vec<Wall<'_>> {
    table(page, HEADING)
        .into_iter()
        .filter_map(|(line, cells)| {
            let [package, inner, outer, ..] = cells[..] else { return None };
            Some(Wall {
                line,
                package: code_spans(package).next()?,
                inner: code_spans(inner).collect(),
                outer: code_spans(outer).collect(),
            })
        })
        .collect()
}
