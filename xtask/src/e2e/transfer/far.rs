//! Two hosts with 200 ms and a bad line between them. The kernel may have no netem, so a relay between two TUN devices makes it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::end::Place;
use super::twin;
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::namespaces::Hosts;

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("a transfer over a long and bad line");
    let place = Place::make(ground.program, ground.dir, "far")?;
    let hosts = Hosts::apart("far")?;
    let relay = Relay::between(&hosts)?;
    let (file, tree) = (place.dir.join("file"), place.dir.join("tree"));
    Filler::new(83).write_file(&file, SIZE)?;
    twin::plant(&tree)?;
    for (source, name) in [(&file, "a file of 24 MiB"), (&tree, "a tree of 2,000 files and 46 MiB")] {
        let target = place.dir.join("target");
        let mut recv = place.aqueduct_by(hosts.right.command("env"), "recv");
        recv.args(["--listen", &format!("{}:0", hosts.right.address()), "-o"]).arg(&target);
        let receiver = place.start(recv, "receiver")?;
        let mut send = place.aqueduct_by(hosts.left.command("env"), "send");
        send.arg(source).arg(receiver.ticket()?);
        let sent = place.start(send, "sender")?.finish()?.well().context("sender")?;
        receiver.finish()?.well().context("receiver")?;
        if source.is_file() {
            agreement::same_bytes(source, &target)?;
            fs::remove_file(&target)?;
        } else {
            twin::compare(source, &target, twin::Depth::Usual)?;
        }
        let done = sent.done()?;
        report.ok(&format!(
            "{DELAY_MS} ms there and back, {LOSS_PERCENT} % lost either way (seed {SEED}): {name} in {:.1} s over {} streams",
            done["elapsed_s"].as_f64().unwrap_or_default(),
            done["streams"]
        ));
    }
    let (passed, lost) = relay.end()?;
    ensure!(lost > 0, "of {passed} packets none was lost");
    report.ok(&format!("of {} packets {lost} were lost", passed + lost));
    Ok(())
}

/// A process between two hosts. It ends with its standard input.
struct Relay {
    child: Child,
    words: BufReader<ChildStdout>,
}

impl Relay {
    fn between(hosts: &Hosts) -> Result<Self> {
        let [left, right] = DEVICES;
        let numbers = [DELAY_MS / 2, LOSS_PERCENT, QUEUE_LEN, SEED].map(|number| number.to_string());
        let mut child = Command::new("python3")
            .args(["-c", include_str!("relay.py"), left, right])
            .args(numbers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("python3")?;
        let words = BufReader::new(child.stdout.take().context("it was piped")?);
        let mut relay = Self { child, words };
        let said = relay.line()?;
        ensure!(said == "ready", "the relay says {said}: is there a /dev/net/tun?");
        hosts.left.take(left)?;
        hosts.right.take(right)?;
        Ok(relay)
    }

    /// Answers how many packets passed, and how many were lost.
    fn end(mut self) -> Result<(u64, u64)> {
        drop(self.child.stdin.take());
        let said = self.line()?;
        let (passed, lost) = said.split_once(' ').with_context(|| format!("the relay says {said}"))?;
        Ok((passed.parse()?, lost.parse()?))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.words.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // What has ended already cannot be killed, and needs not to be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const DEVICES: [&str; 2] = ["aqueduct-far0", "aqueduct-far1"];

/// There and back.
const DELAY_MS: u64 = 200;

/// Either way.
const LOSS_PERCENT: u64 = 1;

/// Packets that are under way in either direction: what 100 Mbit/s have in 100 ms, and as much again.
const QUEUE_LEN: u64 = 2000;

const SEED: u64 = 84;

const SIZE: u64 = 24 << 20;
