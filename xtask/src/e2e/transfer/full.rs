//! A disk that has no room, and then has.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::end::{Place, TIME_MAX};
use super::ticket;
use super::twin;
use crate::e2e::mount::Mounted;
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::proxy::{Direction, Proxy};

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("a transfer to a full disk");
    let place = Place::make(ground.program, ground.dir, "full")?;
    let mounted = Mounted::make_of("ext4", &place.dir, DISK_SIZE)?;
    let (ballast, target) = (mounted.dir().join("ballast"), mounted.dir().join("target"));

    let source = place.dir.join("file");
    Filler::new(80).write_file(&source, FILE_SIZE)?;
    Filler::new(81).write_file(&ballast, DISK_SIZE / 2)?;
    let receiver = place.start(place.listening_recv(&target), "receiver")?;
    let mut send = place.send();
    send.arg(&source).arg(receiver.ticket()?);
    place.start(send, "sender")?.finish()?.with(NO_SPACE).context("sender")?;
    let refused = receiver.finish()?.with(NO_SPACE).context("receiver")?;
    report.ok(&format!(
        "no room for the file: exit code 7 at both ends: {}",
        refused.event("error")?["message"]
    ));
    fs::remove_file(&ballast)?;
    place.copy(&source, &target, &[]).context("with room")?;
    agreement::same_bytes(&source, &target)?;
    fs::remove_file(&target)?;
    report.ok("with room made, the same again is done");

    let source = place.dir.join("tree");
    fs::create_dir(&source)?;
    for number in 0..FILE_COUNT {
        Filler::new(100 + number).write_file(&source.join(number.to_string()), FILE_SIZE / FILE_COUNT)?;
    }
    let receiver = place.start(place.listening_recv(&target), "receiver")?;
    let listening = receiver.listening()?;
    let proxy = Proxy::start(listening.address()?, |_| Box::new(|_| {}))?;
    let led = ticket::led_to(listening.ticket()?, proxy.address().port())?;
    let mut send = place.send();
    let sender = place.start(send.arg(&source).arg(led), "sender")?;
    proxy.wait_for(Direction::ToServer, FILE_SIZE / 2, TIME_MAX)?;
    proxy.hold();
    // Somebody else fills it meanwhile.
    let filled = Filler::new(82).write_file(&ballast, DISK_SIZE);
    ensure!(filled.is_err(), "a disk took more than it can hold");
    proxy.release();
    sender.finish()?.with(NO_SPACE).context("sender")?;
    receiver.finish()?.with(NO_SPACE).context("receiver")?;
    fs::remove_file(&ballast)?;
    let [_, received] = place.copy(&source, &target, &[]).context("with room")?;
    twin::compare(&source, &target, twin::Depth::Usual)?;
    let resumed = received.done()?["resumed"].as_u64().context("resumed is a number")?;
    ensure!(resumed >= FILE_SIZE / 8, "only {resumed} bytes were there from before");
    report.ok(&format!(
        "a disk that fills in the middle of a tree: exit code 7, and with room made it goes on from {} MiB of {}",
        resumed >> 20,
        FILE_SIZE >> 20
    ));
    Ok(())
}

const DISK_SIZE: u64 = 192 << 20;

const FILE_SIZE: u64 = 112 << 20;

/// Each of more than a segment.
const FILE_COUNT: u64 = 16;

const NO_SPACE: i32 = 7;
