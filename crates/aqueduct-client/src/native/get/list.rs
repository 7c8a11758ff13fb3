//! The checkpoint list of a blob, as a server tells it.

use aqueduct_blob::{Algorithm, Assembly, CheckpointList, Digest, checkpoint_count};
use aqueduct_wire::native::{Ask, Code, Get, Say};

use crate::error::Error;
use crate::native::NativeClient;
use crate::native::line::Line;

/// A blob's size and checkpoints. What they say of its bytes is a claim.
#[derive(Clone, Debug)]
pub(super) struct List {
    digest: Digest,
    size: u64,
    /// As many as such a blob has, or none at all where the server has no list.
    entries: Vec<[u8; 32]>,
}

impl List {
    /// The list that belongs to a blob.
    #[cfg(test)]
    pub(super) fn of(checkpoints: &CheckpointList, digest: Digest) -> Self {
        Self { digest, size: checkpoints.size(), entries: checkpoints.entries().to_vec() }
    }

    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Whether it is all there, so that segments may come in any order.
    pub(super) fn is_whole(&self) -> bool {
        self.entries.len() as u64 == checkpoint_count(self.digest.algorithm(), self.size)
    }

    /// What a receiver begins with.
    pub(super) fn assembly(&self) -> Assembly {
        let mut assembly = Assembly::new(self.digest.algorithm(), self.size);
        let disagreeing = assembly.claim(0, &self.entries).expect("there are no more than there may be");
        assert!(disagreeing.is_empty(), "nothing was received before");
        assembly
    }

    /// Replaces what was claimed before, and gives the segments that have to come again.
    pub(super) fn replace(&self, assembly: &mut Assembly) -> Vec<u64> {
        assembly.forget_claims();
        assembly.claim(0, &self.entries).expect("there are no more than there may be")
    }
}

impl NativeClient {
    /// The checkpoint list of a blob; `None` if the server does not have the blob.
    pub(super) fn list_of(&self, digest: &Digest) -> Result<Option<List>, Error> {
        self.persist(|line, _| self.list_over(line, digest))
    }

    fn list_over(&self, line: &mut Line, digest: &Digest) -> Result<Option<List>, Error> {
        let task = line.task();
        let get = Get { digest: *digest, ranges: Vec::new(), checkpoints: true, list_only: true };
        line.say(task, Ask::Get(get));
        let mut found: Option<(List, u64)> = None;
        // A server may have to hash a blob before it vouches for it.
        let mut wait = self.site.options.answer_timeout;
        loop {
            let heard = line.hear(wait)?;
            wait = self.site.options.timeout;
            if heard.task != task || heard.payload_len > 0 {
                return Err(line.nonsense("it answers what was not asked"));
            }
            match (heard.say, &mut found) {
                (Say::Found { size, .. }, None) if size > SIZE_MAX => {
                    return Err(Error::too_large(&self.site.endpoint, digest, size));
                }
                (Say::Found { size, checkpoint_count: count }, None) => {
                    if count > 0 && count != checkpoint_count(digest.algorithm(), size) {
                        return Err(line.nonsense("the blob it has found cannot have so many checkpoints"));
                    }
                    found = Some((List { digest: *digest, size, entries: Vec::new() }, count));
                }
                (Say::Checkpoints { first, entries }, Some((list, count))) => {
                    let held = list.entries.len() as u64;
                    if first != held || entries.is_empty() || held + entries.len() as u64 > *count {
                        return Err(line.nonsense("its checkpoints are not in order, or too many"));
                    }
                    list.entries.extend(entries);
                }
                (Say::Done, Some((list, count))) if list.entries.len() as u64 == *count => {
                    self.check(list)?;
                    return Ok(found.map(|(list, _)| list));
                }
                (Say::Refused { code: Code::Absent, .. }, None) => return Ok(None),
                (Say::Refused { code, message, .. }, _) => {
                    return Err(Error::refused(&self.site.endpoint, code, &message));
                }
                _ => return Err(line.nonsense("it answers something else than a checkpoint list")),
            }
        }
    }

    /// A tree's list proves itself before any byte arrives.
    fn check(&self, list: &List) -> Result<(), Error> {
        if list.digest.algorithm() != Algorithm::Blake3 || list.entries.is_empty() {
            return Ok(());
        }
        let whole = CheckpointList::new(Algorithm::Blake3, list.size, list.entries.clone());
        if whole.is_ok_and(|whole| whole.proves(&list.digest)) {
            return Ok(());
        }
        Err(Error::wrong_list(&self.site.endpoint, &list.digest))
    }
}

/// The largest file that ext4 holds. A server decides how long a list is, which is held in memory: of such a blob, 128 MiB.
const SIZE_MAX: u64 = 16 << 40;
