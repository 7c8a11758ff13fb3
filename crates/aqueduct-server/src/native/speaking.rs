//! What a peer is told: what is short at once and together, and between that one frame of each blob in turn, so that no large
//! task keeps a small one waiting.

use std::sync::Arc;
use std::time::Instant;

use aqueduct_flow::{Carried, SendQueue};
use tokio::net::TcpStream;

use super::outbox::Batch;
use super::refusal::refused;
use super::sending::{Sending, Turn};
use super::{Job, Talk};
use crate::asked::{Door, Verdict};
use crate::close::Close;
use crate::connection::let_go;
use crate::look_again::look_again;
use crate::metrics::METRICS;
use crate::reply::{drive, log_sent, warm};
use crate::server::Shared;
use crate::work;

/// Says what there is to say, until nobody listens any more.
pub(super) async fn speak(stream: &TcpStream, shared: &Shared, talk: &Arc<Talk>) -> Close {
    loop {
        let Some(batch) = talk.outbox.next().await else { return Close::Bug };
        if let Err(close) = say(stream, shared, talk, batch).await {
            return close;
        }
        // However much one peer asks at once, others get their turn.
        tokio::task::yield_now().await;
    }
}

async fn say(stream: &TcpStream, shared: &Shared, talk: &Arc<Talk>, batch: Batch) -> Result<(), Close> {
    let Batch { mut said, mut ended, sending } = batch;
    let mut part = None;
    let sending = match sending {
        None => None,
        Some(mut sending) => match sending.turn(said.end()) {
            Turn::Said => Some(sending),
            Turn::Part(range) => {
                part = Some(range);
                Some(sending)
            }
            Turn::Cold(extent, window) => {
                let (job, began) = (Job(Arc::clone(talk)), Instant::now());
                shared.cold_readers.leave(move || {
                    let warmed = warm(&extent, window);
                    METRICS.cold_wait(began.elapsed());
                    match warmed {
                        Ok(()) => job.0.outbox.send(sending),
                        Err(error) => job.0.end(sending.task, refused(&work::fault("read a blob", &error))),
                    }
                });
                None
            }
        },
    };
    let part_len = part.as_ref().map_or(0, |part| part.end - part.start);
    let mut queue = SendQueue::to_socket(shared.options.send_route_for(part_len));
    said.push_to(&mut queue);
    if let (Some(sending), Some(part)) = (&sending, part) {
        sending.push(part, &mut queue);
    }
    let driven = drive(stream, shared, queue).await;
    let found = sending.as_ref().map(Sending::found);
    let carried = driven.inspect_err(|close| look_again(shared, close, found))?;
    if let Some(mut sending) = sending {
        sending.carried += carried;
        METRICS.sent(Door::Native, &carried, &mut Carried::default());
        if sending.is_over() {
            log_sent(&sending.carried);
            talk.accounts.ended(sending.task, Verdict::Ok, sending.carried.total());
            ended.push(sending.task);
            let_go(shared, Some(sending.into_found()));
        } else {
            talk.outbox.send(sending);
        }
    }
    talk.left(&ended);
    Ok(())
}
