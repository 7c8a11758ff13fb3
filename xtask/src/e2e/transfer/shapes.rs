//! Files of every shape: streams, sizes about a segment, and a tree with everything in it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::end::Place;
use super::twin::{self, Depth};
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::process;

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("transfers of every shape");
    sizes(ground, report)?;
    streams(ground, report)?;
    tree(ground, report)?;
    printed(ground, report)
}

fn sizes(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let place = Place::make(ground.program, ground.dir, "sizes")?;
    for size in SIZES {
        for algorithm in ["sha256", "blake3"] {
            let (source, target) = (place.dir.join(format!("{algorithm}-{size}")), place.dir.join("target"));
            Filler::new(size).write_file(&source, size)?;
            let both = place.copy(&source, &target, &["--digest", algorithm]);
            let both = both.with_context(|| format!("{size} bytes, {algorithm}"))?;
            agreement::same_bytes(&source, &target)?;
            let digest = digest(&source, algorithm)?;
            for end in both {
                ensure!(end.done()?["digest"] == digest, "{size} bytes: {:?}, and not {digest}", end.done()?);
            }
            fs::remove_file(&target)?;
        }
    }
    report.ok(&format!(
        "files of {SIZES:?} bytes: both ends print what sha256sum and b3sum print, and cmp finds no difference"
    ));
    Ok(())
}

fn digest(path: &Path, algorithm: &str) -> Result<String> {
    let program = if algorithm == "sha256" { "sha256sum" } else { "b3sum" };
    let said = process::run(Command::new(program).arg("--").arg(path))?;
    let hex = said.stdout.split(' ').next().context("it said something")?;
    Ok(format!("{algorithm}:{hex}"))
}

/// From a pipe to a pipe, by way of a ticket in a pipe.
fn streams(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let place = Place::make(ground.program, ground.dir, "streams")?;
    for size in SIZES {
        let (source, target) = (place.dir.join("source"), place.dir.join("target"));
        Filler::new(size).write_file(&source, size)?;
        let mut script = Command::new("bash");
        script.args(["-o", "pipefail", "-c", STREAM]).current_dir(&place.dir);
        script.env("AQUEDUCT", ground.program).env("AQUEDUCT_CONFIG", "/dev/null");
        process::run(&mut script).with_context(|| format!("a stream of {size} bytes"))?;
        agreement::same_bytes(&source, &target)?;
    }
    report.ok(&format!(
        "streams of {SIZES:?} bytes and of unknown length, from standard input to standard output"
    ));
    Ok(())
}

/// The first line on standard error of a receiver whose bytes go to standard output is the event with the ticket.
const STREAM: &str = r#"mkfifo events
"$AQUEDUCT" recv --json --listen 127.0.0.1:0 -o - 2> events > target &
exec 3< events
read -r -u 3 event
ticket=${event#*\"ticket\":\"}
cat <&3 > /dev/null &
cat source | "$AQUEDUCT" send --json - "${ticket%%\"*}" > /dev/null
wait %1
rm events"#;

fn tree(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let place = Place::make(ground.program, ground.dir, "trees")?;
    let (source, target) = (place.dir.join("source"), place.dir.join("target"));
    twin::plant(&source)?;
    place.copy(&source, &target, &[])?;
    twin::compare(&source, &target, Depth::Usual)?;
    report.ok("a tree: names, bytes, modes, times, symbolic links, empty directories and holes are the same");
    fs::remove_dir_all(&target)?;

    let mut recv = place.listening_recv(&target);
    let receiver = place.start(recv.args(["--preserve", "all"]), "receiver")?;
    let mut send = place.send();
    send.args(["--preserve", "all"]).arg(&source).arg(receiver.ticket()?);
    place.start(send, "sender")?.finish()?.well().context("sender")?;
    receiver.finish()?.well().context("receiver")?;
    twin::compare(&source, &target, Depth::All)?;
    report.ok("--preserve all: hard links and extended attributes, too");
    Ok(())
}

/// Somebody who has read nothing but what `send` printed.
fn printed(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let place = Place::make(ground.program, ground.dir, "printed")?;
    let (source, there) = (place.dir.join("tree"), place.dir.join("there"));
    twin::plant(&source)?;
    fs::create_dir(&there)?;
    let mut send = place.send();
    send.args(["--listen", "127.0.0.1:0"]).arg(&source);
    let sender = place.start(send, "sender")?;
    let line = sender.listening()?.line("aqueduct")?.to_owned();
    let dir = ground.program.parent().context("a program lies somewhere")?;
    let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("bash");
    shell.args(["-c", &line]).env("PATH", path).env("AQUEDUCT_CONFIG", "/dev/null").current_dir(&there);
    process::run(&mut shell).context(line)?;
    sender.finish()?.well()?;
    twin::compare(&source, &there.join("tree"), Depth::Usual)?;
    report.ok("the line that send prints, typed elsewhere, brings the tree there");
    Ok(())
}

/// None, one, and those about one and two segments.
const SIZES: [u64; 8] = [0, 1, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, (8 << 20) - 1, 8 << 20, (8 << 20) + 1];
