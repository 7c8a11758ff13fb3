//! A part of a blob on its way to a descriptor, each segment checked before it is sent.
//!
//! Threads check segments in turns, each a little ahead of the sender, which takes them in order. What is checked comes
//! from the page cache when it is sent.

use std::io;
use std::iter;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use aqueduct_blob::{CheckpointList, SEGMENT_LEN, segment_count, segment_range};
use aqueduct_flow::{Carried, SendQueue, SendRoute, Step, wait_for};
use aqueduct_store::{Blob, Store};

use crate::fault::Fault;
use crate::progress::Meter;

/// How sending ended.
#[derive(Debug)]
pub(crate) enum Sent {
    All(Carried),
    /// Whoever was to read it has gone.
    Refused,
}

/// Sends `range` of a blob to `target`, which is named `target_name` in errors.
pub(crate) fn send(
    store: &Store,
    blob: &Blob,
    range: Range<u64>,
    threads: NonZeroUsize,
    target: impl AsFd,
    target_name: &str,
    meter: &Meter,
) -> Result<Sent, Fault> {
    let digest = blob.digest();
    let list = store.checkpoints(&digest)?.ok_or_else(|| whole_is_damaged(blob))?;
    let segments = range.start / SEGMENT_LEN..segment_count(range.end);
    let count = usize::try_from(segments.end - segments.start).unwrap_or(usize::MAX);
    let checker = Checker { store, blob, list: &list, threads };
    thread::scope(|scope| {
        let lanes: Vec<_> = (segments.clone())
            .take(threads.get().min(count))
            .map(|first| {
                let (told, heard) = mpsc::sync_channel(AHEAD_COUNT);
                let turns = (first..segments.end).step_by(threads.get());
                scope.spawn(move || checker.check_all(turns, &told));
                heard
            })
            .collect();
        let mut queue = SendQueue::new(SendRoute::Sendfile);
        for (index, lane) in segments.zip(lanes.iter().cycle()) {
            heard(lane)?;
            let segment = segment_range(blob.size(), index);
            let part = segment.start.max(range.start)..segment.end.min(range.end);
            queue.push_extent(blob.extent(part));
            match drain(&mut queue, &target, meter) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Sent::Refused),
                Err(error) => return Err(Fault::local(format!("write to {target_name}"))(error)),
            }
        }
        Ok(Sent::All(*queue.carried()))
    })
}

fn heard(lane: &Receiver<Result<(), Fault>>) -> Result<(), Fault> {
    lane.recv().expect("a checker ends only after its last segment or an error")
}

fn drain(queue: &mut SendQueue, target: &impl AsFd, meter: &Meter) -> io::Result<()> {
    loop {
        match queue.step(target.as_fd(), TURN_LEN)? {
            Step::Moved(len) => meter.add(len as u64),
            Step::Blocked(side) => wait_for(side, target, target)?,
            Step::End => return Ok(()),
        }
    }
}

#[derive(Clone, Copy)]
struct Checker<'a> {
    store: &'a Store,
    blob: &'a Blob,
    list: &'a CheckpointList,
    threads: NonZeroUsize,
}

impl Checker<'_> {
    /// Checks segments until one is bad or nobody listens.
    fn check_all(self, segments: impl Iterator<Item = u64>, told: &SyncSender<Result<(), Fault>>) {
        let mut buffer = Vec::new();
        for index in segments {
            let checked = self.check(index, &mut buffer);
            let is_bad = checked.is_err();
            if told.send(checked).is_err() || is_bad {
                return;
            }
        }
    }

    fn check(self, index: u64, buffer: &mut Vec<u8>) -> Result<(), Fault> {
        let range = segment_range(self.blob.size(), index);
        buffer.resize(usize::try_from(range.end - range.start).expect("a segment is 4 MiB"), 0);
        let read = self.blob.file().read_exact_at(buffer, range.start);
        read.map_err(Fault::local(format!("read {}", self.blob.digest())))?;
        if self.list.check(&self.blob.digest(), index, buffer) {
            return Ok(());
        }
        // The list may be what is wrong: the whole blob decides.
        condemn(self.store, self.blob, self.threads)
    }
}

/// Reads a blob that looks damaged from its start, and fails if it is; by then it is in quarantine.
pub(crate) fn condemn(store: &Store, blob: &Blob, threads: NonZeroUsize) -> Result<(), Fault> {
    match store.verify(&blob.digest(), threads, &|_| {})? {
        Some(checked) if checked.damage.is_empty() => Ok(()),
        Some(checked) => {
            Err(Fault::Damaged { digest: checked.digest, damage: checked.damage, size: checked.size })
        }
        // Another thread was faster.
        None => Err(whole_is_damaged(blob)),
    }
}

/// What is said of a blob that went to quarantine without a word about where it is damaged.
pub(crate) fn whole_is_damaged(blob: &Blob) -> Fault {
    Fault::Damaged { digest: blob.digest(), damage: iter::once(0..blob.size()).collect(), size: blob.size() }
}

/// What one call sends: enough that calls do not count, and progress is seen.
const TURN_LEN: usize = 4 << 20;

/// Segments that a thread is ahead of the sender: 8 MiB read, and surely in the page cache still.
const AHEAD_COUNT: usize = 2;
