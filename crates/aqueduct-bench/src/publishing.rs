//! Small blobs into a store.

use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Result, ensure};
use aqueduct_blob::Algorithm;
use aqueduct_flow::Step;
use aqueduct_store::{Absent, Options, Outcome, Store};

use crate::stopwatch::Stopwatch;
use crate::{Load, contents};

/// Times the publishing alone: the store is made before and closed after.
pub(crate) fn publish(root: &Path, load: Load) -> Result<()> {
    let options = Options { sync: load.sync.into(), threads: NonZeroUsize::MIN, ..Options::default() };
    let store = Store::open(root, Absent::Make, options)?;
    let stopwatch = Stopwatch::start();
    contents::share_out(load, |share| {
        let mut buffer = vec![0; load.size];
        for number in share {
            contents::fill(&mut buffer, number);
            publish_one(&store, &buffer)?;
        }
        Ok(())
    })?;
    let taken = stopwatch.stop();
    println!("count={} bytes={} {taken}", load.count, load.count * load.size as u64);
    store.close()?;
    Ok(())
}

fn publish_one(store: &Store, bytes: &[u8]) -> Result<()> {
    let mut staging = store.begin(Algorithm::Sha256, Some(bytes.len() as u64))?;
    let step = staging.fill(&mut |file, offset, observe| {
        file.write_all_at(bytes, offset)?;
        observe(bytes);
        Ok(Step::Moved(bytes.len()))
    })?;
    ensure!(step == Step::Moved(bytes.len()), "the bytes were written whole");
    let published = staging.verify(None)?.publish()?;
    ensure!(published.outcome == Outcome::New, "{} was there before", published.digest);
    Ok(())
}
