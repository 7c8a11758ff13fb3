//! Small blobs into memory, many at a time over one line.

use std::collections::VecDeque;

use aqueduct_blob::{Digest, Hasher, SEGMENT_LEN};
use aqueduct_wire::native::{Ask, Code, Get, Say, TaskId};

use crate::error::{Error, ErrorKind};
use crate::native::NativeClient;
use crate::native::line::{Heard, Line};
use crate::parcels::Got;
use crate::patience::Patience;

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
        let fetched = self.persist(|line, patience| batch.fetch(line, patience));
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
    /// How many to ask for at a time. It grows with every small blob, as far as such blobs have room in memory, and begins
    /// anew with every one that nobody has room for: until the server has heard that, it comes.
    window: usize,
    tell: &'a mut dyn FnMut(usize, Result<Got<'_>, Error>),
}

struct Flying {
    task: TaskId,
    index: usize,
    /// Its size, once the server has begun to answer: as much memory is set aside for it.
    size: Option<u64>,
    bytes: Vec<u8>,
    /// How much came after nobody wanted the rest any more.
    skipped: Option<u64>,
}

impl Batch<'_> {
    fn fetch(&mut self, line: &mut Line, patience: &mut Patience) -> Result<(), Error> {
        let mut flying = VecDeque::new();
        let fetched = self.fetch_over(line, patience, &mut flying);
        let untold = flying.into_iter().filter(|it| it.skipped.is_none()).map(|it| it.index);
        self.todo.extend(untold);
        fetched
    }

    fn fetch_over(
        &mut self,
        line: &mut Line,
        patience: &mut Patience,
        flying: &mut VecDeque<Flying>,
    ) -> Result<(), Error> {
        loop {
            let window = self.window.min(line.task_count_max());
            while flying.len() < window
                && let Some(index) = self.todo.pop_front()
            {
                let task = line.task();
                let digest = self.digests[index];
                let get = Get { digest, ranges: Vec::new(), checkpoints: false, list_only: false };
                line.say(task, Ask::Get(get));
                flying.push_back(Flying { task, index, size: None, bytes: Vec::new(), skipped: None });
            }
            if flying.is_empty() {
                return Ok(());
            }
            let has_come = flying.iter().any(|it| it.size.is_some());
            let heard = line.hear(self.client.frame_wait(has_come))?;
            let place = flying.iter().position(|it| it.task == heard.task);
            let place = place.ok_or_else(|| line.nonsense("it answers what was not asked"))?;
            let held = flying.iter().filter(|it| it.skipped.is_none()).filter_map(|it| it.size);
            let room = HELD_LEN_MAX - held.sum::<u64>();
            if self.heard(line, &mut flying[place], heard, room)? {
                flying.remove(place);
                patience.refresh();
            }
        }
    }

    /// Takes an answer, for which there is `room` in memory; true if it was the last one of its task.
    fn heard(&mut self, line: &mut Line, blob: &mut Flying, heard: Heard, room: u64) -> Result<bool, Error> {
        if let Some(skipped) = &mut blob.skipped {
            return skip(line, skipped, &heard);
        }
        let had_come = blob.size.is_some();
        if let Say::Found { size, .. } | Say::Data { size, .. } = heard.say {
            // What is whole in one frame is given away as soon as it has come.
            let is_held = !matches!(heard.say, Say::Data { end: true, .. });
            if !had_come && (size > SEGMENT_LEN || is_held && size > room) {
                return self.turn_away(line, blob, &heard, size);
            }
            if *blob.size.get_or_insert(size) != size {
                return Err(line.nonsense("the blob's size is not what it was"));
            }
        }
        match heard.say {
            Say::Found { .. } if had_come => Err(line.nonsense("it has found the same blob before")),
            Say::Found { .. } => Ok(false),
            Say::Data { offset, size, end } => {
                let held = blob.bytes.len() as u64;
                let is_too_much = size.checked_sub(held).is_none_or(|left| heard.payload_len > left);
                if offset != held || is_too_much || (!end && heard.payload_len == 0) {
                    return Err(line.nonsense("it sends other bytes than were asked for"));
                }
                if blob.bytes.is_empty() {
                    blob.bytes.reserve_exact(usize::try_from(size).expect("it has at most 4 MiB"));
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

    /// Wants no more of a blob: it is too large, or has to come later; true if there is no more of it.
    fn turn_away(
        &mut self,
        line: &mut Line,
        blob: &mut Flying,
        heard: &Heard,
        size: u64,
    ) -> Result<bool, Error> {
        line.say(blob.task, Ask::Cancel);
        // As long as there is something to hear nothing is sent by itself, and until this is heard there is.
        line.push()?;
        self.window = WINDOW_COUNT_MIN;
        if size > SEGMENT_LEN {
            (self.tell)(blob.index, Ok(Got::Large));
        } else {
            self.todo.push_front(blob.index);
        }
        blob.size = Some(size);
        let skipped = blob.skipped.insert(0);
        if matches!(heard.say, Say::Found { .. }) { Ok(false) } else { skip(line, skipped, heard) }
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
        let fitting = usize::try_from(HELD_LEN_MAX / size.max(1)).unwrap_or(usize::MAX);
        self.window = (self.window * 2).min(fitting).min(WINDOW_COUNT_MAX);
        Ok(())
    }
}

/// Takes an answer that nobody wants; true if it was the last one of its task.
fn skip(line: &mut Line, skipped: &mut u64, heard: &Heard) -> Result<bool, Error> {
    let end = match heard.say {
        Say::Data { end, .. } => end,
        Say::Done | Say::Refused { .. } => true,
        _ => return Err(line.nonsense("its answer is to another question")),
    };
    *skipped += heard.payload_len;
    if !end && (heard.payload_len == 0 || *skipped > SKIPPED_LEN_MAX) {
        return Err(line.nonsense("it goes on sending what nobody wants"));
    }
    line.skip()?;
    Ok(end)
}

/// Blobs of a size that nobody knows yet: large ones come in vain.
const WINDOW_COUNT_MIN: usize = 4;

/// Blobs without an answer: a long line stays busy.
const WINDOW_COUNT_MAX: usize = 256;

/// What is set aside for blobs that are not whole: there is room for [`WINDOW_COUNT_MIN`] of the largest, so that a
/// window of as many always comes.
const HELD_LEN_MAX: u64 = WINDOW_COUNT_MIN as u64 * SEGMENT_LEN;

/// Far more than is on its way when a server hears that a blob is not wanted any more.
const SKIPPED_LEN_MAX: u64 = 256 << 20;
