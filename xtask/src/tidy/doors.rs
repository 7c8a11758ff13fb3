//! What doors say, and what their pages say of that.

use super::Finding;
use crate::tree::Tree;

const SOURCE: &str = "crates/aqueduct-server/src/door/problem.rs";
const PAGES: [&str; 3] = ["docs/doors/blobs.md", "docs/doors/uploads.md", "docs/doors/build-cache.md"];

/// A client may rely on the type of a problem, and finds it on the page of its door.
pub(super) fn unlisted_problems(tree: &Tree) -> Vec<Finding> {
    let Some(source) = tree.find(SOURCE) else { return Vec::new() };
    let pages: Vec<&str> =
        PAGES.iter().filter_map(|path| tree.find(path)).map(|page| page.text.as_str()).collect();
    let lines = source.text.lines().enumerate();
    let names: Vec<(usize, &str)> =
        lines.filter_map(|(index, line)| Some((index + 1, problem(line)?))).collect();
    if names.is_empty() {
        return vec![Finding::new(SOURCE, 1, "no problem is recognized here: mend this rule")];
    }
    let is_listed = |name: &str| pages.iter().any(|page| page.contains(&format!("`{name}`")));
    let unlisted = names.into_iter().filter(|(_, name)| !is_listed(name));
    unlisted
        .map(|(line, name)| Finding::new(SOURCE, line, format!("`{name}` is on no page of docs/doors")))
        .collect()
}

/// The name in a line `problem(StatusCode::..., "name", ...)` or `... => (..., "name"),`.
fn problem(line: &str) -> Option<&str> {
    let (_, arguments) = line.split_once("problem(StatusCode::").or_else(|| line.split_once(" => ("))?;
    let (_, quoted) = arguments.split_once(", \"")?;
    Some(quoted.split_once('"')?.0)
}
