//! A server as the cache of real build systems, each set up as docs/doors/build-cache.md says.

mod bazel;
mod ccache;
mod client;
mod crsh;
mod door;
mod gradle;
mod moon;
mod nx;
mod page;
mod sccache;
mod shared;
mod trial;
mod turborepo;

use anyhow::{Context, Result};

use super::{Ground, Report};
use crate::tools::{self, BuildClients};
use client::Client;
use page::Page;

pub(super) fn bazel(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let (page, clients) = begin("Bazel")?;
    trial::run(ground, &page, &bazel::Bazel::new(&page, &clients)?, report)
}

pub(super) fn ccache(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let (page, clients) = begin("ccache")?;
    for client in ccache::all(&page, &clients)? {
        trial::run(ground, &page, &client, report).with_context(|| client.name())?;
    }
    Ok(())
}

/// Only the newer one knows these ways.
pub(super) fn crsh(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let (page, clients) = begin("ccache without HTTP")?;
    crsh::run(ground, &page, &clients, report)
}

pub(super) fn sccache(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let (page, clients) = begin("sccache")?;
    trial::run(ground, &page, &sccache::Sccache::new(&page, &clients)?, report)
}

pub(super) fn moon(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let (page, clients) = begin("moon")?;
    trial::run(ground, &page, &moon::Moon::new(&page, &clients)?, report)
}

pub(super) fn turborepo(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let (page, clients) = begin("Turborepo")?;
    trial::run(ground, &page, &turborepo::Turborepo::new(&page, &clients)?, report)
}

pub(super) fn nx(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let (page, clients) = begin("Nx")?;
    trial::run(ground, &page, &nx::Nx::new(&page, &clients)?, report)
}

pub(super) fn gradle(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let (page, _) = begin("Gradle")?;
    trial::run(ground, &page, &gradle::Gradle::new(&page)?, report)
}

pub(super) fn shared(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let (page, clients) = begin("several clients")?;
    shared::run(ground, &page, &clients, report)
}

fn begin(name: &str) -> Result<(Page, BuildClients)> {
    Report::heading(&format!("a cache for {name}"));
    let root = crate::root()?;
    Ok((Page::read(&root)?, tools::build_clients(&root)?))
}
