//! The words that docs/glossary.md asks to avoid, looked for in the names that the sources define.

use super::Finding;
use super::markdown::{code_spans, table};
use crate::tree::Tree;

const PAGE: &str = "docs/glossary.md";
const HEADING: &str = "Words to avoid";

/// What a name follows where it is defined.
const DEFINERS: &[&str] = &["const", "enum", "fn", "mod", "static", "struct", "trait", "type"];

/// Tests are not looked at: their names are sentences, which may begin with the name of a command.
pub(super) fn avoided_names(tree: &Tree) -> Vec<Finding> {
    let avoided = tree.find(PAGE).map(|page| avoided(&page.text)).unwrap_or_default();
    if avoided.is_empty() {
        return vec![Finding::new(PAGE, 1, format!("no table of words below `## {HEADING}`"))];
    }
    let mut findings = Vec::new();
    for file in tree.with_extension("rs").filter(|file| !file.is_test()) {
        for pair in file.tokens().windows(2).filter(|pair| DEFINERS.contains(&pair[0].text)) {
            if let Some(word) = avoided.iter().find(|word| says(pair[1].text, word)) {
                let message = format!("`{}` says `{word}`, see {PAGE}", pair[1].text);
                findings.push(Finding::new(&file.path, pair[1].line, message));
            }
        }
    }
    findings
}

fn avoided(page: &str) -> Vec<&str> {
    table(page, HEADING).into_iter().flat_map(|(_, cells)| code_spans(cells[0])).collect()
}

/// Whether `name` holds `word`, or begins with it where the word ends in `_`.
fn says(name: &str, word: &str) -> bool {
    match word.strip_suffix('_') {
        Some(_) => name.starts_with(word),
        None => words_of(name).iter().any(|it| it == word),
    }
}

/// `TaskManager`, `task_manager` and `TASK_MANAGER` alike are "task" and "manager".
fn words_of(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut was_lower = false;
    for character in name.chars() {
        if character == '_' || words.is_empty() || (was_lower && character.is_uppercase()) {
            words.push(String::new());
        }
        was_lower = character.is_lowercase();
        if let (true, Some(word)) = (character != '_', words.last_mut()) {
            word.extend(character.to_lowercase());
        }
    }
    words
}
