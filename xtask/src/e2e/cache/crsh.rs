//! ccache without HTTP: at a Unix socket of the server, and with a program that it starts itself.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::ccache;
use super::client::{Built, Client};
use super::door::{Door, Key, WRITER};
use super::page::Page;
use super::trial;
use crate::e2e::{Ground, Report};
use crate::tools::BuildClients;

pub(super) fn run(
    ground: &Ground<'_>,
    page: &Page,
    clients: &BuildClients,
    report: &mut Report,
) -> Result<()> {
    let dir = ground.dir.join("cache").join("crsh");
    fs::create_dir_all(&dir)?;
    // A path of a socket is short, see unix(7), and the target directory's need not be.
    let place = PathBuf::from(format!("/tmp/aqueduct-e2e-{}", std::process::id()));
    fs::create_dir(&place).with_context(|| place.display().to_string())?;
    let outcome = at_socket(ground.program, &dir, &place.join("s"), page, clients, report);
    fs::remove_dir_all(&place)?;
    outcome?;

    let bin = dir.join("bin");
    fs::create_dir(&bin)?;
    symlink(clients.python.join("ccache"), bin.join("ccache"))?;
    symlink(ground.program, bin.join("ccache-storage-aqueduct"))?;
    trial::run(ground, page, &ccache::by_program(page, &bin)?, report)?;
    fs::remove_dir_all(&dir)?;
    Ok(())
}

/// What goes in by the socket is served over HTTP, and the other way round.
fn at_socket(
    program: &Path,
    dir: &Path,
    socket: &Path,
    page: &Page,
    clients: &BuildClients,
    report: &mut Report,
) -> Result<()> {
    let [by_socket, by_http] = ccache::over_socket(page, clients, socket)?;
    let mut flags = page.server_flags()?;
    flags.extend(["--crsh", socket.to_str().context("its path is not UTF-8")?]);
    for (name, first, second) in [("socket", &by_socket, &by_http), ("http", &by_http, &by_socket)] {
        let door = Door::make(program, &dir.join(name), &flags)?;
        let server = door.open()?;
        let build = |client: &ccache::Ccache, number: u32| -> Result<Built> {
            let dir = dir.join(format!("{name}-{number}"));
            fs::create_dir(&dir)?;
            client.build(&dir, &Key { host: server.host().to_owned(), token: WRITER })
        };
        let filled = build(first, 1)?;
        ensure!(filled.hit_count == 0, "{} hits in a cache that is empty", filled.hit_count);
        for (number, client) in [(2, first), (3, second)] {
            let built = build(client, number)?;
            ensure!(built.hit_count == client.hit_count(), "{}: {} hits", client.name(), built.hit_count);
            ensure!(built.outputs == filled.outputs, "{}: other bytes than at first", client.name());
        }
        server.stop()?;
        report.ok(&format!(
            "filled {}, ccache counts {} hits there and {}",
            first.name(),
            filled.outputs.len(),
            second.name()
        ));
    }
    Ok(())
}
