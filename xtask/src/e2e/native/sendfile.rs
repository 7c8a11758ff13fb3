//! The payload of a large blob leaves by sendfile(2) and arrives by splice(2), on both sides, both ways.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::client::Client;
use crate::e2e::served::trace::{Moved, Started, Way, strace};
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::server::Server;

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("a large put and get over the native protocol, traced");
    let dir = ground.dir.join("native-traced");
    fs::create_dir(&dir)?;
    let (file, copy) = (dir.join("file"), dir.join("copy"));
    Filler::new(15).write_file(&file, SIZE)?;
    let digest = agreement::openssl_sum(&file)?;

    let path =
        |path: &Path| path.to_str().map(str::to_owned).context("the target directory's path is not UTF-8");
    let put = Traced::run(ground.program, &dir, &["put", "--no-cache", &path(&file)?])?;
    ensure!(put.printed["files"][0]["digest"] == digest, "put says {}", put.printed);
    insist_on_route("put", &put.printed["carried"], "sendfile")?;
    insist_on_calls("a put", [&put.client, &put.server], report)?;

    let get = Traced::run(ground.program, &dir, &["get", &digest, "--output", &path(&copy)?])?;
    insist_on_route("get", &get.printed["files"][0]["carried"], "splice")?;
    insist_on_calls("a get", [&get.server, &get.client], report)?;
    agreement::same_bytes(&file, &copy)?;
    report.ok("what came back is what was put, and the routes that the client reports are those");
    fs::remove_dir_all(&dir)?;
    Ok(())
}

/// What a client printed, and what was seen of either side.
struct Traced {
    printed: Value,
    client: String,
    server: String,
}

impl Traced {
    fn run(program: &Path, dir: &Path, arguments: &[&str]) -> Result<Self> {
        let (client, server) = (dir.join("client-trace"), dir.join("server-trace"));
        let running = Server::start_by(strace(program, &server), &dir.join("store"), &[])?;
        let started = Started::of(&server)?;
        let mut command = strace(program, &client);
        command.args(arguments).args(["--json", "--server", &format!("aqueduct://{}", running.host())]);
        let printed = Client::run(command, &dir.join("words"))?;
        running.stop()?;
        Ok(Self { printed, client: fs::read_to_string(client)?, server: started.read(&server)? })
    }
}

fn insist_on_route(what: &str, carried: &Value, route: &str) -> Result<()> {
    let is_all = carried.as_object().is_some_and(|carried| carried.keys().eq([route]));
    ensure!(is_all && carried[route] == SIZE, "{what}: carried by {carried}");
    Ok(())
}

fn insist_on_calls(what: &str, [sender, receiver]: [&str; 2], report: &mut Report) -> Result<()> {
    for trace in [sender, receiver] {
        ensure!(!trace.contains("io_uring_enter("), "what a ring moves, a trace does not show");
    }
    let sent = Moved::parse(sender, Way::IntoSockets);
    ensure!(sent.by("sendfile") == SIZE, "{what}: sendfile moved not {SIZE} bytes: {sent:?}");
    let received = Moved::parse(receiver, Way::OutOfSockets);
    let (spliced, heard) = (received.by("splice"), received.by_all_but("splice"));
    ensure!(spliced + READ_AHEAD_LEN_MAX >= SIZE, "{what}: splice moved not {SIZE} bytes: {received:?}");
    let said = sent.by_all_but("sendfile");
    ensure!(said <= HEADS_LEN_MAX && spliced + heard == SIZE + said, "{what}: {sent:?}, {received:?}");
    report.ok(&format!(
        "{what}: sendfile sent all {SIZE} bytes, and splice received all but {}, which were read with a head; {said} bytes \
         of heads were sent otherwise",
        SIZE.saturating_sub(spliced)
    ));
    Ok(())
}

const SIZE: u64 = 1 << 30;

/// A head for each MiB or less, and 32 bytes for each segment.
const HEADS_LEN_MAX: u64 = 512 << 10;

/// A receiver does not know where a head ends before it has read it: what came with the first ones is in memory then.
const READ_AHEAD_LEN_MAX: u64 = 512 << 10;
