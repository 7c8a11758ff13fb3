//! What strace(1) saw a process put into its sockets.

use std::collections::{BTreeMap, HashMap};

/// How many bytes each system call put into TCP sockets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) by_call: BTreeMap<String, u64>,
}

impl Sent {
    /// Reads the output of `strace --follow-forks -yy`, in which a call that another thread interrupts is in two lines.
    pub(super) fn parse(trace: &str) -> Self {
        let mut sent = Self::default();
        let mut begun: HashMap<&str, &str> = HashMap::new();
        for line in trace.lines() {
            let Some((thread, event)) = line.split_once(char::is_whitespace) else { continue };
            let event = event.trim_start();
            if let Some(call) = event.strip_suffix("<unfinished ...>") {
                begun.insert(thread, call);
            } else if let Some(rest) = event.strip_prefix("<... ") {
                let call = begun.remove(thread).unwrap_or_default();
                let end = rest.split_once(" resumed>").map_or(rest, |(_, end)| end);
                sent.add(call, end);
            } else {
                sent.add(event, event);
            }
        }
        sent
    }

    /// What a call sent.
    pub(super) fn by(&self, call: &str) -> u64 {
        self.by_call.get(call).copied().unwrap_or(0)
    }

    /// What all others sent.
    pub(super) fn by_all_but(&self, call: &str) -> u64 {
        self.by_call.iter().filter(|(name, _)| *name != call).map(|(_, len)| len).sum()
    }

    /// Adds what a call moved, if the first of its arguments, or a later one of splice, is a TCP socket.
    fn add(&mut self, call: &str, end: &str) {
        let Some((name, arguments)) = call.split_once('(') else { return };
        let mut descriptors = arguments.split(", ");
        let target = match name {
            "splice" => descriptors.nth(2),
            "tee" => descriptors.nth(1),
            _ => descriptors.next(),
        };
        let is_socket = target.is_some_and(|target| target.contains("<TCP"));
        let is_received = name.starts_with("recv") || name.starts_with("read") || name.starts_with("pread");
        if let (true, false, Some(len)) = (is_socket, is_received, parse_moved(end)) {
            *self.by_call.entry(name.to_owned()).or_default() += len;
        }
    }
}

/// Reads the number behind the last ` = `. A call that failed moved nothing.
fn parse_moved(end: &str) -> Option<u64> {
    let (_, value) = end.rsplit_once(" = ")?;
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests;
