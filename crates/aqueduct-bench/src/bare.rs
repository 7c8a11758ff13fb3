//! What publishing costs where nothing is promised but durability: no digest, no index, no race.

#![expect(clippy::disallowed_methods, reason = "this is what the store is measured against")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::stopwatch::Stopwatch;
use crate::{Load, Sync, contents};

/// When a file gets its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// Before its bytes, so that half a file can be seen.
    AtOnce,
    /// By a rename, when it is whole.
    Last,
}

/// Times the files alone: the directories are made before, and open.
pub(crate) fn publish(root: &Path, shard_count: u16, naming: Naming, load: Load) -> Result<()> {
    let paths: Vec<PathBuf> = match shard_count {
        1 => vec![root.to_owned()],
        count => (0..count).map(|shard| root.join(format!("{shard:02x}"))).collect(),
    };
    let shards: Vec<File> = paths
        .iter()
        .map(|path| {
            fs::create_dir_all(path)?;
            Ok(File::open(path)?)
        })
        .collect::<Result<_>>()?;
    let stopwatch = Stopwatch::start();
    contents::share_out(load, |share| {
        let mut buffer = vec![0; load.size];
        for number in share {
            contents::fill(&mut buffer, number);
            let shard = usize::from(contents::shard(number)) % shards.len();
            write_one(&paths[shard], number, &buffer, naming, load.sync)?;
            if load.sync == Sync::Full {
                shards[shard].sync_all()?;
            }
        }
        Ok(())
    })?;
    let taken = stopwatch.stop();
    println!("count={} bytes={} {taken}", load.count, load.count * load.size as u64);
    Ok(())
}

fn write_one(dir: &Path, number: u64, bytes: &[u8], naming: Naming, sync: Sync) -> Result<()> {
    // As long as the rest of a digest, so that directories grow alike.
    let target = dir.join(format!("{number:062x}"));
    let staged = if naming == Naming::Last { target.with_extension("new") } else { target.clone() };
    let mut file = File::create_new(&staged)?;
    file.write_all(bytes)?;
    if sync == Sync::Full {
        file.sync_data()?;
    }
    if naming == Naming::Last {
        fs::rename(&staged, &target)?;
    }
    Ok(())
}
