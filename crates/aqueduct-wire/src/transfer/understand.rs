//! From messages to words, and back. `None` is a message that breaks a rule.

use aqueduct_blob::Algorithm;
use prost::Message as _;

use super::limits::{
    AGAIN_COUNT_MAX, ASK_COUNT_MAX, ENTRY_COUNT_MAX, HELD_RANGE_COUNT_MAX, NAME_LEN_MAX, STREAM_COUNT_MAX,
    TARGET_LEN_MAX, TEXT_LEN_MAX, XATTRS_LEN_MAX,
};
use super::messages::{self, Said};
use super::{
    Accept, Entry, EntryId, Failure, HeldFile, Identity, Kind, Meta, Offer, Role, Time, Verify, Word,
};

pub(super) fn message(word: &Word) -> Said {
    match word {
        Word::Open { nonce, role, stream, attempt } => Said::Open(messages::Open {
            nonce: nonce.to_vec(),
            role: match role {
                Role::Send => SEND,
                Role::Receive => RECEIVE,
            },
            stream: *stream,
            attempt: attempt.to_vec(),
        }),
        Word::Challenge { nonce, proof } => {
            Said::Challenge(messages::Challenge { nonce: nonce.to_vec(), proof: proof.to_vec() })
        }
        Word::Proof { proof } => Said::Proof(messages::Proof { proof: proof.to_vec() }),
        Word::Offer(offer) => Said::Offer(messages::Offer {
            transfer: offer.transfer.to_vec(),
            algorithm: match offer.algorithm {
                Algorithm::Sha256 => SHA256,
                Algorithm::Blake3 => BLAKE3,
            },
            verify: match offer.verify {
                Verify::Full => FULL,
                Verify::Wire => WIRE,
                Verify::None => NONE,
            },
            names: offer.names.clone(),
            size: offer.size,
            file_count: offer.file_count,
            stream_count: offer.stream_count,
            room: offer.room,
        }),
        Word::Accept(accept) => Said::Accept(messages::Accept {
            attempt: accept.attempt.to_vec(),
            resumes: accept.resumes,
            in_order: accept.in_order,
            stream_count: accept.stream_count,
        }),
        Word::Entries(entries) => {
            Said::Entries(messages::Entries { entries: entries.iter().map(entry_message).collect() })
        }
        Word::Pack { files, check } => Said::Pack(messages::Pack {
            files: files.iter().map(entry_message).collect(),
            check: check.map_or_else(Vec::new, Vec::from),
        }),
        Word::Bytes { entry, offset } => Said::Bytes(messages::Bytes { entry: entry.0, offset: *offset }),
        Word::Sum { entry, index, before, after } => Said::Sum(messages::Sum {
            entry: entry.0,
            index: *index,
            before: bytes_unless_zero(before),
            after: bytes_unless_zero(after),
        }),
        Word::Whole { entry, size, digest } => Said::Whole(messages::Whole {
            entry: entry.0,
            size: *size,
            digest: digest.map_or_else(Vec::new, Vec::from),
        }),
        Word::Changed { entry } => Said::Changed(messages::Changed { entry: entry.0 }),
        Word::End { file_count, left_count } => {
            Said::End(messages::End { file_count: *file_count, left_count: *left_count })
        }
        Word::Ask { identities } => Said::Ask(messages::Ask {
            identities: identities.iter().flat_map(|identity| identity.0).collect(),
        }),
        Word::Held(files) => Said::Held(messages::Held { files: files.iter().map(held_message).collect() }),
        Word::Verified { len } => Said::Verified(messages::Verified { len: *len }),
        Word::Again { entry, segments } => {
            Said::Again(messages::Again { entry: entry.0, segments: segments.clone() })
        }
        Word::Skip { entry } => Said::Skip(messages::Skip { entry: entry.0 }),
        Word::Done { file_count, failed_count, is_synced, digest } => Said::Done(messages::Done {
            file_count: *file_count,
            failed_count: *failed_count,
            is_synced: *is_synced,
            digest: digest.map_or_else(Vec::new, Vec::from),
        }),
        Word::Failed { failure, why } => {
            Said::Failed(messages::Failed { failure: *failure as i32, why: why.clone() })
        }
    }
}

pub(super) fn word(said: Said) -> Option<Word> {
    Some(match said {
        Said::Open(open) => Word::Open {
            nonce: exactly(&open.nonce)?,
            role: match open.role {
                SEND => Role::Send,
                RECEIVE => Role::Receive,
                _ => return None,
            },
            stream: (open.stream < STREAM_COUNT_MAX).then_some(open.stream)?,
            attempt: exactly(&open.attempt)?,
        },
        Said::Challenge(challenge) => {
            Word::Challenge { nonce: exactly(&challenge.nonce)?, proof: exactly(&challenge.proof)? }
        }
        Said::Proof(proof) => Word::Proof { proof: exactly(&proof.proof)? },
        Said::Offer(offer) => Word::Offer(understand_offer(offer)?),
        Said::Accept(accept) => Word::Accept(Accept {
            attempt: exactly(&accept.attempt)?,
            resumes: accept.resumes,
            in_order: accept.in_order,
            stream_count: stream_count(accept.stream_count)?,
        }),
        Said::Entries(entries) => Word::Entries(understand_entries(entries.entries)?),
        Said::Pack(pack) => understand_pack(pack)?,
        Said::Bytes(bytes) => Word::Bytes { entry: EntryId(bytes.entry), offset: bytes.offset },
        Said::Sum(sum) => Word::Sum {
            entry: EntryId(sum.entry),
            index: sum.index,
            before: exactly_or_zero(&sum.before)?,
            after: exactly_or_zero(&sum.after)?,
        },
        Said::Whole(whole) => {
            Word::Whole { entry: EntryId(whole.entry), size: whole.size, digest: if_any(&whole.digest)? }
        }
        Said::Changed(changed) => Word::Changed { entry: EntryId(changed.entry) },
        Said::End(end) => Word::End { file_count: end.file_count, left_count: end.left_count },
        Said::Ask(ask) => {
            let (identities, rest) = ask.identities.as_chunks();
            (rest.is_empty() && identities.len() <= ASK_COUNT_MAX).then_some(())?;
            Word::Ask { identities: identities.iter().copied().map(Identity).collect() }
        }
        Said::Held(held) => Word::Held(understand_held(&held)?),
        Said::Verified(verified) => Word::Verified { len: verified.len },
        Said::Again(again) => {
            (1..=AGAIN_COUNT_MAX).contains(&again.segments.len()).then_some(())?;
            Word::Again { entry: EntryId(again.entry), segments: again.segments }
        }
        Said::Skip(skip) => Word::Skip { entry: EntryId(skip.entry) },
        Said::Done(done) => Word::Done {
            file_count: done.file_count,
            failed_count: done.failed_count,
            is_synced: done.is_synced,
            digest: if_any(&done.digest)?,
        },
        Said::Failed(failed) => {
            let failure = Failure::ALL.into_iter().find(|failure| *failure as i32 == failed.failure);
            (failed.why.len() <= TEXT_LEN_MAX).then_some(())?;
            Word::Failed { failure: failure.unwrap_or(Failure::Other), why: failed.why }
        }
    })
}

pub(super) fn entry_len(entry: &Entry) -> usize {
    let message = entry_message(entry);
    // A field of a list: its key, and its length in up to three bytes.
    message.encoded_len() + 4
}

fn entry_message(entry: &Entry) -> messages::Entry {
    let Meta { mode, mtime, owner, xattrs } = &entry.meta;
    let xattr =
        |(name, value): &(Vec<u8>, Vec<u8>)| messages::Xattr { name: name.clone(), value: value.clone() };
    messages::Entry {
        id: entry.id.0,
        parent: entry.parent.0,
        name: entry.name.clone(),
        mode: u32::from(*mode),
        mtime: Some(messages::Time { seconds: mtime.seconds, nanoseconds: mtime.nanoseconds }),
        owner: owner.map(|(user, group)| messages::Owner { user, group }),
        xattrs: xattrs.iter().map(xattr).collect(),
        kind: Some(match &entry.kind {
            Kind::Directory => messages::Kind::Directory(messages::Directory {}),
            Kind::Regular { size, identity } => {
                messages::Kind::Regular(messages::Regular { size: *size, identity: identity.0.to_vec() })
            }
            Kind::Stream => messages::Kind::Stream(messages::Stream {}),
            Kind::Symlink { target } => messages::Kind::Symlink(target.clone()),
            Kind::HardLink { to } => messages::Kind::HardLink(to.0),
        }),
    }
}

fn understand_offer(offer: messages::Offer) -> Option<Offer> {
    (1..=ENTRY_COUNT_MAX).contains(&offer.names.len()).then_some(())?;
    offer.names.iter().all(|name| is_name(name)).then_some(())?;
    Some(Offer {
        transfer: exactly(&offer.transfer)?,
        algorithm: match offer.algorithm {
            SHA256 => Algorithm::Sha256,
            BLAKE3 => Algorithm::Blake3,
            _ => return None,
        },
        verify: match offer.verify {
            FULL => Verify::Full,
            WIRE => Verify::Wire,
            NONE => Verify::None,
            _ => return None,
        },
        names: offer.names,
        size: offer.size,
        file_count: offer.file_count,
        stream_count: stream_count(offer.stream_count)?,
        room: offer.room,
    })
}

fn understand_entries(entries: Vec<messages::Entry>) -> Option<Vec<Entry>> {
    (entries.len() <= ENTRY_COUNT_MAX).then_some(())?;
    entries.into_iter().map(understand_entry).collect()
}

fn understand_pack(pack: messages::Pack) -> Option<Word> {
    let files = understand_entries(pack.files)?;
    files.iter().all(|file| matches!(file.kind, Kind::Regular { .. })).then_some(())?;
    Some(Word::Pack { check: if_any(&pack.check)?, files })
}

fn understand_entry(entry: messages::Entry) -> Option<Entry> {
    (entry.id > entry.parent && is_name(&entry.name)).then_some(())?;
    let time = entry.mtime.unwrap_or_default();
    (time.nanoseconds < NANOSECONDS).then_some(())?;
    let xattrs: Vec<_> = entry.xattrs.into_iter().map(|xattr| (xattr.name, xattr.value)).collect();
    let xattrs_len: usize = xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
    (xattrs_len <= XATTRS_LEN_MAX).then_some(())?;
    xattrs.iter().all(|(name, _)| !name.is_empty() && !name.contains(&0)).then_some(())?;
    Some(Entry {
        id: EntryId(entry.id),
        parent: EntryId(entry.parent),
        name: entry.name,
        meta: Meta {
            mode: u16::try_from(entry.mode).ok().filter(|mode| mode & !MODE_MASK == 0)?,
            mtime: Time { seconds: time.seconds, nanoseconds: time.nanoseconds },
            owner: entry.owner.map(|owner| (owner.user, owner.group)),
            xattrs,
        },
        kind: match entry.kind? {
            messages::Kind::Directory(messages::Directory {}) => Kind::Directory,
            messages::Kind::Regular(file) => Kind::Regular {
                size: i64::try_from(file.size).is_ok().then_some(file.size)?,
                identity: Identity(exactly(&file.identity)?),
            },
            messages::Kind::Stream(messages::Stream {}) => Kind::Stream,
            messages::Kind::Symlink(target) => {
                let is_target = (1..=TARGET_LEN_MAX).contains(&target.len()) && !target.contains(&0);
                Kind::Symlink { target: is_target.then_some(target)? }
            }
            messages::Kind::HardLink(to) => {
                Kind::HardLink { to: (to > 0 && to < entry.id).then_some(EntryId(to))? }
            }
        },
    })
}

fn held_message(file: &HeldFile) -> messages::HeldFile {
    messages::HeldFile {
        place: file.place,
        whole: file.whole,
        segments: file.segments.iter().flat_map(|range| [range.start, range.end - range.start]).collect(),
    }
}

fn understand_held(held: &messages::Held) -> Option<Vec<HeldFile>> {
    let range_count: usize = held.files.iter().map(|file| file.segments.len() / 2).sum();
    (held.files.len() <= ASK_COUNT_MAX && range_count <= HELD_RANGE_COUNT_MAX).then_some(())?;
    held.files.iter().map(understand_held_file).collect()
}

fn understand_held_file(file: &messages::HeldFile) -> Option<HeldFile> {
    let (pairs, rest) = file.segments.as_chunks::<2>();
    rest.is_empty().then_some(())?;
    let mut segments: Vec<std::ops::Range<u64>> = Vec::with_capacity(pairs.len());
    for &[first, count] in pairs {
        let range = first..first.checked_add(count)?;
        (count > 0 && segments.last().is_none_or(|before| before.end < first)).then_some(())?;
        segments.push(range);
    }
    Some(HeldFile { place: file.place, whole: file.whole, segments })
}

/// Whether it is one name in a directory, and nothing that leads out of it.
fn is_name(name: &[u8]) -> bool {
    (1..=NAME_LEN_MAX).contains(&name.len())
        && !name.contains(&b'/')
        && !name.contains(&0)
        && name != b"."
        && name != b".."
}

fn stream_count(count: u32) -> Option<u32> {
    (1..=STREAM_COUNT_MAX).contains(&count).then_some(count)
}

fn exactly<const LEN: usize>(bytes: &[u8]) -> Option<[u8; LEN]> {
    bytes.try_into().ok()
}

fn exactly_or_zero(bytes: &[u8]) -> Option<[u8; 32]> {
    if bytes.is_empty() { Some([0; 32]) } else { exactly(bytes) }
}

fn if_any(bytes: &[u8]) -> Option<Option<[u8; 32]>> {
    if bytes.is_empty() { Some(None) } else { exactly(bytes).map(Some) }
}

fn bytes_unless_zero(bytes: &[u8; 32]) -> Vec<u8> {
    if *bytes == [0; 32] { Vec::new() } else { bytes.to_vec() }
}

const SEND: i32 = 1;
const RECEIVE: i32 = 2;
const SHA256: i32 = 1;
const BLAKE3: i32 = 2;
const FULL: i32 = 1;
const WIRE: i32 = 2;
const NONE: i32 = 3;

const NANOSECONDS: u32 = 1_000_000_000;

/// The permission bits of inode(7), with set-user-ID, set-group-ID and the sticky bit.
const MODE_MASK: u16 = 0o7777;
