//! What the receiver says meanwhile.

use aqueduct_wire::transfer::Word;

use super::Attempt;
use super::queue::Done;
use crate::line::Line;
use crate::{Error, ErrorKind};

impl Attempt<'_> {
    /// Hears the receiver, up to its last word.
    pub(super) fn hear(&self, line: &Line) -> Result<(), Error> {
        loop {
            let heard = match line.wait_to_hear().and_then(|()| line.hear()) {
                Err(_) if self.queue.is_over() => return Ok(()),
                heard => heard?,
            };
            if heard.payload_len > 0 {
                return Err(line.nonsense("a receiver sends no bytes"));
            }
            match heard.word {
                Word::Verified { len } => self.sender.gauge.add_verified(len),
                Word::Held(held) => self.queue.answer(held),
                Word::Skip { entry } => self.queue.skip(entry),
                Word::Again { entry, segments } => {
                    self.queue.again(entry, &segments).ok_or_else(|| {
                        let what = "the receiver finds the same bytes wrong again and again; \
                                    check the memory of both hosts and what is between them";
                        Error::new(ErrorKind::Mismatch, what)
                    })?;
                }
                Word::Done { failed_count, is_synced, digest, .. } => {
                    self.queue.end(Ok(Done { failed_count, is_synced, digest }));
                    return Ok(());
                }
                Word::Failed { failure, why } => return Err(Error::of_peer(failure, &why)),
                _ => return Err(line.nonsense("a receiver does not say that")),
            }
        }
    }
}
