//! Markdown: links, and the tables that other rules read their terms from.

use std::collections::HashMap;

use super::Finding;
use crate::tree::{TextFile, Tree};

const SUMMARY: &str = "docs/SUMMARY.md";

/// Checks links to files and headings. Links to the web are not followed: a check must not fail with somebody's server.
pub(super) fn broken_links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.with_extension("md") {
        for (line, link) in links(&file.text) {
            if let Err(reason) = follow(tree, file, link) {
                findings.push(Finding::new(&file.path, line, format!("`{link}`: {reason}")));
            }
        }
    }
    findings
}

pub(super) fn unlisted_pages(tree: &Tree) -> Vec<Finding> {
    let summary = tree.find(SUMMARY);
    let listed: Vec<String> = summary.map_or_else(Vec::new, |summary| {
        links(&summary.text).into_iter().filter_map(|(_, link)| resolve(&summary.path, link)).collect()
    });
    tree.with_extension("md")
        .filter(|page| page.path.starts_with("docs/") && page.path != SUMMARY && !listed.contains(&page.path))
        .map(|page| Finding::new(&page.path, 1, format!("a page that {SUMMARY} does not list")))
        .collect()
}

/// The cells of the first table below the heading `## {heading}`, with the line of each row; the head row left out.
pub(super) fn table<'a>(text: &'a str, heading: &str) -> Vec<(usize, Vec<&'a str>)> {
    let heading = format!("## {heading}");
    let lines = text.lines().enumerate().skip_while(|(_, line)| *line != heading).skip(1);
    lines
        .take_while(|(_, line)| !line.starts_with("## "))
        .skip_while(|(_, line)| !line.starts_with('|'))
        .take_while(|(_, line)| line.starts_with('|'))
        .skip(2)
        .map(|(index, line)| (index + 1, line.trim_matches('|').split('|').map(str::trim).collect()))
        .collect()
}

/// What stands between backticks in a line of Markdown.
pub(super) fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn follow(tree: &Tree, from: &TextFile, link: &str) -> Result<(), String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = match path {
        "" => from.path.clone(),
        _ => resolve(&from.path, path).ok_or("leads out of the repository")?,
    };
    if !tree.contains(&target) {
        return Err(format!("there is no {target}"));
    }
    let Some(anchor) = anchor else { return Ok(()) };
    let page = tree.find(&target).ok_or_else(|| format!("{target} has no headings"))?;
    if anchors(&page.text).iter().any(|it| it == anchor) {
        Ok(())
    } else {
        Err(format!("{target} has no such heading"))
    }
}

/// The path from the root of what `link` names in the page `from`. `None` if it leads out of the repository.
fn resolve(from: &str, link: &str) -> Option<String> {
    if link.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('#').next()?.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The lines of prose: fenced code is left out.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_fence = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_fence ^= is_fence;
        (!in_fence && !is_fence).then_some((index + 1, line))
    })
}

/// The targets of `[text](target)` and of `[name]: target`, each with its line.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    for (line, text) in prose(text) {
        let definition = text.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        // Every second piece between backticks is code, where brackets mean something else.
        let inline = text.split('`').step_by(2).flat_map(|prose| prose.split("](").skip(1));
        let inline = inline.filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
        for target in definition.map(|(_, target)| target).into_iter().chain(inline) {
            // A title may follow the target.
            links.extend(
                target.split_whitespace().next().map(|target| (line, target.trim_matches(['<', '>']))),
            );
        }
    }
    links
}

/// The anchors that GitHub and mdBook give to headings: lower case, punctuation dropped, spaces as hyphens.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut anchors = Vec::new();
    for (_, line) in prose(text).filter(|(_, line)| line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
        let slug: String = kept.map(|it| if it == ' ' { '-' } else { it }).collect();
        let count = seen.entry(slug.clone()).or_default();
        anchors.push(if *count == 0 { slug } else { format!("{slug}-{count}") });
        *count += 1;
    }
    anchors
}
