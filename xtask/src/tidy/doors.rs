//! What a door says, and what its page says of that.

use super::Finding;
use crate::tree::Tree;

const SOURCE: &str = "crates/aqueduct-server/src/door/problem.rs";
const PAGE: &str = "docs/doors/blobs.md";

/// A client may rely on the type of a problem, and finds it on the page.
pub(super) fn unlisted_problems(tree: &Tree) -> Vec<Finding> {
    let Some(source) = tree.find(SOURCE) else { return Vec::new() };
    let page = tree.find(PAGE).map(|page| page.text.as_str()).unwrap_or_default();
    let lines = source.text.lines().enumerate();
    let names: Vec<(usize, &str)> =
        lines.filter_map(|(index, line)| Some((index + 1, problem(line)?))).collect();
    if names.is_empty() {
        return vec![Finding::new(SOURCE, 1, "no problem is recognized here: mend this rule")];
    }
    let unlisted = names.into_iter().filter(|(_, name)| !page.contains(&format!("`{name}`")));
    unlisted.map(|(line, name)| Finding::new(SOURCE, line, format!("`{name}` is not in {PAGE}"))).collect()
}

/// The name in a line `problem(StatusCode::..., "name", ...)` or `... => (..., "name"),`.
fn problem(line: &str) -> Option<&str> {
    let (_, arguments) = line.split_once("problem(StatusCode::").or_else(|| line.split_once(" => ("))?;
    let (_, quoted) = arguments.split_once(", \"")?;
    Some(quoted.split_once('"')?.0)
}
