//! What happened to blobs and is not written yet.

use std::collections::HashSet;
use std::mem;

use aqueduct_blob::Digest;

use super::NOTE_COUNT_MAX;
use super::rows::Row;

/// One thing that happened to a blob.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Note {
    /// It was given its name, and is this large. Whoever gave it was told so, which is a use.
    Named { digest: Digest, size: u64, allocated: u64, at: i64 },
    /// It was used, if it is there.
    Used { digest: Digest, at: i64 },
    /// Somebody was told that it is there, if it is, which is a use, too.
    Told { digest: Digest, at: i64 },
    /// It is there no more, and took this much.
    Gone { digest: Digest, allocated: u64 },
}

/// Notes in the order in which they were left.
#[derive(Debug, Default)]
pub(super) struct Notes {
    list: Vec<Note>,
    /// How often they were taken to be written, or put back.
    epoch: u64,
}

/// The notes as they were at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    number: u64,
    note_count: usize,
}

impl Note {
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Named { digest, .. }
            | Self::Used { digest, .. }
            | Self::Told { digest, .. }
            | Self::Gone { digest, .. } => *digest,
        }
    }

    /// By how much it makes what the blobs take larger.
    pub(super) fn growth(&self) -> i64 {
        let signed = |allocated: &u64| i64::try_from(*allocated).unwrap_or(i64::MAX);
        match self {
            Self::Named { allocated, .. } => signed(allocated),
            Self::Gone { allocated, .. } => -signed(allocated),
            Self::Used { .. } | Self::Told { .. } => 0,
        }
    }

    /// What the index knows of the blob after this.
    pub(super) fn after(&self, before: Option<Row>) -> Option<Row> {
        match *self {
            Self::Named { size, allocated, at, .. } => {
                // A clock that was set back makes no use of it undone.
                let (used, told) =
                    before.map_or((at, at), |before| (before.used.max(at), before.told.max(at)));
                Some(Row { size, allocated, used, told })
            }
            Self::Used { at, .. } => before.map(|row| Row { used: at, ..row }),
            Self::Told { at, .. } => before.map(|row| Row { used: at, told: at, ..row }),
            Self::Gone { .. } => None,
        }
    }
}

impl Notes {
    pub(super) fn push(&mut self, note: Note) {
        self.list.push(note);
    }

    pub(super) fn list(&self) -> &[Note] {
        &self.list
    }

    /// Takes all of them, to be written.
    pub(super) fn take(&mut self) -> Vec<Note> {
        self.epoch += 1;
        mem::take(&mut self.list)
    }

    /// Keeps notes that could not be written for the next time. What is lost of too many the tree knows, but for who was told
    /// what; that they count stays true until then.
    pub(super) fn put_back(&mut self, mut older: Vec<Note>) {
        self.epoch += 1;
        older.append(&mut self.list);
        let excess = older.len().saturating_sub(COUNT_KEPT);
        older.drain(..excess);
        self.list = older;
    }

    pub(super) fn epoch(&self) -> Epoch {
        Epoch { number: self.epoch, note_count: self.list.len() }
    }

    /// Of which blobs something was noted since; `None` where those notes were taken, and the rows may say more.
    pub(super) fn since(&self, epoch: Epoch) -> Option<HashSet<Digest>> {
        let since = (self.epoch == epoch.number).then(|| &self.list[epoch.note_count..])?;
        Some(since.iter().map(Note::digest).collect())
    }
}

/// Notes kept where they cannot be written: 5 MiB.
const COUNT_KEPT: usize = 4 * NOTE_COUNT_MAX;
