//! Replies that are in memory whole: to those who ask for all of a small blob, as most do. What is the same every time is made
//! once, and the replies to requests that came together leave together.

use std::sync::Arc;

use aqueduct_flow::SendQueue;
use aqueduct_wire::http1::{Framing, Ranges, Version};

use crate::asked::{Together, Who};
use crate::door::{Condition, EntryIntent, EntryOutcome, Intent, Outcome, Read, Request};
use crate::entries::KeptEntry;
use crate::inbox::Inbox;
use crate::request::{Heard, look_at_head};
use crate::server::Shared;
use crate::{coding, reply};

/// What came of a look for what is in memory.
pub(crate) enum Prompt {
    /// The replies to the request, and to those that came behind it, up to the first that takes more than this; that one is
    /// still in the inbox. Nothing was sent yet.
    Replies(SendQueue, Together),
    /// It takes more than this.
    No(Heard),
}

pub(crate) fn answer(inbox: &mut Inbox, who: &mut Who, shared: &Shared, request: Heard) -> Prompt {
    let mut queue = SendQueue::to_socket(shared.options.send_route);
    let Heard::Request(first) = &request else { return Prompt::No(request) };
    let mut together = Together::new(first.kind());
    if !push(&mut queue, &mut together, who, shared, &request) {
        return Prompt::No(request);
    }
    let mut count = 1;
    while count < REPLY_COUNT_MAX
        && queue.remaining() < REPLIES_LEN
        && let Some((next, head_len)) = look_at_head(inbox, shared)
        && push(&mut queue, &mut together, who, shared, &next)
    {
        inbox.take(head_len);
        count += 1;
    }
    Prompt::Replies(queue, together)
}

/// Appends the reply to a request, unless that takes more than to look into the cache.
fn push(
    queue: &mut SendQueue,
    together: &mut Together,
    who: &mut Who,
    shared: &Shared,
    heard: &Heard,
) -> bool {
    let Heard::Request(request) = heard else { return false };
    let Request {
        intent: Ok(intent),
        door: _,
        head_only: false,
        framing: Framing::None | Framing::Length(0),
        version: Version::Http11,
        keep_alive: true,
        expects_continue: _,
    } = request
    else {
        return false;
    };
    let (digest, kept, fields) = match intent {
        Intent::Read(Read { digest, door: _, condition: Condition::Holds, ranges: None, accepts_zstd }) => {
            let Some(kept) = shared.cache.kept(digest) else { return false };
            // It is for a worker to code it.
            if *accepts_zstd && coding::is_worth_it(kept.bytes().len() as u64) {
                return false;
            }
            (*digest, kept, None)
        }
        Intent::Entry(EntryIntent::Find(key)) => {
            let Some(KeptEntry { value, kept: Some(kept), fields, .. }) = shared.entries.find(key) else {
                return false;
            };
            (value, kept, Some(fields))
        }
        _ => return false,
    };
    // They are counted as one.
    if request.kind() != together.kind() {
        return false;
    }
    let size = kept.bytes().len();
    let head = kept.head(|| {
        let size = size as u64;
        let outcome = match fields {
            None => Outcome::Blob { digest, size, ranges: Ranges::Whole },
            Some(fields) => {
                Outcome::Entry(EntryOutcome::Found { fields: fields.to_vec(), value: digest, size })
            }
        };
        shared.voice().answer(&outcome).head.unfinished()
    });
    let date = reply::date_and_end();
    let date_len = date.len();
    queue.push_shared(Arc::clone(head), 0..head.len());
    queue.push_shared(date, 0..date_len);
    queue.push_shared(Arc::clone(kept.bytes()), 0..size);
    together.add(who, digest, size as u64);
    true
}

/// Each takes three pieces, of which one write has more.
const REPLY_COUNT_MAX: usize = 21;

/// What is in line for a peer that does not read is kept, and may be out of the cache by then.
const REPLIES_LEN: u64 = 64 << 10;

#[cfg(test)]
mod tests;
