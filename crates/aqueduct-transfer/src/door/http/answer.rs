//! Answers that are in memory, and what stands in the head of every answer.

use std::fmt;
use std::time::SystemTime;

use aqueduct_flow::{SendQueue, SendRoute};
use aqueduct_wire::http1::{HeadWriter, Version};
use http::{Method, StatusCode};

use super::super::peer::Peer;
use super::asked::Asked;
use crate::Error;

/// A head, and a text behind it.
#[derive(Debug)]
pub(super) struct Answer {
    head: HeadWriter,
    text: Vec<u8>,
}

impl Answer {
    /// An answer that is a text of the type that `head` says.
    pub(super) fn new(head: HeadWriter, text: Vec<u8>) -> Self {
        Self { head: head.field("Content-Length", text.len()), text }
    }

    /// A sentence about what is wrong.
    pub(super) fn refusal(status: StatusCode, why: &str) -> Self {
        let head = head(status).field("Content-Type", "text/plain; charset=utf-8");
        Self::new(head, format!("{why}\n").into_bytes())
    }

    pub(super) fn field(self, name: &'static str, value: impl fmt::Display) -> Self {
        Self { head: self.head.field(name, value), text: self.text }
    }

    /// Sends it; `asked` is `None` if nobody knows what was.
    pub(super) fn send(self, peer: &mut Peer<'_>, asked: Option<&Asked>) -> Result<(), Error> {
        let mut bytes = end_head(self.head, asked);
        if asked.is_none_or(|asked| asked.method != Method::HEAD) {
            bytes.extend(self.text);
        }
        let mut queue = SendQueue::to_socket(SendRoute::Copy);
        queue.push_memory(bytes);
        peer.send(&mut queue, false)
    }
}

/// The head of every answer begins so. What is here is for one receiver, is a stranger's as far as a browser is concerned, and
/// its path is a secret.
pub(super) fn head(status: StatusCode) -> HeadWriter {
    HeadWriter::response(status)
        .field("Date", httpdate::fmt_http_date(SystemTime::now()))
        .field("Cache-Control", "no-store")
        .field("Referrer-Policy", "no-referrer")
        .field("X-Content-Type-Options", "nosniff")
}

/// And it ends with what becomes of the connection, where that is not what the version says (RFC 9112 section 9.3).
pub(super) fn end_head(head: HeadWriter, asked: Option<&Asked>) -> Vec<u8> {
    match asked {
        Some(Asked { keeps_alive: true, version: Version::Http11, .. }) => head,
        Some(Asked { keeps_alive: true, .. }) => head.field("Connection", "keep-alive"),
        _ => head.field("Connection", "close"),
    }
    .finish()
}
