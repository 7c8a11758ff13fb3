//! Small blobs into memory, many at a time over one line.

use std::collections::VecDeque;

use aqueduct_blob::{Digest, Hasher, SEGMENT_LEN};
use aqueduct_wire::native::{Ask, Code, Get, Say, TaskId};

use crate::error::{Error, ErrorKind};
use crate::native::NativeClient;
use crate::native::line::{Heard, Line};
use crate::parcels::Got;

impl NativeClient {
    /// Asks for whole blobs, and tells of each, by its place among them, what came.
    pub(crate) fn fetch_parcels(
        &self,
        digests: &[Digest],
        tell: &mut dyn FnMut(usize, Result<Got<'_>, Error>),
    ) {
        let mut batch = Batch {
            client: self,
            digests,
            todo: (0..digests.len()).collect(),
            window: WINDOW_COUNT_MIN,
            tell,
        };
        let fetched = self.site.persist(|| self.over_line(|line| batch.fetch(line)));
        if let Err(error) = fetched {
            for index in std::mem::take(&mut batch.todo) {
                (batch.tell)(index, Err(error.shared()));
            }
        }
    }
}

struct Batch<'a> {
    client: &'a NativeClient,
    digests: &'a [Digest],
    /// What nobody was told of.
    todo: VecDeque<usize>,
    /// How many to ask for at a time. It grows with every small blob, and begins anew with every large one: until the
    /// server has heard that nobody wants those, they come.
    window: usize,
    tell: &'a mut dyn FnMut(usize, Result<Got<'_>, Error>),
}

struct Flying {
    task: TaskId,
    index: usize,
    bytes: Vec<u8>,
    /// Nobody wants the rest.
    is_cancelled: bool,
}

impl Batch<'_> {
    fn fetch(&mut self, line: &mut Line) -> Result<(), Error> {
        let mut flying = VecDeque::new();
        let fetched = self.fetch_over(line, &mut flying);
        let untold = flying.into_iter().filter(|it| !it.is_cancelled).map(|it| it.index);
        self.todo.extend(untold);
        fetched
    }

    fn fetch_over(&mut self, line: &mut Line, flying: &mut VecDeque<Flying>) -> Result<(), Error> {
        loop {
            let window = self.window.min(line.task_count_max());
            while flying.len() < window
                && let Some(index) = self.todo.pop_front()
            {
                let task = line.task();
                let digest = self.digests[index];
                let get = Get { digest, ranges: Vec::new(), checkpoints: false, list_only: false };
                line.say(task, Ask::Get(get));
                flying.push_back(Flying { task, index, bytes: Vec::new(), is_cancelled: false });
            }
            if flying.is_empty() {
                return Ok(());
            }
            let heard = line.hear(self.client.site.options.answer_timeout)?;
            let place = flying.iter().position(|it| it.task == heard.task);
            let place = place.ok_or_else(|| line.nonsense("it answers what was not asked"))?;
            if self.heard(line, &mut flying[place], heard)? {
                flying.remove(place);
            }
        }
    }

    /// Takes an answer; true if it was the last one of its task.
    fn heard(&mut self, line: &mut Line, blob: &mut Flying, heard: Heard) -> Result<bool, Error> {
        match heard.say {
            Say::Data { end, .. } if blob.is_cancelled => {
                line.skip()?;
                Ok(end)
            }
            Say::Found { .. } | Say::Done | Say::Refused { .. } if blob.is_cancelled => {
                Ok(!matches!(heard.say, Say::Found { .. }))
            }
            Say::Found { size, .. } | Say::Data { size, .. } if size > SEGMENT_LEN => {
                line.say(blob.task, Ask::Cancel);
                line.skip()?;
                self.window = WINDOW_COUNT_MIN;
                blob.is_cancelled = true;
                (self.tell)(blob.index, Ok(Got::Large));
                Ok(false)
            }
            Say::Found { .. } => Ok(false),
            Say::Data { offset, size, end } => {
                let held = blob.bytes.len() as u64;
                let is_too_much = size.checked_sub(held).is_none_or(|left| heard.payload_len > left);
                if offset != held || is_too_much || (!end && heard.payload_len == 0) {
                    return Err(line.nonsense("it sends other bytes than were asked for"));
                }
                line.read_all(&mut blob.bytes)?;
                if end {
                    self.arrived(line, blob, size)?;
                }
                Ok(end)
            }
            Say::Refused { code: Code::Absent, .. } => {
                (self.tell)(blob.index, Ok(Got::Absent));
                Ok(true)
            }
            other => {
                let error = self.client.failure(&other);
                if error.is_retryable() || error.kind() == ErrorKind::Protocol {
                    return Err(error);
                }
                (self.tell)(blob.index, Err(error));
                Ok(true)
            }
        }
    }

    fn arrived(&mut self, line: &Line, blob: &Flying, size: u64) -> Result<(), Error> {
        if (blob.bytes.len() as u64) < size {
            return Err(line.nonsense("it sends fewer bytes than were asked for"));
        }
        let digest = &self.digests[blob.index];
        let mut hasher = Hasher::new(digest.algorithm());
        hasher.update(&blob.bytes);
        let is_right = hasher.finish().digest == *digest;
        // What was damaged on its way is worth the care that is taken of a large one.
        (self.tell)(blob.index, Ok(if is_right { Got::Blob(&blob.bytes) } else { Got::Large }));
        self.window = (self.window * 2).min(WINDOW_COUNT_MAX);
        Ok(())
    }
}

/// Large blobs that may come in vain at a time.
const WINDOW_COUNT_MIN: usize = 4;

/// Blobs without an answer: a long line stays busy.
const WINDOW_COUNT_MAX: usize = 256;
