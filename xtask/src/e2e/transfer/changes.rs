//! A source that changes while it is sent, and a target that is there already.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::end::{Place, TIME_MAX};
use super::ticket;
use crate::e2e::{Ground, Report, agreement};
use crate::filler::{self, Filler};
use crate::proxy::{Direction, Proxy};

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("a source that changes, a target that is there");
    source_changes(ground, report)?;
    target_exists(ground, report)
}

fn source_changes(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    for change in [Change::Overwritten, Change::Longer, Change::Shorter] {
        let place = Place::make(ground.program, ground.dir, "changed")?;
        let (source, target) = (place.dir.join("source"), place.dir.join("target"));
        Filler::new(75).write_file(&source, SIZE)?;
        let receiver = place.start(place.listening_recv(&target), "receiver")?;
        let listening = receiver.listening()?;
        let proxy = Proxy::start(listening.address()?, |_| Box::new(|_| {}))?;
        let mut send = place.send();
        send.arg(&source).arg(ticket::led_to(listening.ticket()?, proxy.address().port())?);
        let sender = place.start(send, "sender")?;
        proxy.wait_for(Direction::ToServer, SIZE / 2, TIME_MAX)?;
        proxy.hold();
        change.make(&source)?;
        proxy.release();
        sender.finish()?.with(CHANGED).with_context(|| format!("sender, {change:?}"))?;
        receiver.finish()?.with(CHANGED).with_context(|| format!("receiver, {change:?}"))?;
        ensure!(!target.exists(), "{change:?}: what changed got its name");
    }
    report.ok("a source that is overwritten, grows or shrinks while it is sent: exit code 11 at both ends, and no file");
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Change {
    /// In a part that was sent already.
    Overwritten,
    Longer,
    Shorter,
}

impl Change {
    fn make(self, path: &Path) -> Result<()> {
        let mut file = File::options().write(true).append(matches!(self, Self::Longer)).open(path)?;
        match self {
            Self::Overwritten | Self::Longer => file.write_all(b"other bytes")?,
            Self::Shorter => file.set_len(SIZE - 1)?,
        }
        Ok(())
    }
}

fn target_exists(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    let place = Place::make(ground.program, ground.dir, "existing")?;
    let (source, arrived) = (place.dir.join("name"), place.dir.join("arrived"));
    fs::create_dir(&arrived)?;
    let there = arrived.join("name");
    Filler::new(76).write_file(&source, 100_000)?;
    let attempt = |flag: Option<&str>| {
        filler::write_text(&there, "what was there")?;
        let mut recv = place.listening_recv(&arrived);
        let receiver = place.start(recv.args(flag), "receiver")?;
        let mut send = place.send();
        let sender = place.start(send.arg(&source).arg(receiver.ticket()?), "sender")?.finish()?;
        anyhow::Ok((sender, receiver.finish()?))
    };
    let is_untouched = || anyhow::Ok(fs::read_to_string(&there)? == "what was there");

    let (sent, received) = attempt(None)?;
    sent.with(EXISTS).context("sender")?;
    received.with(EXISTS).context("receiver")?;
    ensure!(is_untouched()? && fs::read_dir(&arrived)?.count() == 1, "it did something all the same");
    report.ok("a name that is taken: exit code 4 at both ends, and nothing was written");

    let (sent, received) = attempt(Some("--skip-existing"))?;
    sent.well().context("sender")?;
    received.well().context("receiver")?;
    ensure!(is_untouched()?, "--skip-existing wrote");

    let (sent, received) = attempt(Some("--keep-both"))?;
    sent.well().context("sender")?;
    received.well().context("receiver")?;
    ensure!(is_untouched()?, "--keep-both replaced what was there");
    agreement::same_bytes(&source, &arrived.join("name-1"))?;

    let (sent, received) = attempt(Some("--force"))?;
    sent.well().context("sender")?;
    received.well().context("receiver")?;
    agreement::same_bytes(&source, &there)?;
    report.ok("--skip-existing leaves it, --keep-both adds name-1, --force replaces it");

    place.copy(&source, &arrived, &[])?;
    report.ok("the same file with the same bytes is there already: exit code 0");
    Ok(())
}

const SIZE: u64 = 256 << 20;

const CHANGED: i32 = 11;

const EXISTS: i32 = 4;
