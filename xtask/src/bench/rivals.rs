//! `cargo xtask bench-rivals`: ours beside servers of others, in one run.

mod contender;
mod daemon;
mod found;
mod goal;
mod keyed;
mod layout;
mod library;
mod memory_group;
mod plot;
mod putting;
mod rival;
mod rows;
mod stand;
mod table;
mod wrk;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::{Extent, build, machine};
use crate::scratch::Scratch;
use crate::{filler, metadata, tools};
use found::Found;
use library::{Library, Sizes};
use rows::Row;
use stand::Stand;
use table::Table;

/// What is asked of `cargo xtask bench-rivals`.
pub(crate) struct Options {
    rows: Vec<&'static Row>,
    round_count: usize,
    extent: Extent,
    /// Where the plots go.
    write: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self { rows: Vec::new(), round_count: 0, extent: Extent::Full, write: None };
        let mut words = words.iter().copied().peekable();
        while let Some(word) = words.next() {
            match word {
                "--only" => {
                    while let Some(name) = words.next_if(|word| !word.starts_with("--")) {
                        options.rows.extend(rows_meant_by(name)?);
                    }
                    ensure!(!options.rows.is_empty(), "--only names rows: {}", names());
                }
                "--rounds" => {
                    let count = words.next().and_then(|count| count.parse().ok()).filter(|&count| count > 0);
                    options.round_count = count.context("--rounds takes a number")?;
                }
                "--smoke" => options.extent = Extent::Smoke,
                "--write" => {
                    options.write = Some(words.next().context("--write takes a directory")?.into());
                }
                other => bail!("{other} is not known; there are --only, --rounds, --smoke and --write"),
            }
        }
        if options.rows.is_empty() {
            options.rows = rows::ALL.iter().collect();
        }
        if options.round_count == 0 {
            options.round_count = if options.extent == Extent::Smoke { 1 } else { ROUND_COUNT };
        }
        Ok(options)
    }

    /// Every row once, with next to nothing to do.
    pub(super) fn smoke() -> Self {
        Self { rows: rows::ALL.iter().collect(), round_count: 1, extent: Extent::Smoke, write: None }
    }

    fn typed(&self) -> String {
        let mut line = "cargo xtask bench-rivals".to_owned();
        if self.rows.len() < rows::ALL.len() {
            line += " --only";
            self.rows.iter().for_each(|row| line = format!("{line} {}", row.name));
        }
        if self.round_count != ROUND_COUNT {
            line += &format!(" --rounds {}", self.round_count);
        }
        line
    }
}

/// Measures, and prints Markdown.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    tools::install(root)?;
    let scratch = Scratch::make(&metadata::target_dir(root)?.join("rivals"))?;
    let dir = scratch.dir();
    let aqueduct = build(root, "aqueduct", options.extent)?;
    let found = Found::look(root, aqueduct, build(root, "aqueduct-bench", options.extent)?, options.extent)?;
    println!("{}; loopback, congestion control {}", machine::describe(dir)?, machine::congestion_control()?);
    println!(
        "{} rounds, arms alternating. The load in the minute before this was {}.\n",
        options.round_count,
        machine::load()?
    );
    found.describe().iter().for_each(|line| println!("{line}"));
    let sizes = Sizes::of(options.extent);
    let has_huge = options.rows.iter().any(|row| row.has_huge);
    let library = Library::make(dir, sizes, has_huge, &found)?;
    let stand = Stand {
        found,
        library,
        scratch: dir.to_owned(),
        extent: options.extent,
        round_count: options.round_count,
    };
    println!("\nMedian (min-max). CPU is that of the server's processes. Ratios are taken round by round.");
    let mut tables = Vec::new();
    for row in &options.rows {
        let measured = (row.measure)(&stand).with_context(|| row.name)?;
        tell(row, &measured, options.write.as_deref())?;
        tables.extend(measured);
    }
    println!("\n### Goals\n\n{}", goal::markdown(&tables));
    match options.extent {
        Extent::Full => println!("Repeat it with `{}`.", options.typed()),
        Extent::Smoke => println!("Every row ran. This was a smoke test: its figures mean nothing."),
    }
    Ok(())
}

fn tell(row: &Row, tables: &[Table], write: Option<&Path>) -> Result<()> {
    if tables.is_empty() {
        return Ok(());
    }
    println!(
        "\n### {}\n\n`{}`: {}.\n\n{}",
        row.title,
        row.name,
        row.about,
        table::markdown(row.columns, tables)
    );
    if let Some(dir) = write {
        let plots = dir.join("plots");
        fs::create_dir_all(&plots)?;
        let name = format!("{}.svg", row.name);
        filler::write_text(&plots.join(&name), &plot::svg(row.title, row.columns[0], tables))?;
        println!("![{}](plots/{name})", row.title);
    }
    Ok(())
}

/// The row of this name, or all that have it for their first words: both of `cache`.
fn rows_meant_by(name: &str) -> Result<Vec<&'static Row>> {
    if let Some(row) = rows::ALL.iter().find(|row| row.name == name) {
        return Ok(vec![row]);
    }
    let is_meant = |row: &&Row| row.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
    let meant: Vec<&Row> = rows::ALL.iter().filter(is_meant).collect();
    ensure!(!meant.is_empty(), "{name} is none of: {}", names());
    Ok(meant)
}

fn names() -> String {
    rows::ALL.iter().map(|row| row.name).collect::<Vec<_>>().join(", ")
}

/// Enough for a median that one bad round does not move.
const ROUND_COUNT: usize = 5;

#[cfg(test)]
mod tests;
