//! What every measurement stands on.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::contender::{Contender, Who};
use super::found::Found;
use super::library::Library;
use super::rival::Rival;
use super::table::{Series, Table};
use crate::bench::Extent;
use crate::bench::run::alternate;
use crate::process;

pub(super) struct Stand {
    pub(super) found: Found,
    pub(super) library: Library,
    pub(super) scratch: PathBuf,
    pub(super) extent: Extent,
    /// In every row, unless that needs fewer.
    pub(super) round_count: usize,
}

impl Stand {
    /// Ours, and those of `rivals` that there are here.
    pub(super) fn with(&self, rivals: &[&'static Rival]) -> Vec<Who> {
        let others = rivals.iter().copied().filter(|rival| self.found.has(rival)).map(Who::Other);
        [Who::Ours("none")].into_iter().chain(others).collect()
    }

    /// Starts a server that has the library. `row` keeps its files apart.
    pub(super) fn reader(&self, row: &str, who: Who) -> Result<Contender> {
        self.wrapped_reader(row, who, |command| command)
    }

    /// The same, with a say in how it begins.
    pub(super) fn wrapped_reader(
        &self,
        row: &str,
        who: Who,
        wrap: impl FnOnce(Command) -> Command,
    ) -> Result<Contender> {
        let dir = self.dir(row, who);
        Contender::start(&self.found, who, self.library.root(who), &dir, wrap)
            .with_context(|| who.name().to_owned())
    }

    /// Starts a server over an empty directory of its own.
    pub(super) fn writer(&self, row: &str, who: Who) -> Result<(Contender, PathBuf)> {
        let dir = self.dir(row, who);
        let root = dir.join("root");
        let contender = Contender::start(&self.found, who, &root, &dir, |command| command)
            .with_context(|| who.name().to_owned())?;
        Ok((contender, root))
    }

    fn dir(&self, row: &str, who: Who) -> PathBuf {
        self.scratch.join(row).join(who.name().replace([' ', ','], "-"))
    }

    /// Measures all of `whose` in every round; the disk has settled before each.
    pub(super) fn compare(
        &self,
        whose: &[Who],
        round_count: usize,
        mut measure: impl FnMut(usize, usize) -> Result<Vec<f64>>,
    ) -> Result<Vec<Series>> {
        let rounds = alternate(whose.len(), round_count, |index, round| {
            process::settle(&self.scratch)?;
            measure(index, round).with_context(|| whose[index].name().to_owned())
        })?;
        Ok(whose.iter().zip(rounds).map(|(who, rounds)| Series::new(who.name(), rounds)).collect())
    }

    /// One question, asked of servers that have the library, in every round. `warm` comes once for each of them, before.
    pub(super) fn ask_readers(
        &self,
        row: &str,
        (key, asked): (String, String),
        whose: &[Who],
        warm: impl Fn(&Contender) -> Result<()>,
        measure: impl Fn(&Contender) -> Result<Vec<f64>>,
    ) -> Result<Table> {
        let mut whose = whose.to_owned();
        self.leave_out_broken(row, &mut whose)?;
        let contenders =
            whose.iter().map(|&who| self.reader(row, who)).collect::<Result<Vec<Contender>>>()?;
        for (who, contender) in whose.iter().zip(&contenders) {
            warm(contender).with_context(|| who.name())?;
        }
        let series = self.compare(&whose, self.round_count, |index, _| measure(&contenders[index]))?;
        contenders.into_iter().try_for_each(Contender::stop)?;
        Ok(Table { key, asked, series })
    }

    /// Tries whether each starts and has the first blob. Those that nothing depends on may fail, and are named.
    pub(super) fn leave_out_broken(&self, row: &str, whose: &mut Vec<Who>) -> Result<()> {
        let mut outcome = Ok(());
        whose.retain(|&who| match (self.try_out(row, who), who) {
            (Ok(()), _) => true,
            (Err(error), Who::Other(rival)) if !rival.is_needed() => {
                println!("\n{} is left out of {row}: {error:#}", rival.name);
                false
            }
            (Err(error), _) => {
                outcome = Err(error);
                true
            }
        });
        outcome
    }

    fn try_out(&self, row: &str, who: Who) -> Result<()> {
        let contender = self.reader(row, who)?;
        contender.connect()?.drain(&contender.layout().target(&self.library.small[0]))?;
        contender.stop()
    }

    pub(super) fn is_smoke(&self) -> bool {
        self.extent == Extent::Smoke
    }
}
