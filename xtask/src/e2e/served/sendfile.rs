//! The bytes of a large blob leave by sendfile(2), and by nothing else.

use std::fs;

use anyhow::{Result, ensure};

use super::curl;
use super::trace::{Moved, Started, Way, strace};
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::server::Server;

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("a large download, traced");
    let Ground { program, dir } = *ground;
    let (file, store, trace) = (dir.join("traced-file"), dir.join("traced"), dir.join("trace"));
    Filler::new(7).write_file(&file, SIZE)?;
    let digest = agreement::openssl_sum(&file)?;
    let server = Server::start(program, &store)?;
    ensure!(curl::put(&file, &server.blob(&digest))? == 201, "a new blob is created");
    server.stop()?;

    let server = Server::start_by(strace(program, &trace), &store, &[])?;
    let started = Started::of(&trace)?;
    curl::same_as(&server.blob(&digest), &file)?;
    server.stop()?;
    let text = started.read(&trace)?;
    let sent = Moved::parse(&text, Way::IntoSockets);
    ensure!(sent.by("sendfile") == SIZE, "sendfile moved {} bytes of {SIZE}: {sent:?}", sent.by("sendfile"));
    let rest = sent.by_all_but("sendfile");
    ensure!(rest <= HEAD_LEN_MAX, "{rest} bytes left by other calls: {sent:?}");
    ensure!(!text.contains("io_uring_enter("), "what a ring moves, a trace does not show");
    report.ok(&format!("sendfile moved all {SIZE} bytes of a GET; {rest} bytes, its head, left otherwise"));
    for path in [&file, &trace] {
        fs::remove_file(path)?;
    }
    fs::remove_dir_all(&store)?;
    Ok(())
}

const SIZE: u64 = 1 << 30;

/// Of one answer.
const HEAD_LEN_MAX: u64 = 2 << 10;
