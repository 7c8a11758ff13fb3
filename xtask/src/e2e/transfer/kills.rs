//! A large file that is pushed, and a tree that is pulled, while either side is killed at random points and called again.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::end::{End, Listening, Place, TIME_MAX};
use super::ticket;
use super::twin::{self, Depth};
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::proxy::{Direction, Proxy};

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("a transfer, killed");
    for victim in [Victim::Sender, Victim::Receiver] {
        let place = Place::make(ground.program, ground.dir, "pulled")?;
        let pull = Pull { place: &place, victim, seed: 75 };
        pull.run(report).with_context(|| format!("a tree, {victim:?}, seed {}", pull.seed))?;
    }
    for victim in [Victim::Sender, Victim::Receiver] {
        for stream_count in [1, 2] {
            let place = Place::make(ground.program, ground.dir, "killed")?;
            let trial = Trial { place: &place, victim, stream_count, seed: 70 + stream_count };
            trial
                .run(report)
                .with_context(|| format!("{victim:?}, -j {stream_count}, seed {}", trial.seed))?;
        }
    }
    Ok(())
}

/// Who is killed. Whoever listens has another ticket when it is called again, and whoever connects goes on with the one
/// that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    /// Where it connects, the receiver lives on. Where it listens, the receiver gives up, and is called again, too.
    Sender,
    /// And the other way round.
    Receiver,
}

struct Trial<'a> {
    place: &'a Place<'a>,
    victim: Victim,
    stream_count: u64,
    seed: u64,
}

impl Trial<'_> {
    fn run(&self, report: &mut Report) -> Result<()> {
        let dir = &self.place.dir;
        let (source, target) = (dir.join("source"), dir.join("target"));
        Filler::new(self.seed).write_file(&source, SIZE)?;
        let (mut receiver, mut listening) = self.receive(&target)?;
        let proxy = Proxy::start(listening.address()?, |_| Box::new(|_| {}))?;
        let mut sender = self.send(&source, &listening, &proxy)?;
        for point in points(self.seed, SIZE) {
            proxy
                .wait_for(Direction::ToServer, point, TIME_MAX)
                .with_context(|| format!("sender: {}\nreceiver: {}", sender.said(), receiver.said()))?;
            proxy.hold();
            match self.victim {
                // What the kernel still has of it goes on to the receiver, while the next one begins.
                Victim::Sender => {
                    sender.kill()?;
                    proxy.release();
                }
                Victim::Receiver => {
                    receiver.kill()?;
                    proxy.reset();
                    sender.finish()?.with(LOST).context("the sender of a receiver that was killed")?;
                    (receiver, listening) = self.receive(&target)?;
                    proxy.aim(listening.address()?)?;
                }
            }
            sender = self.send(&source, &listening, &proxy)?;
        }
        let sent = sender.finish()?.well().context("sender")?;
        let received = receiver.finish()?.well().context("receiver")?;
        agreement::same_bytes(&source, &target)?;
        nothing_left_beside(&target)?;
        let more = proxy.passed().to_server.checked_sub(SIZE).context("fewer bytes than the file has")?;
        let more_max = KILL_COUNT * (self.stream_count * UNDER_WAY_MAX + SOCKETS_LEN_MAX);
        report.ok(&format!(
            "{:?} killed {KILL_COUNT} times, -j {} (seed {}): {SIZE} bytes are right, {:.1} MiB went twice; resumed, by the \
             sender {}, by the receiver {}",
            self.victim,
            self.stream_count,
            self.seed,
            mib(more),
            sent.done()?["resumed"],
            received.done()?["resumed"]
        ));
        ensure!(more <= more_max, "{more} bytes went twice, and {more_max} at most should");
        Ok(())
    }

    /// A receiver, and what it says to senders.
    fn receive(&self, target: &Path) -> Result<(End, Listening)> {
        let mut command = self.place.listening_recv(target);
        command.args(["--sync", "none"]);
        let receiver = self.place.start(command, "receiver")?;
        let listening = receiver.listening()?;
        Ok((receiver, listening))
    }

    fn send(&self, source: &Path, listening: &Listening, proxy: &Proxy) -> Result<End> {
        let mut command = self.place.send();
        command.args(["--retry", "0", "-j", &self.stream_count.to_string()]).arg(source);
        command.arg(ticket::led_to(listening.ticket()?, proxy.address().port())?);
        self.place.start(command, "sender")
    }
}

/// A tree, small files and a large one, from a sender that listens to a receiver that connects.
struct Pull<'a> {
    place: &'a Place<'a>,
    victim: Victim,
    seed: u64,
}

impl Pull<'_> {
    fn run(&self, report: &mut Report) -> Result<()> {
        let dir = &self.place.dir;
        let (source, target) = (dir.join("source"), dir.join("target"));
        let size = self.plant(&source)?;
        let (mut sender, mut listening) = self.send(&source)?;
        let proxy = Proxy::start(listening.address()?, |_| Box::new(|_| {}))?;
        let mut receiver = self.receive(&target, &listening, &proxy)?;
        for point in points(self.seed, size) {
            proxy
                .wait_for(Direction::ToClient, point, TIME_MAX)
                .with_context(|| format!("sender: {}\nreceiver: {}", sender.said(), receiver.said()))?;
            proxy.hold();
            match self.victim {
                Victim::Sender => {
                    sender.kill()?;
                    proxy.reset();
                    receiver.finish()?.with(LOST).context("the receiver of a sender that was killed")?;
                    (sender, listening) = self.send(&source)?;
                    proxy.aim(listening.address()?)?;
                }
                Victim::Receiver => {
                    receiver.kill()?;
                    proxy.reset();
                }
            }
            receiver = self.receive(&target, &listening, &proxy)?;
        }
        sender.finish()?.well().context("sender")?;
        let received = receiver.finish()?.well().context("receiver")?;
        twin::compare(&source, &target, Depth::Usual)?;
        nothing_left_beside(&target)?;
        let more = proxy.passed().to_client.checked_sub(size).context("fewer bytes than the tree has")?;
        let more_max = KILL_COUNT * (UNDER_WAY_MAX + SOCKETS_LEN_MAX);
        report.ok(&format!(
            "a tree, {:?} killed {KILL_COUNT} times (seed {}): {size} bytes are right, {:.1} MiB went twice; resumed, by the \
             receiver {}",
            self.victim,
            self.seed,
            mib(more),
            received.done()?["resumed"]
        ));
        ensure!(more <= more_max, "{more} bytes went twice, and {more_max} at most should");
        Ok(())
    }

    /// Makes the tree, and says how many bytes are in it.
    fn plant(&self, source: &Path) -> Result<u64> {
        let mut filler = Filler::new(self.seed);
        for number in 0..SMALL_COUNT {
            let dir = source.join(format!("{}", number % 10));
            fs::create_dir_all(&dir)?;
            filler.write_file(&dir.join(number.to_string()), SMALL_LEN)?;
        }
        filler.write_file(&source.join("large"), LARGE_LEN)?;
        Ok(SMALL_COUNT * SMALL_LEN + LARGE_LEN)
    }

    /// A sender, and what it says to receivers.
    fn send(&self, source: &Path) -> Result<(End, Listening)> {
        let mut command = self.place.send();
        command.args(["--listen", "127.0.0.1:0", "-j", "1"]).arg(source);
        let sender = self.place.start(command, "sender")?;
        let listening = sender.listening()?;
        Ok((sender, listening))
    }

    fn receive(&self, target: &Path, listening: &Listening, proxy: &Proxy) -> Result<End> {
        let mut command = self.place.recv();
        command.args(["--retry", "0", "--sync", "none", "-o"]).arg(target);
        command.arg(ticket::led_to(listening.ticket()?, proxy.address().port())?);
        self.place.start(command, "receiver")
    }
}

/// After how many bytes of `size` each kill comes, in order.
fn points(seed: u64, size: u64) -> Vec<u64> {
    let mut filler = Filler::new(seed);
    let mut points: Vec<u64> = (0..KILL_COUNT).map(|_| filler.number() % (size - LAST_LEN)).collect();
    points.sort_unstable();
    points
}

fn nothing_left_beside(target: &Path) -> Result<()> {
    let left: Vec<_> = fs::read_dir(target.parent().context("it has one")?)?
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains("aqueduct"))
        .collect();
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}

fn mib(len: u64) -> f64 {
    len as f64 / f64::from(1 << 20)
}

/// And no multiple of a segment.
const SIZE: u64 = (2 << 30) + 12_345;

const SMALL_COUNT: u64 = 20_000;

const SMALL_LEN: u64 = 16 << 10;

const LARGE_LEN: u64 = (512 << 20) + 12_345;

const KILL_COUNT: u64 = 20;

/// The last kill comes before the last of it, so that there is somebody to kill.
const LAST_LEN: u64 = 64 << 20;

/// What a stream may have under way that is not verified yet: segments of 4 MiB.
const UNDER_WAY_MAX: u64 = 16 << 20;

/// What the sockets on either side of the proxy hold, and the proxy, at a kill.
const SOCKETS_LEN_MAX: u64 = 16 << 20;

/// The exit code of a connection that was lost for good.
const LOST: i32 = 5;
