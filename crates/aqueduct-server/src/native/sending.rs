//! A blob on its way to a peer, one frame at a time.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use aqueduct_blob::{Algorithm, CheckpointList, checkpoint_count};
use aqueduct_flow::{Carried, Extent, SendQueue};
use aqueduct_wire::native::limits::ENTRY_COUNT_MAX;
use aqueduct_wire::native::{Answer, Say, TaskId};
use tokio::sync::OwnedSemaphorePermit;

use crate::find::Found;
use crate::reply::WINDOW_LEN;
use crate::residency;

/// What is left to send for one task.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) task: TaskId,
    found: Found,
    /// Until it was said.
    introduction: Option<Say>,
    checkpoints: Option<Arc<CheckpointList>>,
    /// How many of its entries were sent.
    entry_count: usize,
    /// Parts of the blob; none is empty, unless it is the only one.
    parts: VecDeque<Range<u64>>,
    /// What is known to be in memory.
    warm: Range<u64>,
    is_over: bool,
    /// What carried the bytes that were sent.
    pub(super) carried: Carried,
    _permits: Permits,
}

/// A descriptor, and a place among those that are sent to this peer.
pub(super) type Permits = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// What a sending does with its turn.
#[derive(Debug)]
pub(super) enum Turn {
    /// There is something in memory to be sent, and that was all of it.
    Said,
    /// A frame whose payload is this part of the blob.
    Part(Range<u64>),
    /// This has to be read from the disk first.
    Cold(Extent, Range<u64>),
}

impl Sending {
    pub(super) fn new(
        task: TaskId,
        algorithm: Algorithm,
        found: Found,
        parts: Vec<Range<u64>>,
        checkpoints: Option<Arc<CheckpointList>>,
        permits: Permits,
    ) -> Self {
        let (size, checkpoint_count) = (found.size(), checkpoint_count(algorithm, found.size()));
        let introduction = Some(Say::Found { size, checkpoint_count });
        Self {
            task,
            found,
            introduction,
            checkpoints,
            entry_count: 0,
            parts: parts.into(),
            warm: 0..0,
            is_over: false,
            carried: Carried::default(),
            _permits: permits,
        }
    }

    /// What comes next, its frame's head and whatever else is in memory appended to `memory`.
    pub(super) fn turn(&mut self, memory: &mut Vec<u8>) -> Turn {
        let task = self.task;
        let mut write = |say, payload_len| Answer { task, say }.write(payload_len, memory);
        if let Some(introduction) = self.introduction.take() {
            write(introduction, 0);
        }
        if let Some(entries) = self.next_entries() {
            write(entries, 0);
            return Turn::Said;
        }
        let Some(part) = self.parts.front() else {
            write(Say::Done, 0);
            self.is_over = true;
            return Turn::Said;
        };
        let piece = part.start..part.end.min(part.start + WINDOW_LEN as u64);
        if let Found::Open(blob) = &self.found
            && !self.is_warm(&piece)
        {
            let extent = blob.extent(piece.clone());
            if !residency::is_warm(extent.file(), &piece) {
                // Whatever came of reading it: who sends it meets the same.
                self.warm = piece.clone();
                return Turn::Cold(extent, piece);
            }
            self.warm = piece.clone();
        }
        self.take(&piece);
        self.is_over = self.parts.is_empty();
        let data = Say::Data { offset: piece.start, size: self.found.size(), end: self.is_over };
        write(data, piece.end - piece.start);
        Turn::Part(piece)
    }

    /// Whether nothing is left to be said.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The blob that is sent.
    pub(super) fn found(&self) -> &Found {
        &self.found
    }

    /// The blob, to be let go of.
    pub(super) fn into_found(self) -> Found {
        self.found
    }

    /// Appends a part of the blob to what is sent.
    pub(super) fn push(&self, part: Range<u64>, queue: &mut SendQueue) {
        match &self.found {
            Found::Open(blob) => queue.push_extent(blob.extent(part)),
            Found::Bytes(bytes) => {
                let place = |offset| usize::try_from(offset).expect("a part lies within the blob");
                queue.push_shared(Arc::clone(bytes), place(part.start)..place(part.end));
            }
        }
    }

    /// The next entries of the list; the last of them end it.
    fn next_entries(&mut self) -> Option<Say> {
        let entries = self.checkpoints.as_ref()?.entries();
        let first = self.entry_count;
        let end = entries.len().min(first + ENTRY_COUNT_MAX);
        let say = (first < end)
            .then(|| Say::Checkpoints { first: first as u64, entries: entries[first..end].to_vec() });
        self.entry_count = end;
        if end == entries.len() {
            self.checkpoints = None;
        }
        say
    }

    fn is_warm(&self, piece: &Range<u64>) -> bool {
        self.warm.start <= piece.start && piece.end <= self.warm.end
    }

    /// Takes a piece off the first part.
    fn take(&mut self, piece: &Range<u64>) {
        if let Some(part) = self.parts.front_mut() {
            part.start = piece.end;
            if part.is_empty() {
                self.parts.pop_front();
            }
        }
    }
}
