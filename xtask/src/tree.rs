//! What the rules look at: the files of the working tree and the packages of the workspace.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::code::{self, Token};
use crate::metadata::{self, Package};

/// A snapshot of the workspace. Tests build one by hand.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Text files that git tracks or would track, sorted by path.
    pub(crate) files: Vec<TextFile>,
    /// The paths of those that are no text, as pictures are.
    pub(crate) others: Vec<String>,
    pub(crate) packages: Vec<Package>,
}

#[derive(Debug)]
pub(crate) struct TextFile {
    /// From the root, with `/` between the parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Tree {
    /// Reads the workspace at `root`. A file that is not UTF-8 is no text.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        // New files count too, so that a rule speaks before the commit and not after it.
        let listing = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"])
            .current_dir(root)
            .output()
            .context("git ls-files")?;
        ensure!(
            listing.status.success(),
            "git ls-files: {}",
            String::from_utf8_lossy(&listing.stderr).trim()
        );
        let (mut files, mut others) = (Vec::new(), Vec::new());
        for path in String::from_utf8(listing.stdout)?.split_terminator('\0') {
            let full = root.join(path);
            // A tracked file may have been deleted; a symbolic link is read where it points to.
            let Ok(kind) = full.symlink_metadata() else { continue };
            if !kind.is_file() {
                continue;
            }
            let bytes = std::fs::read(&full).with_context(|| path.to_owned())?;
            match String::from_utf8(bytes) {
                Ok(text) => files.push(TextFile { path: path.to_owned(), text }),
                Err(_) => others.push(path.to_owned()),
            }
        }
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(Self { files, others, packages: metadata::packages(root)? })
    }

    pub(crate) fn with_extension(&self, extension: &str) -> impl Iterator<Item = &TextFile> {
        self.files
            .iter()
            .filter(move |file| Path::new(&file.path).extension().is_some_and(|it| it == extension))
    }

    pub(crate) fn find(&self, path: &str) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether `path` names a file, or a directory with a file in it.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        let mut paths = self.files.iter().map(|file| &file.path).chain(&self.others);
        path.is_empty() || paths.any(|known| known == path || known.starts_with(&inside))
    }
}

impl TextFile {
    /// Whether the file holds tests only, by the places where this workspace keeps them.
    pub(crate) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "benches"))
    }

    /// The crate's folder, as in `crates/aqueduct-sys` or `xtask`.
    pub(crate) fn package_dir(&self) -> &str {
        let depth = if self.path.starts_with("crates/") { 2 } else { 1 };
        match self.path.match_indices('/').nth(depth - 1) {
            Some((end, _)) => &self.path[..end],
            None => "",
        }
    }

    pub(crate) fn tokens(&self) -> Vec<Token<'_>> {
        code::tokens(&self.text)
    }
}
