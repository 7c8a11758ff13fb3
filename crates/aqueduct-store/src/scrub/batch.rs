//! A batch of blobs, read and hashed by several threads.

use std::fs::File;
use std::iter;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::sync::{Mutex, mpsc};
use std::thread;

use aqueduct_blob::{Digest, Lanes, SEGMENT_LEN, hash_each};
use aqueduct_flow::Medium;

use super::{Leave, ScrubFound, ScrubPass, is_shortage};
use crate::damage::Checked;
use crate::disk::Stat;
use crate::fault::{Blame, ChangeError, StorageFault};
use crate::layout;
use crate::poison::lock;
use crate::store::Inner;

/// Blobs that follow each other, by how they are read.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Many together, by one thread.
    small: Vec<Vec<Digest>>,
    /// Each by one thread.
    middling: Vec<Digest>,
    /// Each by all threads.
    large: Vec<Digest>,
    last: Option<Digest>,
}

/// What one thread does at a time.
enum Work {
    Together(Vec<Digest>),
    Alone(Digest),
}

/// Why a blob was not checked to its end.
pub(crate) enum Halt {
    /// Nobody wants to go on.
    Stopped,
    Unread(Range<u64>, StorageFault),
    Change(ChangeError),
}

impl Halt {
    pub(crate) fn unless(leave: ControlFlow<()>) -> Result<(), Self> {
        if leave.is_break() { Err(Self::Stopped) } else { Ok(()) }
    }
}

impl From<ChangeError> for Halt {
    fn from(error: ChangeError) -> Self {
        Self::Change(error)
    }
}

impl From<StorageFault> for Halt {
    fn from(fault: StorageFault) -> Self {
        Self::Change(fault.into())
    }
}

/// An open blob.
struct Opened {
    digest: Digest,
    file: File,
    stat: Stat,
    medium: Medium,
}

type Outcome = (Digest, Result<Option<Checked>, Halt>);

impl Inner {
    /// Parts what is listed into batches, none of which takes long: what is in one is read again after a stop.
    pub(super) fn batches(&self, listed: &[Digest]) -> impl Iterator<Item = Batch> {
        let mut left = listed.iter();
        iter::from_fn(move || {
            let mut batch = Batch::default();
            let (mut count, mut size) = (0, 0_u64);
            while count < BATCH_COUNT_MAX && size < BATCH_SIZE_MAX {
                let Some(digest) = left.next() else { break };
                // What cannot be looked at is told when it is opened.
                let stat = self.disk.stat_path(&layout::blob(digest)).ok().flatten();
                let len = stat.map_or(0, |stat| stat.size);
                batch.add(*digest, len);
                count += 1;
                size = size.saturating_add(len);
            }
            batch.last.is_some().then_some(batch)
        })
    }

    /// Reads and checks the blobs of a batch, and counts them in `pass`. `Break` where `leave` wants no more: then only what
    /// was put away or written anew counts, and all of them are read again.
    pub(super) fn scrub_batch(
        &self,
        batch: &Batch,
        threads: NonZeroUsize,
        leave: &Leave<'_>,
        pass: &mut ScrubPass,
        told: &mut dyn FnMut(&ScrubFound),
    ) -> Result<ControlFlow<()>, ChangeError> {
        let mut found = pass.clone();
        let mut is_over = false;
        let mut take = |(digest, outcome): Outcome| -> Result<(), ChangeError> {
            match outcome {
                Ok(None) => {}
                Ok(Some(checked)) => {
                    found.count += 1;
                    found.size = found.size.saturating_add(checked.size);
                    let (is_damaged, is_rebuilt) = (!checked.damage.is_empty(), checked.checkpoints_rebuilt);
                    for counts in [&mut found, &mut *pass] {
                        counts.damaged += u64::from(is_damaged);
                        counts.rebuilt += u64::from(is_rebuilt);
                    }
                    if is_damaged || is_rebuilt {
                        told(&ScrubFound::Checked(checked));
                    }
                }
                Err(Halt::Stopped) => is_over = true,
                Err(Halt::Change(error @ ChangeError::ReadOnly(_))) => return Err(error),
                // It says nothing of the blob, nor of those that follow.
                Err(Halt::Change(ChangeError::Fault(fault)) | Halt::Unread(_, fault))
                    if is_shortage(&fault) =>
                {
                    return Err(fault.into());
                }
                Err(Halt::Change(ChangeError::Fault(fault))) => {
                    found.failed += 1;
                    told(&ScrubFound::Failed { digest: Some(digest), range: None, fault });
                }
                Err(Halt::Unread(range, fault)) => {
                    found.failed += 1;
                    told(&ScrubFound::Failed { digest: Some(digest), range: Some(range), fault });
                }
            }
            Ok(())
        };
        self.in_threads(batch, threads, leave, &mut take)?;
        for digest in &batch.large {
            take((*digest, self.scrub_alone(digest, threads, leave)))?;
        }
        if is_over {
            return Ok(ControlFlow::Break(()));
        }
        *pass = ScrubPass { last: batch.last, ..found };
        Ok(ControlFlow::Continue(()))
    }

    /// Checks what is not large. One thread is the caller's own.
    fn in_threads(
        &self,
        batch: &Batch,
        threads: NonZeroUsize,
        leave: &Leave<'_>,
        take: &mut dyn FnMut(Outcome) -> Result<(), ChangeError>,
    ) -> Result<(), ChangeError> {
        let together = batch.small.iter().cloned().map(Work::Together);
        let line = Mutex::new(together.chain(batch.middling.iter().copied().map(Work::Alone)));
        let (tell, heard) = mpsc::channel();
        let work = |tell: mpsc::Sender<Outcome>| {
            loop {
                let Some(next) = lock(&line).next() else { break };
                let outcomes = match next {
                    Work::Alone(digest) => {
                        vec![(digest, self.scrub_alone(&digest, NonZeroUsize::MIN, leave))]
                    }
                    Work::Together(digests) => self.scrub_together(&digests, leave),
                };
                let is_over = outcomes.iter().any(|(_, outcome)| matches!(outcome, Err(Halt::Stopped)));
                // Who does not listen any more has an error to tell of.
                if outcomes.into_iter().any(|outcome| tell.send(outcome).is_err()) || is_over {
                    break;
                }
            }
        };
        let others = (batch.small.len() + batch.middling.len()).min(threads.get()).saturating_sub(1);
        thread::scope(|scope| {
            for _ in 0..others {
                let (tell, work) = (tell.clone(), &work);
                // A thread that the system refuses is done without.
                drop(thread::Builder::new().spawn_scoped(scope, move || work(tell)));
            }
            work(tell);
            heard.iter().try_for_each(&mut *take)
        })
    }

    fn scrub_alone(
        &self,
        digest: &Digest,
        threads: NonZeroUsize,
        leave: &Leave<'_>,
    ) -> Result<Option<Checked>, Halt> {
        match self.open_medium(digest)? {
            Some(opened) => self.scrub_opened(&opened, threads, leave).map(Some),
            None => Ok(None),
        }
    }

    fn scrub_opened(
        &self,
        opened: &Opened,
        threads: NonZeroUsize,
        leave: &Leave<'_>,
    ) -> Result<Checked, Halt> {
        let Opened { digest, file, stat, medium } = opened;
        if self.is_suspect(digest, stat) {
            // Whoever asks for it waits for the same hash, which no rate slows down.
            return self.check_suspect(digest, file, stat, |_| Halt::unless(leave(0)));
        }
        let read = |offset, buffer: &mut [u8]| read(digest, medium, leave, offset, buffer);
        // Lanes would read from as many places at once, in pieces too small for a disk.
        self.examine(digest, file, stat, (threads, Lanes::ONE), read)
    }

    /// Checks small blobs, which are hashed together, and closed before. Those that turn out
    /// wrong are opened and read once more, by themselves.
    fn scrub_together(&self, digests: &[Digest], leave: &Leave<'_>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(digests.len());
        let mut held = Vec::with_capacity(digests.len());
        for digest in digests {
            match self.open_medium(digest).and_then(|opened| match opened {
                // One that grew meanwhile is read like every other.
                Some(opened)
                    if opened.stat.size <= SMALL_SIZE_MAX && !self.is_suspect(digest, &opened.stat) =>
                {
                    let bytes = read_whole(&opened, leave)?;
                    Ok(Some((opened.stat, bytes)))
                }
                Some(opened) => {
                    let checked = self.scrub_opened(&opened, NonZeroUsize::MIN, leave)?;
                    outcomes.push((*digest, Ok(Some(checked))));
                    Ok(None)
                }
                None => Ok(None),
            }) {
                Ok(read) => held.extend(read.map(|(stat, bytes)| (*digest, stat, bytes))),
                Err(Halt::Stopped) => {
                    outcomes.push((*digest, Err(Halt::Stopped)));
                    return outcomes;
                }
                Err(halt) => outcomes.push((*digest, Err(halt))),
            }
        }
        let blobs: Vec<_> = held.iter().map(|(digest, _, bytes)| (digest.algorithm(), &bytes[..])).collect();
        let actual = hash_each(&blobs);
        for ((digest, stat, _), actual) in held.iter().zip(actual) {
            let outcome = if actual == *digest {
                self.believe(digest, stat);
                let (damage, checkpoints_rebuilt) = (Vec::new(), false);
                Ok(Some(Checked { digest: *digest, size: stat.size, damage, checkpoints_rebuilt }))
            } else {
                self.scrub_alone(digest, NonZeroUsize::MIN, leave)
            };
            outcomes.push((*digest, outcome));
        }
        outcomes
    }

    /// Opens a blob to be read from the medium; `None` where there is none any more.
    fn open_medium(&self, digest: &Digest) -> Result<Option<Opened>, Halt> {
        let path = layout::blob(digest);
        let Some(file) = self.disk.open(&path).blame("open", &path)? else { return Ok(None) };
        let stat = self.disk.stat(&file).blame("stat", &path)?;
        if !stat.regular {
            return Ok(None);
        }
        let medium = self.disk.medium(&file).blame("open", &path)?;
        Ok(Some(Opened { digest: *digest, file, stat, medium }))
    }
}

impl Batch {
    fn add(&mut self, digest: Digest, size: u64) {
        self.last = Some(digest);
        if size > MIDDLING_SIZE_MAX {
            self.large.push(digest);
        } else if size > SMALL_SIZE_MAX {
            self.middling.push(digest);
        } else {
            match self.small.last_mut() {
                Some(group) if group.len() < TOGETHER_COUNT_MAX => group.push(digest),
                _ => self.small.push(vec![digest]),
            }
        }
    }
}

fn read_whole(opened: &Opened, leave: &Leave<'_>) -> Result<Vec<u8>, Halt> {
    let len = usize::try_from(opened.stat.size).expect("a small blob fits in memory");
    let mut bytes = vec![0; len];
    if len > 0 {
        read(&opened.digest, &opened.medium, leave, 0, &mut bytes)?;
    }
    Ok(bytes)
}

fn read(
    digest: &Digest,
    medium: &Medium,
    leave: &Leave<'_>,
    offset: u64,
    buffer: &mut [u8],
) -> Result<(), Halt> {
    let len = buffer.len() as u64;
    Halt::unless(leave(len))?;
    let read = medium.read_exact_at(buffer, offset).blame("read", layout::blob(digest));
    read.map_err(|fault| Halt::Unread(offset..offset + len, fault))
}

/// Up to here as many blobs as a thread hashes at once, and more, are a few megabytes.
const SMALL_SIZE_MAX: u64 = 64 << 10;

/// As many as keep all lanes busy to the end.
const TOGETHER_COUNT_MAX: usize = 64;

/// Up to here a blob is read by one thread: many blobs are then as good as many segments.
const MIDDLING_SIZE_MAX: u64 = 8 * SEGMENT_LEN;

/// Together these bound what is read again after a stop, but for a blob that is larger, which is begun anew.
const BATCH_COUNT_MAX: usize = 1024;
const BATCH_SIZE_MAX: u64 = 256 << 20;
