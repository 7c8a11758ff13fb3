//! docs/doors/build-cache.md, whose snippets are what is tried: they cannot become wrong unnoticed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::door::Key;

/// The text of the page.
pub(super) struct Page {
    text: String,
}

/// What somebody copies from the page: a configuration, with the server and the token still to be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snippet(String);

impl Page {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let path = root.join("docs/doors/build-cache.md");
        Ok(Self { text: fs::read_to_string(&path).with_context(|| path.display().to_string())? })
    }

    /// The one block in `language` below the heading `title`.
    pub(super) fn snippet(&self, title: &str, language: &str) -> Result<Snippet> {
        let heading = format!("### {title}");
        let lines = self.text.lines().skip_while(|line| *line != heading).skip(1);
        let section: Vec<&str> =
            lines.take_while(|line| !line.starts_with("## ") && !line.starts_with("### ")).collect();
        let opening = format!("```{language}");
        let mut blocks = section.split(|line| *line == opening).skip(1);
        let block = blocks.next().with_context(|| format!("no block in {language} below `{heading}`"))?;
        ensure!(blocks.next().is_none(), "more than one block in {language} below `{heading}`");
        let block: Vec<&str> = block.iter().take_while(|line| **line != "```").copied().collect();
        Ok(Snippet(block.join("\n") + "\n"))
    }

    /// What the page says to start the server with, without what is of one machine.
    pub(super) fn server_flags(&self) -> Result<Vec<&str>> {
        let line = self
            .text
            .lines()
            .find(|line| line.starts_with("aqueduct serve "))
            .context("no line that starts a server")?;
        let mut words = line.split(' ').skip(2);
        let mut flags = Vec::new();
        while let Some(flag) = words.next() {
            let value = words.next().with_context(|| format!("{flag} has no value"))?;
            if !["--listen", "--store", "--token-file"].contains(&flag) {
                flags.extend([flag, value]);
            }
        }
        Ok(flags)
    }
}

impl Snippet {
    /// As somebody would have it who has this server and this token.
    pub(super) fn filled(&self, key: &Key) -> String {
        // In the name of a variable it is none.
        let pieces = self.0.split_inclusive("_TOKEN").map(|piece| match piece.strip_suffix("_TOKEN") {
            Some(text) => text.replace("TOKEN", key.token) + "_TOKEN",
            None => piece.replace("TOKEN", key.token),
        });
        pieces.collect::<String>().replace("cache.example:7070", &key.host)
    }

    /// The same with something else in one place.
    pub(super) fn with(&self, from: &str, to: &str) -> Self {
        Self(self.0.replace(from, to))
    }

    pub(super) fn mentions(&self, text: &str) -> bool {
        self.0.contains(text)
    }

    /// The same with another `text` at the end of its only line.
    pub(super) fn and(&self, text: &str) -> Self {
        Self(format!("{}{text}\n", self.0.trim_end()))
    }
}

#[cfg(test)]
mod tests;
