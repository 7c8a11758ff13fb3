//! What is asked that needs no bytes of the peer's: looked up by workers, several questions at a time.

use std::iter;
use std::ops::Range;
use std::slice;
use std::sync::Arc;

use aqueduct_blob::{Digest, SEGMENT_LEN, UploadId, checkpoint_count};
use aqueduct_wire::native::{Ask, Code, Get, ListedBlob, ListedUpload, Say, TaskId};

use super::Talk;
use super::refusal::{refusal, refused};
use super::sending::Sending;
use crate::asked;
use crate::close::Close;
use crate::door::Refusal;
use crate::find::{self, Found};
use crate::server::Shared;
use crate::tokens::Right;
use crate::work;
use crate::workers::Workers;

/// A question, and whose it is.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) task: TaskId,
    pub(super) ask: Ask,
}

impl Question {
    /// What it takes to ask.
    pub(super) fn right(&self) -> Right {
        match self.ask {
            Ask::Remove { .. } | Ask::ListUploads { .. } | Ask::DropUpload { .. } => Right::Write,
            _ => Right::Read,
        }
    }

    /// The blob's bytes, where they are in memory and all that is asked for.
    pub(super) fn cached(&self, shared: &Shared) -> Option<Arc<[u8]>> {
        self.whole().and_then(|digest| shared.cache.find(&digest))
    }

    /// The blob all of whose bytes are asked for, and nothing else.
    fn whole(&self) -> Option<Digest> {
        match &self.ask {
            Ask::Get(Get { digest, ranges, checkpoints: false, list_only: false }) if ranges.is_empty() => {
                Some(*digest)
            }
            _ => None,
        }
    }

    /// What it is counted as.
    pub(super) fn counted_as(&self) -> asked::Kind {
        match &self.ask {
            Ask::Get(_) => asked::Kind::NativeGet,
            Ask::List { .. } => asked::Kind::NativeList,
            Ask::Remove { .. } => asked::Kind::NativeRemove,
            Ask::ListUploads { .. } | Ask::DropUpload { .. } => asked::Kind::NativeUploads,
            _ => asked::Kind::NativeHas,
        }
    }

    /// The blob it is about, if that is one.
    pub(super) fn digest(&self) -> Option<Digest> {
        match &self.ask {
            Ask::Get(Get { digest, .. }) | Ask::Stat { digest } | Ask::Remove { digest } => Some(*digest),
            _ => None,
        }
    }

    /// What it is to be asked together with.
    pub(super) fn kind(&self) -> Kind {
        match &self.ask {
            Ask::Remove { .. } | Ask::DropUpload { .. } => Kind::Change,
            Ask::List { .. } => Kind::List,
            _ => Kind::Look,
        }
    }

    /// The blobs on whose being right the answer depends.
    fn digests(&self) -> &[Digest] {
        match &self.ask {
            Ask::Get(Get { digest, .. }) | Ask::Stat { digest } => slice::from_ref(digest),
            Ask::Has { digests } => digests,
            _ => &[],
        }
    }

    /// How much there is to look up, and to hold in memory until then.
    pub(super) fn weight(&self) -> usize {
        match &self.ask {
            Ask::Has { digests } => digests.len(),
            Ask::Get(get) => 1 + get.ranges.len(),
            _ => 1,
        }
    }
}

/// Which workers a question is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Look,
    List,
    Change,
}

/// Who answers questions of a kind.
pub(super) fn workers(shared: &Shared, kind: Kind) -> &Workers {
    match kind {
        Kind::Look => &shared.readers,
        Kind::List => shared.lookers(),
        Kind::Change => &shared.writers,
    }
}

/// Answers questions as long as the peer takes the answers. Those for which something has to be hashed first are answered
/// later, so that the others need not wait. For workers.
pub(super) fn answer(shared: &Shared, talk: &Talk, questions: Vec<Question>) {
    let found = find_whole(shared, talk, &questions);
    let (mut small, mut others) = (Vec::new(), Vec::new());
    for (question, found) in questions.into_iter().zip(found) {
        match found {
            Some(Ok(Some(Found::Bytes(bytes)))) => small.push((question, bytes)),
            found => others.push((question, found)),
        }
    }
    let mut small = small.into_iter();
    talk.end_with(&mut small.by_ref().map(|(question, bytes)| (question.task, bytes)));
    small.for_each(|(question, _)| talk.outbox.postpone(question));
    for (question, found) in others {
        let Some(later) = answer_one(shared, talk, question, found, Effort::Look) else { continue };
        let task = later.task;
        if talk.doubtful.push(later).is_err() {
            let message = "too much has to be hashed before this can be answered; ask again in a moment";
            talk.end(task, refusal(Code::Busy, message));
        }
    }
}

/// What a look for a blob came to.
type Outcome = Result<Option<Found>, Refusal>;

/// Finds the first of the blobs that are asked for as a whole, so that those that are small are hashed together: as many as
/// the peer surely takes. What is to be said of the others is found when it is said.
fn find_whole(shared: &Shared, talk: &Talk, questions: &[Question]) -> Vec<Option<Outcome>> {
    let mut found: Vec<_> = questions.iter().map(|_| None).collect();
    if talk.outbox.is_full() {
        return found;
    }
    let is_right = |digest: &Digest| matches!(shared.store.is_suspect(digest), Ok(false));
    let (places, digests): (Vec<_>, Vec<_>) = (questions.iter().enumerate())
        .filter_map(|(place, question)| Some((place, question.whole().filter(is_right)?)))
        .unzip();
    let outcomes = find::find_first(&shared.store, &shared.cache, &digests, FOUND_LEN_MAX);
    for (place, outcome) in places.into_iter().zip(outcomes) {
        found[place] = Some(outcome);
    }
    found
}

/// Answers a question for which something has to be hashed first: blobs that a power cut made suspect, or one whose
/// checkpoint list nobody has kept. That takes as long as they are large.
pub(super) async fn check_and_answer(shared: Arc<Shared>, talk: Arc<Talk>, question: Question) {
    if check(&shared, &talk, question).await.is_err() {
        // A worker panicked.
        talk.outbox.break_off();
    }
}

async fn check(shared: &Arc<Shared>, talk: &Arc<Talk>, question: Question) -> Result<(), Close> {
    for digest in question.digests() {
        let (job, digest) = (Arc::clone(shared), *digest);
        // Apart: others may wait for the same blob, and its hashing is not begun anew because the first of them has gone.
        let cleared = tokio::spawn(async move { job.clear_doubt(digest).await });
        cleared.await.map_err(|_| Close::Bug)??;
    }
    let (job, peer) = (Arc::clone(shared), Arc::clone(talk));
    let look = move || answer_one(&job, &peer, question, None, Effort::Look);
    let Some(question) = shared.readers.run(look).await? else { return Ok(()) };
    let (job, peer) = (Arc::clone(shared), Arc::clone(talk));
    let hash = move || {
        let left = answer_one(&job, &peer, question, None, Effort::Hash);
        assert!(left.is_none(), "whoever hashes gives no question back");
    };
    shared.checkers.run(hash).await
}

/// What an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effort {
    Look,
    Hash,
}

/// Gives the question back if something has to be hashed first, and that is more than the `effort` it is worth here. What it
/// asks for may have been `found` before.
fn answer_one(
    shared: &Shared,
    talk: &Talk,
    question: Question,
    found: Option<Outcome>,
    effort: Effort,
) -> Option<Question> {
    if talk.outbox.is_full() {
        talk.outbox.postpone(question);
        return None;
    }
    let task = question.task;
    look(shared, talk, question, found, effort).unwrap_or_else(|refusal| {
        talk.end(task, refused(&refusal));
        None
    })
}

fn look(
    shared: &Shared,
    talk: &Talk,
    question: Question,
    found: Option<Outcome>,
    effort: Effort,
) -> Result<Option<Question>, Refusal> {
    if effort == Effort::Look && found.is_none() {
        for digest in question.digests() {
            if shared.store.is_suspect(digest)? {
                return Ok(Some(question));
            }
        }
    }
    let Question { task, ask } = question;
    let said = match ask {
        Ask::Get(get) => return send(shared, talk, task, get, found, effort),
        Ask::Has { digests } => has(shared, &digests)?,
        Ask::Stat { digest } => describe(shared, &digest)?,
        Ask::List { after, limit } => list(shared, after, limit)?,
        Ask::Remove { digest } => remove(shared, &digest)?,
        Ask::ListUploads { after, limit } => list_uploads(shared, after, limit)?,
        Ask::DropUpload { upload } => match shared.store.drop_upload(upload)? {
            true => Say::Dropped,
            false => refusal(Code::NoSuchUpload, "there is no upload of this id"),
        },
        _ => unreachable!("a session begins no such task here"),
    };
    talk.end(task, said);
    Ok(None)
}

fn send(
    shared: &Shared,
    talk: &Talk,
    task: TaskId,
    get: Get,
    found: Option<Outcome>,
    effort: Effort,
) -> Result<Option<Question>, Refusal> {
    let digest = get.digest;
    let absent = || Refusal::Absent { digest };
    let found = found.unwrap_or_else(|| find::find(&shared.store, &shared.cache, &digest));
    let found = found?.ok_or_else(absent)?;
    let size = found.size();
    let parts: Vec<Range<u64>> = match &get.ranges[..] {
        _ if get.list_only => Vec::new(),
        [] => iter::once(0..size).collect(),
        ranges => ranges.to_vec(),
    };
    if parts.last().is_some_and(|last| last.end > size) {
        return Err(Refusal::Unsatisfiable { digest, size });
    }
    let checkpoints = match &found {
        Found::Open(blob) if (get.checkpoints || get.list_only) && size > SEGMENT_LEN => {
            let list = shared.lists.find(&digest, || match effort {
                Effort::Look => shared.store.kept_checkpoints(blob).map_err(Refusal::from),
                Effort::Hash => shared.store.checkpoints(&digest).map_err(Refusal::from),
            })?;
            match effort {
                Effort::Look if list.is_none() => return Ok(Some(Question { task, ask: Ask::Get(get) })),
                // A blob that was opened and is damaged has none.
                _ => Some(list.ok_or_else(absent)?),
            }
        }
        _ => None,
    };
    if let (Found::Bytes(bytes), [part], false) = (&found, &parts[..], get.checkpoints)
        && *part == (0..size)
    {
        talk.end_with(&mut iter::once((task, Arc::clone(bytes))));
        return Ok(None);
    }
    // Many may be asked for at once, and are sent a few at a time: the others wait, and nothing is held for them.
    let Ok(turn) = Arc::clone(&talk.sendings).try_acquire_owned() else {
        talk.outbox.queue(Question { task, ask: Ask::Get(get) });
        return Ok(None);
    };
    match shared.take_descriptors(1) {
        Some(open) => {
            let sending = Sending::new(task, digest.algorithm(), found, parts, checkpoints, (open, turn));
            talk.outbox.send(sending);
        }
        None => talk.end(task, refusal(Code::Busy, "too many blobs are being sent; ask again in a moment")),
    }
    Ok(None)
}

fn has(shared: &Shared, digests: &[Digest]) -> Result<Say, Refusal> {
    let present = digests.iter().map(|digest| Ok(shared.store.has(digest)?));
    Ok(Say::Presence { present: present.collect::<Result<_, Refusal>>()? })
}

fn describe(shared: &Shared, digest: &Digest) -> Result<Say, Refusal> {
    // Whoever is told of it relies on it.
    let is_there = !shared.store.evicts() || shared.store.has(digest)?;
    let blob = if is_there { shared.store.blob(digest)? } else { None };
    let blob = blob.ok_or(Refusal::Absent { digest: *digest })?;
    let checkpoint_count = checkpoint_count(digest.algorithm(), blob.size());
    Ok(Say::Described { size: blob.size(), published: blob.published(), checkpoint_count })
}

fn list(shared: &Shared, after: Option<Digest>, limit: usize) -> Result<Say, Refusal> {
    let (page, next) = work::list(&shared.store, after, limit)?;
    let listed = |blob: aqueduct_store::Listed| ListedBlob {
        digest: blob.digest,
        size: blob.size,
        published: blob.published,
    };
    Ok(Say::Listed { blobs: page.into_iter().map(listed).collect(), next })
}

fn remove(shared: &Shared, digest: &Digest) -> Result<Say, Refusal> {
    match work::remove(&shared.store, digest, true)? {
        true => Ok(Say::Removed),
        false => Err(Refusal::Absent { digest: *digest }),
    }
}

fn list_uploads(shared: &Shared, after: Option<UploadId>, limit: usize) -> Result<Say, Refusal> {
    let page = shared.store.uploads(after, limit)?;
    let next = (page.len() == limit).then(|| page.last().map(|last| last.id)).flatten();
    let listed = |upload: aqueduct_store::UploadListed| ListedUpload {
        id: upload.id,
        algorithm: upload.plan.algorithm,
        digest: upload.plan.digest,
        size: upload.plan.size,
        verified: upload.verified_len,
        used: upload.used,
        stored: upload.stored,
    };
    Ok(Say::Uploads { uploads: page.into_iter().map(listed).collect(), next })
}

/// As many as are worth handing over: a few microseconds each, with what is small to be read.
pub(super) const QUESTION_COUNT: usize = 64;

/// Bytes of small blobs after which a worker says what it has: as eight work for one peer, that is some 2 MiB for it.
const FOUND_LEN_MAX: u64 = 256 << 10;

/// A `Has` of as many digests as it may have is enough for one worker.
pub(super) const QUESTION_WEIGHT: usize = 2000;
