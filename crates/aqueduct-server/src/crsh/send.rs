//! Values on their way out, as other replies leave: the reactor sends what is in memory, and workers send what is not.

use std::os::fd::AsFd;
use std::time::Instant;

use aqueduct_flow::{Carried, SendQueue, Step};
use aqueduct_sys::Readiness;
use aqueduct_wire::crsh::Reply;
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::asked::Door;
use crate::close::Close;
use crate::deadline::{Expired, Pace};
use crate::find::Found;
use crate::metrics::METRICS;
use crate::reply::{Looked, failed, send_cold, warm_len};
use crate::server::Shared;

use super::call::{Call, is_ready};

/// A value, with what is said before it.
pub(super) fn queue(shared: &Shared, found: &Found) -> SendQueue {
    let size = found.size();
    let mut head = Vec::new();
    Reply::Value { size }.write(&mut head);
    let mut queue = SendQueue::to_socket(shared.options.send_route_for(size));
    queue.push_memory(head);
    match found {
        Found::Bytes(bytes) => {
            METRICS.sent_from_memory(Door::BuildCache, size);
            queue.push_shared(bytes.clone(), 0..bytes.len());
        }
        Found::Open(blob) => queue.push_extent(blob.extent(0..size)),
    }
    queue
}

/// Sends a queue, all of whose extents are of one file of `size` bytes, to its end. Says what carried it.
pub(super) async fn send(
    mut call: Call,
    shared: &Shared,
    mut queue: SendQueue,
    size: u64,
) -> Result<(Call, Carried), Close> {
    let mut pace = shared.options.send_pace();
    let mut looked = Looked::default();
    let mut told = Carried::default();
    while !queue.is_empty() {
        let step = match warm_len(&queue, &mut looked, size) {
            Some(len_max) => queue.step(call.stream.as_fd(), len_max),
            None => {
                let turn = move || {
                    let step = send_cold(&call.stream, &mut queue);
                    (call, queue, step)
                };
                let began = Instant::now();
                let step;
                (call, queue, step) = shared.cold_readers.run(turn).await?;
                METRICS.cold_wait(began.elapsed());
                step
            }
        };
        METRICS.sent(Door::BuildCache, queue.carried(), &mut told);
        match step.map_err(failed)? {
            Step::End => break,
            Step::Moved(moved) => pace.moved(moved as u64),
            Step::Blocked(_) => wait_for_room(&call.stream, &mut pace).await?,
        }
        if !queue.is_empty() {
            // A large value shall never delay a small one.
            tokio::task::yield_now().await;
        }
    }
    Ok((call, *queue.carried()))
}

async fn wait_for_room(stream: &UnixStream, pace: &mut Pace) -> Result<(), Close> {
    let look = || is_ready(stream, Readiness::Writable);
    let waited = pace.wait(stream.async_io(Interest::WRITABLE, look)).await;
    waited.map_err(|Expired| Close::Deadline("taking a value"))?.map_err(Close::PeerGone)
}
