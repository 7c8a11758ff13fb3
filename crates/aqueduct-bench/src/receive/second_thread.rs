//! Hashing what another thread has just written.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_flow::show_copied;

use super::Heard;
use crate::meter::Spent;

/// What the second thread found, and what it took.
pub(super) struct Hashed {
    /// One a file.
    pub(super) digests: Vec<Digest>,
    pub(super) spent: Spent,
}

/// Receives each of `targets` in this thread, and hashes it in another as far as it has come.
pub(super) fn hash_behind(
    algorithm: Algorithm,
    targets: &[File],
    mut receive: impl FnMut(&File, &mut Heard<'_>) -> io::Result<()>,
) -> io::Result<Hashed> {
    thread::scope(|scope| {
        let (tell, told) = sync_channel::<Range<u64>>(BEHIND_COUNT_MAX);
        let hasher = scope.spawn(move || Spent::by(|| hash_each(algorithm, targets, &told)));
        let received = targets.iter().try_for_each(|target| {
            receive(target, &mut |offset, bytes| send(&tell, offset..offset + bytes.len() as u64))?;
            send(&tell, END)
        });
        drop(tell);
        let (digests, spent) = hasher.join().expect("a hashing thread does not panic");
        // If it failed, the other one failed for want of a listener.
        let digests = digests?;
        received.map(|()| Hashed { digests, spent })
    })
}

fn send(tell: &SyncSender<Range<u64>>, range: Range<u64>) -> io::Result<()> {
    tell.send(range).map_err(|_| io::ErrorKind::BrokenPipe.into())
}

fn hash_each(algorithm: Algorithm, targets: &[File], told: &Receiver<Range<u64>>) -> io::Result<Vec<Digest>> {
    let mut digests = Vec::new();
    for target in targets {
        let mut hasher = Hasher::new(algorithm);
        for range in told.iter().take_while(|range| *range != END) {
            show_copied(target, range, &mut |bytes| hasher.update(bytes))?;
        }
        digests.push(hasher.finish().digest);
    }
    Ok(digests)
}

/// Says that a file is whole: no stretch of one is empty.
const END: Range<u64> = 0..0;

/// How many stretches the second thread may lag behind: what it hashes is then still in a cache.
const BEHIND_COUNT_MAX: usize = 4;
