//! What strace(1) saw a process put into its sockets, and take from them.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// A command that runs `program` and writes down which calls put bytes into sockets, or take them from there.
pub(in crate::e2e) fn strace(program: &Path, trace: &Path) -> Command {
    let mut strace = Command::new("strace");
    // --daemonize: the tracer is the grandchild, and the child is the program, which is who gets the signals.
    strace.args([
        "--daemonize",
        "--follow-forks",
        "-yy",
        "--signal=none",
        "--string-limit=16",
        CALLS,
        "--output",
    ]);
    strace.arg(trace).arg(program);
    strace
}

/// Where in its trace a program is that has started: what it tried on its way there is no transfer.
pub(in crate::e2e) struct Started(usize);

impl Started {
    pub(in crate::e2e) fn of(trace: &Path) -> Result<Self> {
        let len = fs::metadata(trace).context("strace")?.len();
        Ok(Self(usize::try_from(len)?))
    }

    /// What was seen since then.
    pub(in crate::e2e) fn read(&self, trace: &Path) -> Result<String> {
        let mut text = fs::read_to_string(trace).context("strace")?;
        Ok(text.split_off(self.0))
    }
}

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::e2e) enum Way {
    IntoSockets,
    OutOfSockets,
}

/// How many bytes each system call moved one way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::e2e) struct Moved {
    by_call: BTreeMap<String, u64>,
}

impl Moved {
    /// Reads the output of `strace --follow-forks -yy`, in which a call that another thread interrupts is in two lines.
    pub(in crate::e2e) fn parse(trace: &str, way: Way) -> Self {
        let mut moved = Self::default();
        let mut begun: HashMap<&str, &str> = HashMap::new();
        for line in trace.lines() {
            let Some((thread, event)) = line.split_once(char::is_whitespace) else { continue };
            let event = event.trim_start();
            if let Some(call) = event.strip_suffix("<unfinished ...>") {
                begun.insert(thread, call);
            } else if let Some(rest) = event.strip_prefix("<... ") {
                let call = begun.remove(thread).unwrap_or_default();
                let end = rest.split_once(" resumed>").map_or(rest, |(_, end)| end);
                moved.add(call, end, way);
            } else {
                moved.add(event, event, way);
            }
        }
        moved
    }

    /// What a call moved.
    pub(in crate::e2e) fn by(&self, call: &str) -> u64 {
        self.by_call.get(call).copied().unwrap_or(0)
    }

    /// What all others moved.
    pub(in crate::e2e) fn by_all_but(&self, call: &str) -> u64 {
        self.by_call.iter().filter(|(name, _)| *name != call).map(|(_, len)| len).sum()
    }

    /// Adds what a call moved, if the argument that counts is a TCP socket.
    fn add(&mut self, call: &str, end: &str, way: Way) {
        let Some((name, arguments)) = call.split_once('(') else { return };
        let Some(place) = place_of_socket(name, way) else { return };
        let is_socket = arguments.split(", ").nth(place).is_some_and(|socket| socket.contains("<TCP"));
        if let (true, false, Some(len)) = (is_socket, is_look(end), parse_moved(end)) {
            *self.by_call.entry(name.to_owned()).or_default() += len;
        }
    }
}

/// Which argument a socket is, if the call can move bytes this way.
fn place_of_socket(name: &str, way: Way) -> Option<usize> {
    let is_reading = name.starts_with("recv") || name.starts_with("read") || name.starts_with("pread");
    match (way, name) {
        (Way::IntoSockets, "splice") => Some(2),
        (Way::IntoSockets, "tee") => Some(1),
        (Way::IntoSockets, _) => (!is_reading).then_some(0),
        (Way::OutOfSockets, "splice" | "tee") => Some(0),
        (Way::OutOfSockets, "sendfile") => Some(1),
        (Way::OutOfSockets, _) => is_reading.then_some(0),
    }
}

/// Whether the bytes are still there after the call: recv(2), `MSG_PEEK`. Its flags stand behind them.
fn is_look(end: &str) -> bool {
    end.rsplit_once('"').is_some_and(|(_, flags)| flags.contains("MSG_PEEK"))
}

/// Reads the number behind the last ` = `. A call that failed moved nothing.
fn parse_moved(end: &str) -> Option<u64> {
    let (_, value) = end.rsplit_once(" = ")?;
    value.split_whitespace().next()?.parse().ok()
}

/// Every call that can put bytes into a socket, or take them from there. A ring would show as `io_uring_enter`.
const CALLS: &str = "--trace=write,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg,sendfile,splice,tee,vmsplice,\
                     copy_file_range,read,readv,preadv,preadv2,recvfrom,recvmsg,recvmmsg,io_uring_enter";

#[cfg(test)]
mod tests;
