//! Small blobs from memory, many at a time over one line.

use std::collections::VecDeque;

use aqueduct_flow::Carried;
use aqueduct_wire::native::{Ask, Put, TaskId};

use super::AGAIN_COUNT_MAX;
use crate::error::{Error, ErrorKind};
use crate::native::NativeClient;
use crate::native::line::Line;
use crate::parcels::Parcel;
use crate::patience::Patience;
use crate::uploaded::Uploaded;

impl NativeClient {
    /// Sends blobs that are whole in memory, and tells of each, by its place among them, what became of it.
    pub(crate) fn send_parcels(
        &self,
        parcels: &[Parcel],
        tell: &mut dyn FnMut(usize, Result<Uploaded, Error>),
    ) {
        let mut batch = Batch { client: self, parcels, todo: (0..parcels.len()).collect(), again: 0, tell };
        let sent = self.persist(|line, patience| batch.send(line, patience));
        if let Err(error) = sent {
            for index in std::mem::take(&mut batch.todo) {
                (batch.tell)(index, Err(error.shared()));
            }
        }
    }
}

struct Batch<'a> {
    client: &'a NativeClient,
    parcels: &'a [Parcel],
    /// What nobody was told of.
    todo: VecDeque<usize>,
    /// How many arrived damaged.
    again: u32,
    tell: &'a mut dyn FnMut(usize, Result<Uploaded, Error>),
}

impl Batch<'_> {
    /// Sends all there are. What has no answer when a line breaks is sent over the next one.
    fn send(&mut self, line: &mut Line, patience: &mut Patience) -> Result<(), Error> {
        let mut flying: VecDeque<(TaskId, usize)> = VecDeque::new();
        let sent = self.send_over(line, patience, &mut flying);
        self.todo.extend(flying.into_iter().map(|(_, index)| index));
        sent
    }

    fn send_over(
        &mut self,
        line: &mut Line,
        patience: &mut Patience,
        flying: &mut VecDeque<(TaskId, usize)>,
    ) -> Result<(), Error> {
        loop {
            let window = WINDOW_COUNT.min(line.task_count_max());
            while flying.len() < window
                && line.unsent() < UNSENT_LEN_MAX
                && let Some(index) = self.todo.pop_front()
            {
                let task = line.task();
                flying.push_back((task, index));
                let Parcel { digest, bytes } = &self.parcels[index];
                let size = Some(bytes.len() as u64);
                let put = Put { algorithm: digest.algorithm(), digest: Some(*digest), size, upload: None };
                line.say_with(task, Ask::Put(put), bytes);
            }
            if flying.is_empty() {
                return Ok(());
            }
            // As long as there is more to send, an answer is nothing to wait for.
            let can_send = flying.len() < window && !self.todo.is_empty();
            let heard = if can_send {
                line.send_down_to(UNSENT_LEN_MAX / 2)?
            } else {
                Some(line.hear(self.client.site.answer_wait(0))?)
            };
            let Some(heard) = heard else { continue };
            let place = flying.iter().position(|(task, _)| *task == heard.task);
            let Some((_, index)) = place.and_then(|place| flying.remove(place)) else {
                return Err(line.nonsense("it answers what was not asked"));
            };
            let Parcel { digest, bytes } = &self.parcels[index];
            let size = bytes.len() as u64;
            match self.client.stored(&heard.say, digest) {
                Ok(is_new) => {
                    patience.refresh();
                    let carried = Carried::default();
                    (self.tell)(index, Ok(Uploaded { digest: *digest, size, is_new, sent: size, carried }));
                }
                Err(error) if error.is_retryable() => {
                    flying.push_back((heard.task, index));
                    return Err(error);
                }
                Err(error) if error.kind() == ErrorKind::Mismatch && self.again < AGAIN_COUNT_MAX => {
                    self.again += 1;
                    self.todo.push_back(index);
                }
                Err(error) => (self.tell)(index, Err(error)),
            }
        }
    }
}

/// Blobs without an answer: a long line stays busy, and a server takes a few more tasks.
const WINDOW_COUNT: usize = 512;

/// What waits to leave in a few writes.
const UNSENT_LEN_MAX: u64 = 256 << 10;
