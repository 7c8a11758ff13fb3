//! What whoever listens prints: all that somebody at the other machine has to know.

use std::num::NonZeroU32;

use aqueduct_transfer::{Host, Ticket};
use serde_json::{Value, json};

use crate::text::{shell_word, size};

/// What a side says to the other, as far as the flags tell.
#[derive(Clone, Debug)]
pub(crate) enum Invitation {
    /// It sends.
    ToReceive {
        /// A directory, or several things: what curl fetches is a tar.
        is_tree: bool,
        /// Standard input, which nobody goes on with.
        is_stream: bool,
        /// How many things are named beside the first.
        other_count: usize,
        /// What the other side has to say for the same to be preserved.
        preserve: Option<String>,
        count: Option<NonZeroU32>,
    },
    /// It receives, into this place, which may keep nothing of what breaks off.
    ToSend { place: String, is_stream: bool, count: Option<NonZeroU32> },
}

/// Where it listens, and for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listening<'a> {
    pub(super) ticket: &'a Ticket,
    pub(super) raw: bool,
    pub(super) name: &'a str,
    pub(super) size: Option<u64>,
    /// What may be asked for over HTTP.
    pub(super) path: Option<&'a str>,
}

/// A line to type, and what to know of it.
struct Command {
    program: &'static str,
    line: String,
    remark: &'static str,
}

impl Invitation {
    /// For people.
    pub(super) fn text(&self, listening: &Listening<'_>) -> String {
        let (host, port) = (host(listening.ticket), listening.ticket.port);
        let mut text = match self {
            Self::ToReceive { count, other_count, .. } => {
                let size = listening.size.map(|bytes| format!(" ({})", size(bytes))).unwrap_or_default();
                let others = match other_count {
                    0 => String::new(),
                    count => format!(" and {count} more"),
                };
                let what = format!("{}{others}{size}", listening.name);
                format!("sending {what} {}, from {host} port {port}", so_often(*count))
            }
            Self::ToSend { place, count, .. } => {
                format!("receiving into {place} {}, on {host} port {port}", so_often(*count))
            }
        };
        let commands = self.all(listening);
        text.push_str(match commands.len() {
            1 => "\n\nOn the other machine, type:\n\n",
            _ => "\n\nOn the other machine, type one of:\n\n",
        });
        for Command { line, remark, .. } in commands {
            text.push_str(&format!("  {line}\n      {remark}\n"));
        }
        text.push_str("\nNothing is encrypted: somebody on the path could read it. ");
        text.push_str(match self {
            Self::ToReceive { is_stream: true, .. } | Self::ToSend { is_stream: true, .. } => {
                "Ctrl-C ends it, and nothing of it is kept.\n"
            }
            _ => "Ctrl-C ends it; what came is kept, and the same again goes on.\n",
        });
        text
    }

    /// For those who want to be told nothing else.
    pub(super) fn line(&self, listening: &Listening<'_>) -> String {
        self.native(listening).line
    }

    /// For scripts: what to type, by program.
    pub(super) fn commands(&self, listening: &Listening<'_>) -> Value {
        self.all(listening)
            .into_iter()
            .map(|command| (command.program.to_owned(), json!(command.line)))
            .collect()
    }

    /// Where one file, or a tar, may be fetched.
    pub(super) fn url(&self, listening: &Listening<'_>) -> Option<String> {
        let Listening { ticket, path, .. } = listening;
        path.map(|path| format!("http://{}:{}{path}", in_url(ticket), ticket.port))
    }

    fn all(&self, listening: &Listening<'_>) -> Vec<Command> {
        let mut commands = vec![self.native(listening)];
        commands.extend(self.curl(listening));
        commands.extend(listening.raw.then(|| self.nc(listening)));
        commands
    }

    fn native(&self, listening: &Listening<'_>) -> Command {
        let ticket = listening.ticket;
        match self {
            Self::ToReceive { preserve, is_stream, .. } => {
                let preserve =
                    preserve.as_ref().map(|list| format!(" --preserve {list}")).unwrap_or_default();
                Command {
                    program: "aqueduct",
                    line: format!("aqueduct recv{preserve} {ticket}"),
                    remark: if *is_stream { "verified" } else { "verified; goes on by itself where it was" },
                }
            }
            Self::ToSend { is_stream, .. } => Command {
                program: "aqueduct",
                line: format!("aqueduct send PATH {ticket}"),
                remark: if *is_stream {
                    "PATH is a file there; verified"
                } else {
                    "PATH is a file or a directory there; verified; goes on by itself where it was"
                },
            },
        }
    }

    fn curl(&self, listening: &Listening<'_>) -> Option<Command> {
        let Self::ToReceive { is_tree, .. } = self else { return None };
        let url = shell_word(&self.url(listening)?);
        let (line, remark) = match is_tree {
            true => (format!("curl -f {url} | tar x"), "without Aqueduct there; nothing verifies it"),
            // What curl makes of the last word of a URL is no name then; the sender says it.
            false if url.contains('%') => {
                (format!("curl -fOJ {url}"), "without Aqueduct there; nothing verifies it")
            }
            false => (
                format!("curl -fO {url}"),
                "without Aqueduct there; nothing verifies it; with -C - it goes on",
            ),
        };
        Some(Command { program: "curl", line, remark })
    }

    fn nc(&self, listening: &Listening<'_>) -> Command {
        let (host, port) = (host(listening.ticket), listening.ticket.port);
        let (line, remark) = match self {
            Self::ToReceive { is_tree: true, .. } => {
                (format!("nc {host} {port} | tar x"), "bare bytes: nothing is proven, nothing verified")
            }
            Self::ToReceive { .. } => {
                let file = match listening.name {
                    "" | "stdin" => "FILE".to_owned(),
                    name => shell_word(name.rsplit('/').next().unwrap_or(name)),
                };
                (format!("nc {host} {port} > {file}"), "bare bytes: nothing is proven, nothing verified")
            }
            Self::ToSend { .. } => (
                format!("nc -N {host} {port} < FILE"),
                "bare bytes: nothing is proven, nothing verified; some need -q 0 for -N",
            ),
        };
        Command { program: "nc", line, remark }
    }
}

fn so_often(count: Option<NonZeroU32>) -> String {
    match count.map(NonZeroU32::get) {
        Some(1) => "once".to_owned(),
        Some(count) => format!("{count} times"),
        None => "to whoever comes".to_owned(),
    }
}

/// The first that the ticket says.
fn host(ticket: &Ticket) -> String {
    ticket.hosts.first().map(Host::to_string).unwrap_or_default()
}

fn in_url(ticket: &Ticket) -> String {
    match host(ticket) {
        host if host.contains(':') => format!("[{host}]"),
        host => host,
    }
}

#[cfg(test)]
mod tests;
