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
    /// `None` where the server has no list.
    checkpoints: Option<CheckpointList>,
}

impl List {
    /// The list that belongs to a blob.
    #[cfg(test)]
    pub(super) fn of(checkpoints: &CheckpointList, digest: Digest) -> Self {
        Self { digest, size: checkpoints.size(), checkpoints: Some(checkpoints.clone()) }
    }

    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Whether it is all there, so that segments may come in any order.
    pub(super) fn is_whole(&self) -> bool {
        self.checkpoints.is_some()
    }

    /// What a receiver begins with.
    pub(super) fn assembly(&self) -> Assembly {
        let mut assembly = Assembly::new(self.digest.algorithm(), self.size);
        let disagreeing = assembly.claim(0, self.entries()).expect("there are no more than there may be");
        assert!(disagreeing.is_empty(), "nothing was received before");
        assembly
    }

    /// Replaces what was claimed before, and gives the segments that have to come again.
    pub(super) fn replace(&self, assembly: &mut Assembly) -> Vec<u64> {
        assembly.forget_claims();
        assembly.claim(0, self.entries()).expect("there are no more than there may be")
    }

    fn entries(&self) -> &[[u8; 32]] {
        self.checkpoints.as_ref().map_or(&[], CheckpointList::entries)
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
        let mut found: Option<Told> = None;
        let mut has_come = false;
        loop {
            let heard = line.hear(self.frame_wait(has_come))?;
            has_come = true;
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
                    found = Some(Told { size, count, entries: Vec::new() });
                }
                (Say::Checkpoints { first, entries }, Some(told)) => {
                    let held = told.entries.len() as u64;
                    if first != held || entries.is_empty() || held + entries.len() as u64 > told.count {
                        return Err(line.nonsense("its checkpoints are not in order, or too many"));
                    }
                    told.entries.extend(entries);
                }
                (Say::Done, Some(told)) if told.entries.len() as u64 == told.count => {
                    return self.checked(digest, told.size, std::mem::take(&mut told.entries)).map(Some);
                }
                (Say::Refused { code: Code::Absent, .. }, None) => return Ok(None),
                (Say::Refused { code, message, .. }, _) => {
                    return Err(Error::refused(&self.site.endpoint, code, &message));
                }
                _ => return Err(line.nonsense("it answers something else than a checkpoint list")),
            }
        }
    }

    /// What was told, unless it is wrong: a tree's list proves itself before any byte arrives.
    fn checked(&self, digest: &Digest, size: u64, entries: Vec<[u8; 32]>) -> Result<List, Error> {
        let is_proof_due = digest.algorithm() == Algorithm::Blake3 && !entries.is_empty();
        // There are as many as there have to be, or none at all.
        let checkpoints = CheckpointList::new(digest.algorithm(), size, entries).ok();
        if is_proof_due && !checkpoints.as_ref().is_some_and(|list| list.proves(digest)) {
            return Err(Error::wrong_list(&self.site.endpoint, digest));
        }
        Ok(List { digest: *digest, size, checkpoints })
    }
}

/// A list of which the server has more to tell.
struct Told {
    size: u64,
    /// As many as such a blob has, or none at all.
    count: u64,
    entries: Vec<[u8; 32]>,
}

/// A server decides how long a list is, and an [`Assembly`] beside it. Of a blob of 4 TiB they take some 250 MiB: for each
/// segment 32 bytes of the list and as many of the one that is found, 50 of the claim and 100 of the record.
const SIZE_MAX: u64 = 4 << 40;
