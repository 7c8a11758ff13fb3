//! Small blobs into memory, many at a time over one line.

use std::collections::VecDeque;

use aqueduct_blob::{Digest, SEGMENT_LEN, hash_each};
use aqueduct_wire::native::{Ask, Code, Get, Say, TaskId};

use crate::error::{Error, ErrorKind};
use crate::native::NativeClient;
use crate::native::line::{Heard, Line};
use crate::parcels::Got;
use crate::patience::Patience;

impl NativeClient {
    /// Asks for whole blobs, each with a number, and tells by that what came. They are taken when their turn comes; what is
    /// not taken when it gives up is left to others.
    pub(crate) fn fetch_parcels(
        &self,
        wanted: &mut dyn Iterator<Item = (usize, Digest)>,
        tell: &mut dyn FnMut(usize, Result<Got<'_>, Error>),
    ) {
        let mut batch = Batch {
            client: self,
            wanted,
            again: VecDeque::new(),
            arrived: Vec::new(),
            window: WINDOW_COUNT_MIN,
            tell,
        };
        // Without one there is no need for a line.
        let Some(first) = batch.next() else { return };
        batch.again.push_front(first);
        let fetched = self.persist(|line, patience| batch.fetch(line, patience));
        if let Err(error) = fetched {
            for (index, _) in std::mem::take(&mut batch.again) {
                (batch.tell)(index, Err(error.shared()));
            }
        }
    }
}

struct Batch<'a> {
    client: &'a NativeClient,
    wanted: &'a mut dyn Iterator<Item = (usize, Digest)>,
    /// What was taken from there, and nobody was told of.
    again: VecDeque<(usize, Digest)>,
    /// What is whole, and was not held against its digest yet.
    arrived: Vec<Flying>,
    /// How many to ask for at a time. It grows with every small blob, as far as such blobs have room in memory, and begins
    /// anew with every one that nobody has room for: until the server has heard that, it comes.
    window: usize,
    tell: &'a mut dyn FnMut(usize, Result<Got<'_>, Error>),
}

struct Flying {
    task: TaskId,
    index: usize,
    digest: Digest,
    /// Its size, once the server has begun to answer: as much memory is set aside for it.
    size: Option<u64>,
    bytes: Vec<u8>,
    /// How much came after nobody wanted the rest any more.
    skipped: Option<u64>,
}

impl Batch<'_> {
    fn next(&mut self) -> Option<(usize, Digest)> {
        self.again.pop_front().or_else(|| self.wanted.next())
    }

    fn fetch(&mut self, line: &mut Line, patience: &mut Patience) -> Result<(), Error> {
        let mut flying = VecDeque::new();
        let fetched = self.fetch_over(line, patience, &mut flying);
        self.settle(patience);
        let untold = flying.into_iter().filter(|it| it.skipped.is_none()).map(|it| (it.index, it.digest));
        self.again.extend(untold);
        fetched
    }

    fn fetch_over(
        &mut self,
        line: &mut Line,
        patience: &mut Patience,
        flying: &mut VecDeque<Flying>,
    ) -> Result<(), Error> {
        loop {
            self.ask(line, flying);
            if flying.is_empty() {
                return Ok(());
            }
            let arrived_len: usize = self.arrived.iter().map(|it| it.bytes.len()).sum();
            if self.arrived.len() == ARRIVED_COUNT_MAX || arrived_len > ARRIVED_LEN_MAX {
                self.settle(patience);
            }
            let heard = match line.hear_if_any()? {
                Some(heard) => heard,
                None => {
                    // There is time for it while the server looks for what was asked next.
                    line.push()?;
                    self.settle(patience);
                    let has_come = flying.iter().any(|it| it.size.is_some());
                    line.hear(self.client.frame_wait(has_come))?
                }
            };
            let place = flying.iter().position(|it| it.task == heard.task);
            let place = place.ok_or_else(|| line.nonsense("it answers what was not asked"))?;
            match self.heard(line, flying, place, heard)? {
                After::More => {}
                After::Told => {
                    flying.remove(place);
                    patience.refresh();
                }
                After::Whole => self.arrived.extend(flying.remove(place)),
            }
        }
    }

    /// Asks for as many as there may be on their way.
    fn ask(&mut self, line: &mut Line, flying: &mut VecDeque<Flying>) {
        let window = self.window.min(line.task_count_max());
        while flying.len() < window
            && let Some((index, digest)) = self.next()
        {
            let task = line.task();
            let get = Get { digest, ranges: Vec::new(), checkpoints: false, list_only: false };
            line.say(task, Ask::Get(get));
            flying.push_back(Flying { task, index, digest, size: None, bytes: Vec::new(), skipped: None });
        }
    }

    /// Takes an answer to the blob at `place`.
    fn heard(
        &mut self,
        line: &mut Line,
        flying: &mut VecDeque<Flying>,
        place: usize,
        heard: Heard,
    ) -> Result<After, Error> {
        if let Some(skipped) = &mut flying[place].skipped {
            return skip(line, skipped, &heard);
        }
        let had_come = flying[place].size.is_some();
        if let Say::Found { size, .. } | Say::Data { size, .. } = heard.say {
            // What is whole in one frame is given away as soon as it has come.
            let is_held = !matches!(heard.say, Say::Data { end: true, .. });
            if !had_come && (size > SEGMENT_LEN || is_held && size > room(flying)) {
                return self.turn_away(line, &mut flying[place], &heard, size);
            }
            if *flying[place].size.get_or_insert(size) != size {
                return Err(line.nonsense("the blob's size is not what it was"));
            }
        }
        let blob = &mut flying[place];
        match heard.say {
            Say::Found { .. } if had_come => Err(line.nonsense("it has found the same blob before")),
            Say::Found { .. } => Ok(After::More),
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
                match end {
                    false => Ok(After::More),
                    true if (blob.bytes.len() as u64) < size => {
                        Err(line.nonsense("it sends fewer bytes than were asked for"))
                    }
                    true => Ok(After::Whole),
                }
            }
            Say::Refused { code: Code::Absent, .. } => {
                (self.tell)(blob.index, Ok(Got::Absent));
                Ok(After::Told)
            }
            other => {
                let error = self.client.failure(&other);
                if error.is_retryable() || error.kind() == ErrorKind::Protocol {
                    return Err(error);
                }
                (self.tell)(blob.index, Err(error));
                Ok(After::Told)
            }
        }
    }

    /// Wants no more of a blob: it is too large, or has to come later.
    fn turn_away(
        &mut self,
        line: &mut Line,
        blob: &mut Flying,
        heard: &Heard,
        size: u64,
    ) -> Result<After, Error> {
        line.say(blob.task, Ask::Cancel);
        // As long as there is something to hear nothing is sent by itself, and until this is heard there is.
        line.push()?;
        self.window = WINDOW_COUNT_MIN;
        if size > SEGMENT_LEN {
            (self.tell)(blob.index, Ok(Got::Large));
        } else {
            self.again.push_front((blob.index, blob.digest));
        }
        blob.size = Some(size);
        let skipped = blob.skipped.insert(0);
        if matches!(heard.say, Say::Found { .. }) { Ok(After::More) } else { skip(line, skipped, heard) }
    }

    /// Holds what arrived against its digests, and tells of it.
    fn settle(&mut self, patience: &mut Patience) {
        let blobs: Vec<_> =
            self.arrived.iter().map(|it| (it.digest.algorithm(), it.bytes.as_slice())).collect();
        let actual = hash_each(&blobs);
        for (Flying { index, digest, bytes, .. }, actual) in self.arrived.drain(..).zip(actual) {
            let is_right = actual == digest;
            // What was damaged on its way is worth the care that is taken of a large one.
            (self.tell)(index, Ok(if is_right { Got::Blob(&bytes) } else { Got::Large }));
            let fitting = usize::try_from(HELD_LEN_MAX / (bytes.len() as u64).max(1)).unwrap_or(usize::MAX);
            self.window = (self.window * 2).min(fitting).min(WINDOW_COUNT_MAX);
            patience.refresh();
        }
    }
}

/// How much memory there is for blobs that are not whole.
fn room(flying: &VecDeque<Flying>) -> u64 {
    let held = flying.iter().filter(|it| it.skipped.is_none()).filter_map(|it| it.size);
    HELD_LEN_MAX - held.sum::<u64>()
}

/// What an answer leaves to be done.
enum After {
    More,
    /// It was the last one of its task, of which everything was told.
    Told,
    /// It brought the last bytes.
    Whole,
}

/// Takes an answer that nobody wants.
fn skip(line: &mut Line, skipped: &mut u64, heard: &Heard) -> Result<After, Error> {
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
    Ok(if end { After::Told } else { After::More })
}

/// Blobs of a size that nobody knows yet: large ones come in vain.
const WINDOW_COUNT_MIN: usize = 4;

/// Blobs without an answer: a long line stays busy.
const WINDOW_COUNT_MAX: usize = 256;

/// Blobs that are held against their digests together.
const ARRIVED_COUNT_MAX: usize = 16;

/// Bytes after which there are enough of them.
const ARRIVED_LEN_MAX: usize = 256 << 10;

/// What is set aside for blobs that are not whole: there is room for [`WINDOW_COUNT_MIN`] of the largest, so that a
/// window of as many always comes.
const HELD_LEN_MAX: u64 = WINDOW_COUNT_MIN as u64 * SEGMENT_LEN;

/// Far more than is on its way when a server hears that a blob is not wanted any more.
const SKIPPED_LEN_MAX: u64 = 256 << 20;
