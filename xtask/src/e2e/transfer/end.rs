//! One side of a transfer: a process, and the events that it prints.

use std::borrow::BorrowMut;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Where a trial calls the program, and what it leaves there.
pub(super) struct Place<'a> {
    program: &'a Path,
    pub(super) dir: PathBuf,
}

impl<'a> Place<'a> {
    /// Makes a directory of this name, which goes away with the value.
    pub(super) fn make(program: &'a Path, dir: &Path, name: &str) -> Result<Self> {
        let dir = dir.join(name);
        fs::create_dir(&dir)?;
        Ok(Self { program, dir })
    }

    /// `aqueduct send --json`, to be told what and to whom.
    pub(super) fn send(&self) -> Command {
        self.aqueduct("send")
    }

    /// `aqueduct recv --json`, to be told from whom.
    pub(super) fn recv(&self) -> Command {
        self.aqueduct("recv")
    }

    /// The same by a command to which the program is added: one that runs it elsewhere.
    pub(super) fn aqueduct_by(&self, mut by: Command, verb: &str) -> Command {
        by.arg(self.program);
        self.told(by, verb)
    }

    fn aqueduct(&self, verb: &str) -> Command {
        self.told(Command::new(self.program), verb)
    }

    fn told(&self, mut command: Command, verb: &str) -> Command {
        // What one trial hashed no other shall know.
        command.env("AQUEDUCT_CONFIG", "/dev/null").env("XDG_CACHE_HOME", self.dir.join("cache"));
        command.args([verb, "--json"]);
        command
    }

    /// A receiver that waits on this machine, for what goes to `target`.
    pub(super) fn listening_recv(&self, target: &Path) -> Command {
        let mut command = self.recv();
        command.args(["--listen", "127.0.0.1:0", "-o"]).arg(target);
        command
    }

    /// Starts one side. What it says on standard error goes to a file of this name.
    pub(super) fn start(&self, mut command: impl BorrowMut<Command>, name: &str) -> Result<End> {
        End::start(command.borrow_mut(), &self.dir.join(format!("{name}.words")))
    }

    /// Sends `source` to a receiver that waits; both have to end well.
    pub(super) fn copy(&self, source: &Path, target: &Path, flags: &[&str]) -> Result<[Ended; 2]> {
        let receiver = self.start(self.listening_recv(target), "receiver")?;
        let mut send = self.send();
        send.args(flags).arg(source).arg(receiver.ticket()?);
        let sent = self.start(send, "sender")?.finish()?;
        Ok([sent.well().context("sender")?, receiver.finish()?.well().context("receiver")?])
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            eprintln!("{} is left behind: {error}", self.dir.display());
        }
    }
}

/// A process. Killed when the value goes.
pub(super) struct End {
    child: Child,
    events: Receiver<String>,
    words: PathBuf,
}

/// What somebody who listens says to the other side.
pub(super) struct Listening(Value);

impl Listening {
    pub(super) fn ticket(&self) -> Result<&str> {
        self.text("ticket")
    }

    /// As `127.0.0.1:PORT`.
    pub(super) fn address(&self) -> Result<&str> {
        self.text("addr")
    }

    pub(super) fn port(&self) -> Result<&str> {
        Ok(self.address()?.rsplit_once(':').context("an address has a port")?.1)
    }

    /// For curl: of a sender.
    pub(super) fn url(&self) -> Result<&str> {
        self.text("url")
    }

    /// What to type, for this program.
    pub(super) fn line(&self, program: &str) -> Result<&str> {
        let line = self.0["commands"][program].as_str();
        line.with_context(|| format!("no line for {program}: {}", self.0))
    }

    fn text(&self, key: &str) -> Result<&str> {
        self.0[key].as_str().with_context(|| format!("no {key}: {}", self.0))
    }
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) events: Vec<Value>,
    pub(super) words: String,
}

impl End {
    fn start(command: &mut Command, words: &Path) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(words)?)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let stdout = child.stdout.take().context("it was piped")?;
        let (sender, events) = channel();
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        Ok(Self { child, events, words: words.to_owned() })
    }

    /// Waits until it says where it listens, and for what.
    pub(super) fn listening(&self) -> Result<Listening> {
        Ok(Listening(self.event("listen")?))
    }

    /// The same, for whoever needs the ticket alone.
    pub(super) fn ticket(&self) -> Result<String> {
        Ok(self.listening()?.ticket()?.to_owned())
    }

    /// Waits for an event; those before it are lost.
    pub(super) fn event(&self, name: &str) -> Result<Value> {
        loop {
            let line = self.events.recv_timeout(TIME_MAX);
            let line = line.with_context(|| format!("no {name}; it said: {}", self.said()))?;
            let event = parse(&line)?;
            if event["event"] == name {
                return Ok(event);
            }
            ensure!(event["event"] != "error", "no {name}: {event}");
        }
    }

    /// Waits until it ends.
    pub(super) fn finish(mut self) -> Result<Ended> {
        let mut events = Vec::new();
        loop {
            match self.events.recv_timeout(TIME_MAX) {
                Ok(line) => events.push(parse(&line)?),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    bail!("it is silent, and does not end; it said: {}", self.said())
                }
            }
        }
        let code = self.child.wait()?.code();
        Ok(Ended { code, events, words: self.said() })
    }

    /// Kills it in the middle of its work.
    pub(super) fn kill(mut self) -> Result<()> {
        let status = self.child.try_wait()?;
        ensure!(status.is_none(), "it has ended already: {status:?}; it said: {}", self.said());
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// What it said to people, and the events that nobody has waited for, but for those of its progress.
    pub(super) fn said(&self) -> String {
        let words = fs::read_to_string(&self.words).unwrap_or_default();
        let events = self.events.try_iter().filter(|line| !line.contains("\"event\":\"progress\""));
        std::iter::once(words.trim_end().to_owned()).chain(events).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // What has ended already cannot be killed, and needs not to be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Insists on exit code 0.
    pub(super) fn well(self) -> Result<Self> {
        self.with(0)
    }

    /// Insists on an exit code.
    pub(super) fn with(self, code: i32) -> Result<Self> {
        ensure!(
            self.code == Some(code),
            "exit code {:?}, and not {code}; the last event is {:?}; it said: {}",
            self.code,
            self.events.last(),
            self.words
        );
        Ok(self)
    }

    /// The last event of this name.
    pub(super) fn event(&self, name: &str) -> Result<&Value> {
        let found = self.events.iter().rev().find(|event| event["event"] == name);
        found.with_context(|| format!("no {name} among {:?}", self.events))
    }

    pub(super) fn done(&self) -> Result<&Value> {
        self.event("done")
    }
}

fn parse(line: &str) -> Result<Value> {
    let event: Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
    ensure!(event["v"] == 1, "an event of no version: {line}");
    Ok(event)
}

/// What says nothing for so long hangs.
pub(super) const TIME_MAX: Duration = Duration::from_secs(180);
