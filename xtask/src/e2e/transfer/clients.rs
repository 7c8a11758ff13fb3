//! Programs of others at the other end: every nc there is, curl, and wget.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};

use super::end::{Listening, Place};
use super::twin;
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::{namespaces, process};

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("a transfer with nc, curl and wget");
    let place = Place::make(ground.program, ground.dir, "clients")?;
    let source = place.dir.join("source");
    Filler::new(77).write_file(&source, SIZE)?;
    let trial = Trial { place: &place, source: &source, target: &place.dir.join("target") };
    for variant in VARIANTS {
        let name = variant.name;
        trial.nc_fetches(variant).with_context(|| format!("{name} fetches"))?;
        trial.nc_brings(variant).with_context(|| format!("{name} brings"))?;
        trial.nc_waits_for_bytes(variant).with_context(|| format!("{name} waits for bytes"))?;
        trial.nc_waits_with_bytes(variant).with_context(|| format!("{name} waits with bytes"))?;
        report.ok(&format!(
            "{name}: {SIZE} bytes from a sender and into a receiver that listen, and into and from one that listens itself"
        ));
    }
    trial.unverified(report)?;
    trial.http(report)?;
    trial.tree(report)
}

/// A program of that name, with words for each use of it. `@PORT@` is where somebody listens on this machine.
struct Variant {
    name: &'static str,
    /// Writes down what somebody sends who listens.
    fetch: &'static str,
    /// Sends what stands on its standard input to somebody who listens.
    bring: &'static str,
    /// Listens, and writes down what comes.
    take: &'static str,
    /// Listens, and sends what stands on its standard input.
    give: &'static str,
}

const VARIANTS: &[Variant] = &[
    Variant {
        name: "nc.openbsd",
        fetch: "nc.openbsd 127.0.0.1 @PORT@",
        bring: "nc.openbsd -N 127.0.0.1 @PORT@",
        take: "nc.openbsd -l 127.0.0.1 @PORT@",
        give: "nc.openbsd -N -l 127.0.0.1 @PORT@",
    },
    Variant {
        name: "nc.traditional",
        fetch: "nc.traditional 127.0.0.1 @PORT@",
        bring: "nc.traditional -q 0 127.0.0.1 @PORT@",
        take: "nc.traditional -l -p @PORT@",
        give: "nc.traditional -q 0 -l -p @PORT@",
    },
    Variant {
        name: "busybox nc",
        fetch: "busybox nc 127.0.0.1 @PORT@",
        bring: "busybox nc 127.0.0.1 @PORT@",
        take: "busybox nc -l -p @PORT@",
        give: "busybox nc -l -p @PORT@",
    },
    Variant {
        name: "ncat",
        fetch: "ncat --recv-only 127.0.0.1 @PORT@",
        bring: "ncat --send-only 127.0.0.1 @PORT@",
        take: "ncat -l 127.0.0.1 @PORT@",
        give: "ncat --send-only -l 127.0.0.1 @PORT@",
    },
];

struct Trial<'a> {
    place: &'a Place<'a>,
    source: &'a Path,
    target: &'a Path,
}

impl Trial<'_> {
    fn nc_fetches(&self, variant: &Variant) -> Result<()> {
        let mut send = self.place.send();
        send.args(["--raw", "--listen", "127.0.0.1:0"]).arg(self.source);
        let sender = self.place.start(send, "sender")?;
        let port = sender.listening()?.port()?.to_owned();
        // As a terminal at which nobody types: an nc that read the end would say so at once.
        let mut nc = Nc::start(variant.fetch, &port, Stdio::piped(), File::create(self.target)?.into())?;
        let done = sender.finish()?.well().context("sender")?;
        nc.end()?;
        ensure!(done.done()?["proof"] == "acknowledged", "{:?}", done.done()?);
        self.insist()
    }

    fn nc_brings(&self, variant: &Variant) -> Result<()> {
        let mut recv = self.place.listening_recv(self.target);
        let receiver = self.place.start(recv.arg("--raw"), "receiver")?;
        let port = receiver.listening()?.port()?.to_owned();
        let mut nc = Nc::start(variant.bring, &port, File::open(self.source)?.into(), Stdio::null())?;
        receiver.finish()?.well().context("receiver")?;
        nc.end()?;
        self.insist()
    }

    fn nc_waits_for_bytes(&self, variant: &Variant) -> Result<()> {
        let port = free_port()?;
        let mut nc = Nc::start(variant.take, &port, Stdio::piped(), File::create(self.target)?.into())?;
        nc.wait_until_heard(&port)?;
        let mut send = self.place.send();
        send.arg(self.source).arg(format!("raw://127.0.0.1:{port}"));
        self.place.start(send, "sender")?.finish()?.well().context("sender")?;
        nc.close();
        nc.end()?;
        self.insist()
    }

    fn nc_waits_with_bytes(&self, variant: &Variant) -> Result<()> {
        let port = free_port()?;
        let mut nc = Nc::start(variant.give, &port, File::open(self.source)?.into(), Stdio::null())?;
        nc.wait_until_heard(&port)?;
        let mut recv = self.place.recv();
        recv.arg("-o").arg(self.target).arg(format!("raw://127.0.0.1:{port}"));
        self.place.start(recv, "receiver")?.finish()?.well().context("receiver")?;
        nc.end()?;
        self.insist()
    }

    /// Whoever insists on a digest is not content with an acknowledgement.
    fn unverified(&self, report: &mut Report) -> Result<()> {
        let mut send = self.place.send();
        send.args(["--raw", "--require-verify", "--listen", "127.0.0.1:0"]).arg(self.source);
        let sender = self.place.start(send, "sender")?;
        let port = sender.listening()?.port()?.to_owned();
        let mut nc = Nc::start(
            "nc.openbsd 127.0.0.1 @PORT@",
            &port,
            Stdio::piped(),
            File::create(self.target)?.into(),
        )?;
        sender.finish()?.with(UNVERIFIED)?;
        nc.end()?;
        self.insist()?;
        report.ok("--require-verify: exit code 13 where nc has the bytes and verifies nothing");
        Ok(())
    }

    fn http(&self, report: &mut Report) -> Result<()> {
        let whole: &[&str] = &["curl", "-sSf", "-o"];
        self.fetched(whole, "curl", None)?;
        self.fetched(&["wget", "-q", "-O"], "wget", None)?;
        report.ok("curl and wget fetch it");
        self.fetched(&["curl", "-sSf", "-C", "-", "-o"], "curl -C -", Some(SIZE / 3))?;
        self.fetched(&["wget", "-q", "-c", "-O"], "wget -c", Some(SIZE / 3))?;
        report.ok("curl -C - and wget -c go on where a third was there already");
        self.parts(report)
    }

    /// By a command that takes the target and the URL.
    fn fetched(&self, line: &[&str], name: &str, held: Option<u64>) -> Result<()> {
        let (sender, listening) = self.serve(&[])?;
        if let Some(len) = held {
            let mut curl = Command::new("curl");
            let range = format!("0-{}", len - 1);
            process::run(curl.args(["-sSf", "-r", &range, "-o"]).arg(self.target).arg(listening.url()?))?;
        }
        let mut client = Command::new(line[0]);
        process::run(client.args(&line[1..]).arg(self.target).arg(listening.url()?))
            .context(name.to_owned())?;
        sender.finish()?.well().with_context(|| format!("the sender, and {name}"))?;
        self.insist().with_context(|| name.to_owned())
    }

    /// In two ranges, over two connections: it is done when all of it went.
    fn parts(&self, report: &mut Report) -> Result<()> {
        let (sender, listening) = self.serve(&[])?;
        let middle = SIZE / 2;
        let mut pieces = Vec::new();
        for range in [format!("0-{}", middle - 1), format!("{middle}-")] {
            let piece = self.place.dir.join(format!("piece-{range}"));
            let mut curl = Command::new("curl");
            process::run(curl.args(["-sSf", "-r", &range, "-o"]).arg(&piece).arg(listening.url()?))?;
            pieces.push(piece);
        }
        let line = format!("cat {} {} > {}", shown(&pieces[0]), shown(&pieces[1]), shown(self.target));
        process::run(Command::new("bash").args(["-c", &line]))?;
        sender.finish()?.well()?;
        self.insist()?;
        report.ok("curl -r fetches it in two ranges, and the sender ends once it has sent all of it");
        Ok(())
    }

    /// What it prints for curl is typed as it stands there.
    fn tree(&self, report: &mut Report) -> Result<()> {
        let tree = self.place.dir.join("tree");
        twin::plant(&tree)?;
        let mut send = self.place.send();
        send.args(["--listen", "127.0.0.1:0"]).arg(&tree);
        let sender = self.place.start(send, "sender")?;
        let line = sender.listening()?.line("curl")?.to_owned();
        let there = self.place.dir.join("there");
        fs::create_dir(&there)?;
        process::run(Command::new("bash").args(["-c", &line]).current_dir(&there)).context(line.clone())?;
        sender.finish()?.well()?;
        twin::compare(&tree, &there.join("tree"), twin::Depth::OfTar)?;
        report.ok(
            "a tree comes out of the line that it prints for curl, with its modes, times, links and names",
        );
        Ok(())
    }

    fn serve(&self, flags: &[&str]) -> Result<(super::end::End, Listening)> {
        let mut send = self.place.send();
        send.args(["--listen", "127.0.0.1:0"]).args(flags).arg(self.source);
        let sender = self.place.start(send, "sender")?;
        let listening = sender.listening()?;
        Ok((sender, listening))
    }

    /// Insists that the target is the source, and removes it.
    fn insist(&self) -> Result<()> {
        agreement::same_bytes(self.source, self.target)?;
        fs::remove_file(self.target)?;
        Ok(())
    }
}

/// A netcat. Killed when the value goes.
struct Nc {
    child: Child,
}

impl Nc {
    fn start(line: &str, port: &str, stdin: Stdio, stdout: Stdio) -> Result<Self> {
        let line = line.replace("@PORT@", port);
        let mut words = line.split(' ').map(OsStr::new);
        let program = words.next().context("a line has a word")?;
        let child = Command::new(program).args(words).stdin(stdin).stdout(stdout).spawn().context(line)?;
        Ok(Self { child })
    }

    fn wait_until_heard(&self, port: &str) -> Result<()> {
        let port = port.parse()?;
        while !namespaces::is_heard(self.child.id(), port) {
            thread::yield_now();
        }
        Ok(())
    }

    /// Ends its standard input: some wait for that when the other side has ended.
    fn close(&mut self) {
        self.child.stdin.take();
    }

    /// Waits until it has written down everything. Some find it an error that the other side has gone.
    fn end(&mut self) -> Result<()> {
        self.close();
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Nc {
    fn drop(&mut self) {
        // What has ended already cannot be killed, and needs not to be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One that nobody listened at a moment ago.
fn free_port() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string())
}

fn shown(path: &Path) -> String {
    format!("'{}'", path.display())
}

/// More than all sockets and pipes on the way hold, and no multiple of a segment.
const SIZE: u64 = (64 << 20) + 7;

const UNVERIFIED: i32 = 13;
