//! How source files are laid out.

use std::ops::RangeInclusive;

use super::Finding;
use crate::code;
use crate::tree::{TextFile, Tree};

/// Past this a file holds more than one noun. Tests may be longer: they are read one at a time.
const LINE_COUNT_MAX: usize = 800;

const DRAWING: RangeInclusive<char> = '\u{2500}'..='\u{25ff}';

/// A look-alike letter in an identifier or a string cannot be seen in review. Drawings are no letters.
pub(super) fn non_ascii(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.with_extension("rs") {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(character) = line.chars().find(|it| !it.is_ascii() && !DRAWING.contains(it)) {
                let message =
                    format!("{character:?} (U+{:04X}); in a literal write an escape", u32::from(character));
                findings.push(Finding::new(&file.path, index + 1, message));
            }
        }
    }
    findings
}

pub(super) fn long_files(tree: &Tree) -> Vec<Finding> {
    tree.with_extension("rs")
        .filter(|file| !file.is_test() && file.text.lines().count() > LINE_COUNT_MAX)
        .map(|file| Finding::new(&file.path, LINE_COUNT_MAX, "ask which noun wants a file of its own"))
        .collect()
}

/// A file that no `mod` names is silently not compiled, and its tests silently do not run.
pub(super) fn forgotten_files(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.with_extension("rs") {
        let Some((parents, module)) = parents(file) else { continue };
        let declaration = format!("mod {module};");
        let is_declared = parents
            .iter()
            .filter_map(|path| tree.find(path))
            .any(|parent| !code::lines_with(&parent.tokens(), &declaration).is_empty());
        if !is_declared {
            let message = format!("`{declaration}` stands in neither {}", parents.join(" nor "));
            findings.push(Finding::new(&file.path, 1, message));
        }
    }
    findings
}

pub(super) fn extra_test_binaries(tree: &Tree) -> Vec<Finding> {
    tree.with_extension("rs")
        .filter(|file| {
            file.path[file.package_dir().len()..]
                .strip_prefix("/tests/")
                .is_some_and(|name| !name.contains('/'))
        })
        .map(|file| {
            Finding::new(&file.path, 1, "each binary is linked anew: make it a module of tests/it/main.rs")
        })
        .collect()
}

/// The files of which one declares this module, and the module's name. `None` for the root of a crate.
fn parents(file: &TextFile) -> Option<([String; 2], &str)> {
    let package = file.package_dir();
    let inside = file.path.strip_prefix(package)?;
    let (top, module_path) =
        ["/src/", "/tests/it/"].into_iter().find_map(|top| Some((top, inside.strip_prefix(top)?)))?;
    let module_path = module_path.strip_suffix(".rs")?;
    match module_path.strip_suffix("/mod").unwrap_or(module_path).rsplit_once('/') {
        None if matches!(module_path, "lib" | "main") => None,
        None => Some(([format!("{package}{top}lib.rs"), format!("{package}{top}main.rs")], module_path)),
        Some(("bin", _)) => None,
        Some((above, module)) => {
            Some(([format!("{package}{top}{above}.rs"), format!("{package}{top}{above}/mod.rs")], module))
        }
    }
}
