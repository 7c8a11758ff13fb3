//! `verify`: small blobs several at a time, large ones one at a time on all cores.

pub(super) mod report;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use aqueduct_blob::{Digest, SEGMENT_LEN};
use aqueduct_store::{ChangeError, Checked, ScrubFound, Store};

use crate::fault::Fault;
use crate::flags::Verify;
use crate::opened::{Opening, cores, named, with_store};
use crate::output::Output;
use crate::progress::{self, Meter};
use crate::voice::Voice;
use report::Report;

pub(super) fn run(verify: &Verify, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    let threads = verify.threads.unwrap_or_else(cores);
    with_store(&verify.store, Opening::EXISTING, voice, |store| {
        let mut report = Report::new(json, voice, output);
        if verify.digests.is_empty() {
            everything(store, threads, voice, &mut report)?;
        } else {
            let named = named(&verify.digests).collect::<Result<Vec<_>, _>>()?;
            let blobs =
                named.into_iter().map(|digest| Ok((digest, store.blob(&digest)?.map(|it| it.size()))));
            let blobs = blobs.collect::<Result<Vec<_>, ChangeError>>()?;
            let total = blobs.iter().filter_map(|(_, size)| *size).sum();
            progress::during(voice, "verify", total, |meter| {
                let there = blobs.iter().map(|(digest, size)| (*digest, size.unwrap_or(0)));
                page(store, there.collect(), threads, meter, &mut report)
            })?;
        }
        report.finish()
    })
}

fn everything(
    store: &Store,
    threads: NonZeroUsize,
    voice: &Voice,
    report: &mut Report<'_, '_>,
) -> Result<(), Fault> {
    // Those that a power cut made suspect come first: until they are hashed, a list hashes them one by one.
    let mut told = Ok(());
    store.check_suspects(&|_| ControlFlow::Continue(()), &mut |found| {
        let (digest, outcome) = match found {
            ScrubFound::Checked(checked) if checked.damage.is_empty() => return,
            ScrubFound::Checked(checked) => (checked.digest, Ok(Some(checked.clone()))),
            ScrubFound::Failed { digest: Some(digest), fault, .. } => (*digest, Err(fault.clone().into())),
            ScrubFound::Failed { digest: None, fault, .. } => {
                told = Err(Fault::Change(fault.clone().into()));
                return;
            }
        };
        if told.is_ok() {
            told = report.add(digest, outcome);
        }
    })?;
    told?;
    let total = store.usage()?.size;
    progress::during(voice, "verify", total, |meter| {
        let mut after = None;
        loop {
            let listed = store.list(after.as_ref(), PAGE_COUNT)?;
            let is_last = listed.len() < PAGE_COUNT;
            after = listed.last().map(|blob| blob.digest);
            let blobs = listed.into_iter().map(|blob| (blob.digest, blob.size)).collect();
            page(store, blobs, threads, meter, report)?;
            if is_last {
                return Ok(());
            }
        }
    })
}

/// Verifies some blobs, given with their sizes.
fn page(
    store: &Store,
    blobs: Vec<(Digest, u64)>,
    threads: NonZeroUsize,
    meter: &Meter,
    report: &mut Report<'_, '_>,
) -> Result<(), Fault> {
    let (large, small): (Vec<_>, Vec<_>) = blobs.into_iter().partition(|(_, size)| *size > SMALL_SIZE_MAX);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (told, heard) = mpsc::channel::<(Digest, Result<Option<Checked>, ChangeError>)>();
        for _ in 0..threads.get().min(small.len()) {
            let (told, next, small) = (told.clone(), &next, &small);
            scope.spawn(move || {
                while let Some((digest, _)) = small.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let checked = store.verify(digest, NonZeroUsize::MIN, &|len| meter.add(len));
                    if told.send((*digest, checked)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(told);
        heard.iter().try_for_each(|(digest, checked)| report.add(digest, checked))
    })?;
    for (digest, _) in large {
        let checked = store.verify(&digest, threads, &|len| meter.add(len));
        report.add(digest, checked)?;
    }
    Ok(())
}

/// Blobs listed at a time.
const PAGE_COUNT: usize = 4096;

/// Up to here a blob is verified by one thread: many blobs are then as good as many segments.
const SMALL_SIZE_MAX: u64 = 8 * SEGMENT_LEN;
