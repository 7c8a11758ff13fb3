//! Bytes on their way to a peer, in order.

use std::mem;
use std::sync::Arc;

use aqueduct_flow::SendQueue;
use aqueduct_wire::native::Answer;

/// What was said, and the blobs in between: those are not copied, since others may hold them, too.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Pieces that were said, and the blob behind each.
    before: Vec<(Vec<u8>, Arc<[u8]>)>,
    /// What was said after the last blob.
    last: Vec<u8>,
    /// The sum over `before`.
    before_len: usize,
}

impl Said {
    /// Where to write what is said next.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.last
    }

    /// Says something, and the bytes of a blob that belong to it.
    pub(super) fn say(&mut self, answer: &Answer, blob: Arc<[u8]>) {
        answer.write(blob.len() as u64, &mut self.last);
        if blob.len() <= COPIED_LEN_MAX {
            return self.last.extend_from_slice(&blob);
        }
        let head = mem::take(&mut self.last);
        self.before_len += head.len() + blob.len();
        self.before.push((head, blob));
    }

    /// How many bytes that is.
    pub(super) fn len(&self) -> usize {
        self.before_len + self.last.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends all of it to what is sent.
    pub(super) fn push_to(self, queue: &mut SendQueue) {
        for (head, blob) in self.before {
            queue.push_memory(head);
            let whole = 0..blob.len();
            queue.push_shared(blob, whole);
        }
        queue.push_memory(self.last);
    }
}

/// So few bytes are copied sooner than they are kept track of.
const COPIED_LEN_MAX: usize = 512;

#[cfg(test)]
mod tests;
