//! One segment of an upload on its way in.

use std::fmt;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use aqueduct_blob::{SEGMENT_LEN, SegmentHasher};
use aqueduct_flow::Step;

use super::upload::Upload;
use crate::fault::ChangeError;
use crate::poison::lock;
use crate::staging::Turn;

/// Who receives a segment: the number of the one who came last. Held while its bytes are written, so that nobody writes
/// after somebody newer began.
pub(super) type Lane = Mutex<u64>;

/// Receives one segment of an [`Upload`], from its start to its end, and hashes it on the way.
///
/// There is one for a segment at a time: a newer one takes the segment over, and what this one received is worth nothing.
/// Dropped, its bytes are to be sent again.
#[must_use = "a receiver that is dropped has received nothing"]
pub struct Receiving {
    pub(super) upload: Upload,
    pub(super) part: Part,
}

/// What of a [`Receiving`] can wait without its upload being open.
pub(super) struct Part {
    pub(super) hasher: SegmentHasher,
    pub(super) lane: Arc<Lane>,
    /// Its number in the lane.
    pub(super) number: u64,
    /// A turn failed: nobody knows what was written and what was hashed.
    pub(super) has_failed: bool,
}

/// What became of a segment that was received whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Landed {
    /// It is held, and need not be sent again.
    Held,
    /// It is not what the sender claims it to be: it has to be sent again.
    Failed,
    /// Another receiver has begun it anew, or the upload was dropped.
    TakenOver,
}

/// The answer to a receiver that another one has taken over from, or whose upload was dropped. It is inside an
/// [`io::Error`] of kind `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another receiver has taken this segment over, or the upload was dropped")]
pub struct TakenOver;

impl Receiving {
    /// The segment.
    pub fn index(&self) -> u64 {
        self.part.hasher.index()
    }

    /// Where in the blob its next byte belongs.
    pub fn offset(&self) -> u64 {
        self.part.offset()
    }

    /// Bytes that it still lacks.
    pub fn left(&self) -> u64 {
        self.part.hasher.left()
    }

    /// The upload that it is a segment of.
    pub fn upload(&self) -> &Upload {
        &self.upload
    }

    /// Whether everything it receives from now on is for nothing. Who is asked may be taken over a moment later.
    pub fn is_taken_over(&self) -> bool {
        *lock(&self.part.lane) != self.part.number || self.upload.shared.is_gone.load(Ordering::Acquire)
    }

    /// Lets `turn` write the next bytes, at most as many as are [left](Self::left), and show all that it wrote. Answers
    /// what `turn` answers.
    ///
    /// The file is that of the whole upload. A turn writes at the offset it is given and does not change the file's
    /// length: of an [`Intake`](aqueduct_flow::Intake) by the route `mmap`, which makes files longer, `finish` must not
    /// be called here with less than the size of the blob; it need not be called at all.
    ///
    /// # Errors
    /// What `turn` failed with, and the segment is to be begun anew: the caller knows whether it was the source or the
    /// disk. [`TakenOver`] where nothing was written any more.
    pub fn fill(&mut self, turn: &mut Turn<'_>) -> io::Result<Step> {
        let Self { upload, part } = self;
        let current = lock(&part.lane);
        if *current != part.number || upload.shared.is_gone.load(Ordering::Acquire) {
            return Err(io::Error::other(TakenOver));
        }
        if part.has_failed {
            return Err(io::Error::other("the segment has to be begun anew"));
        }
        let (offset, before) = (part.offset(), part.hasher.len());
        let hasher = &mut part.hasher;
        let step = upload.inner.disk.write(&upload.shared.file, offset, &mut |file| {
            turn(file, offset, &mut |bytes| hasher.update(bytes))
        });
        let hashed = part.hasher.len() - before;
        let received = match step {
            Ok(Step::Moved(count)) => count as u64,
            Ok(_) => 0,
            Err(_) => {
                part.has_failed = true;
                hashed
            }
        };
        drop(current);
        assert_eq!(received, hashed, "a turn shows what it writes");
        upload.shared.counts.add(received, hashed);
        step
    }

    /// Ends the segment, all of whose bytes have come, and keeps what its hash found. Under
    /// [`SyncPolicy::Full`](crate::SyncPolicy) now and then also syncs what was received.
    ///
    /// # Errors
    /// Where the disk fails. The segment is to be sent again. Where a sync failed the whole upload is gone.
    pub fn finish(self) -> Result<Landed, ChangeError> {
        let Self { upload, part } = self;
        assert!(part.hasher.left() == 0 && !part.has_failed, "a segment ends when all of it has come");
        upload.land(part)
    }
}

impl Part {
    pub(super) fn offset(&self) -> u64 {
        self.hasher.index() * SEGMENT_LEN + self.hasher.len()
    }
}

impl fmt::Debug for Receiving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiving")
            .field("upload", &self.upload.id())
            .field("index", &self.index())
            .field("left", &self.left())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("hasher", &self.hasher).finish_non_exhaustive()
    }
}
