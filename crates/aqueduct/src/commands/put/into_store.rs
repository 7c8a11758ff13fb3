//! Sources into a store.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;

use aqueduct_blob::Algorithm;
use aqueduct_flow::{
    Carried, CopyLadder, Intake, ReceiveRoute, SourceChanged, SourceTruncated, Step, wait_for,
};
use aqueduct_store::{self as store, Staging, Store, VerifyError};

use super::in_order::Teller;
use super::{Outcome, Stored};
use crate::fault::Fault;
use crate::progress::Meter;
use crate::routes::Routes;
use crate::sources::{Kind, Source};
use crate::text::shown;

pub(super) struct IntoStore<'a> {
    store: &'a Store,
    algorithm: Algorithm,
    ladder: CopyLadder,
}

impl<'a> IntoStore<'a> {
    pub(super) fn new(store: &'a Store, algorithm: Algorithm) -> Self {
        Self { store, algorithm, ladder: CopyLadder::new() }
    }

    pub(super) fn put_all(&self, teller: &Teller<'_>, threads: NonZeroUsize, meter: &Meter) {
        let sources: Vec<_> = teller.sources().collect();
        teller.in_turns(threads, &sources, |(index, source)| teller.tell(*index, self.put(source, meter)));
    }

    fn put(&self, source: &Source, meter: &Meter) -> Outcome {
        let path = shown(&source.path);
        let file = source.open().map_err(|error| Fault::Source { path: path.clone(), source: error })?;
        // No space is reserved: a reflink needs none, and holes would lose theirs.
        let mut staging = self.store.begin(self.algorithm, None)?;
        let copied = match source.kind {
            Kind::Named | Kind::Found => staging.copy_from(&self.ladder, &file, &mut |_| {}),
            Kind::Stream | Kind::Stdin => receive(&mut staging, &file, meter),
        };
        let carried = copied.map_err(|error| copy_fault(path.clone(), error))?;
        // What counts as done is what was hashed: a reflink of any size takes no time, and proves nothing.
        let read_back = staging.read_back(&|len| meter.add(len)).map_err(VerifyError::from);
        let verified = read_back.and_then(|()| staging.verify(None));
        let verified = verified.map_err(|source| Fault::Verify { path: path.clone(), source })?;
        let published = verified.publish().map_err(|source| Fault::Publish { path, source })?;
        let mut routes = Routes::default();
        routes.add(&carried, published.size);
        let is_new = published.outcome == store::Outcome::New;
        Ok(Stored { digest: published.digest, size: published.size, is_new, routes })
    }
}

fn receive(staging: &mut Staging, source: &File, meter: &Meter) -> io::Result<Carried> {
    let mut intake = Intake::new(ReceiveRoute::Splice);
    loop {
        let step = staging.fill(&mut |target, offset, observe| {
            intake.step(source.as_fd(), target, offset, TURN_LEN, observe)
        })?;
        match step {
            Step::Moved(len) => meter.add(len as u64),
            Step::Blocked(side) => wait_for(side, source, source)?,
            Step::End => return Ok(*intake.carried()),
        }
    }
}

fn copy_fault(path: String, error: io::Error) -> Fault {
    let cause = error.get_ref();
    if cause.is_some_and(|cause| cause.is::<SourceChanged>() || cause.is::<SourceTruncated>()) {
        Fault::Changed { path, source: error }
    } else {
        Fault::Local { doing: format!("copy {path} into the store"), source: error }
    }
}

/// What one turn of a stream moves: what the largest pipe holds.
const TURN_LEN: usize = 1 << 20;
