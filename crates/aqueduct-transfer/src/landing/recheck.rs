//! Hashing what an earlier attempt has left, before it is believed.

use std::collections::HashMap;
use std::fs::File;
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use aqueduct_blob::{Algorithm, Assembly, Landed, Record, segment_range};
use aqueduct_sys::{Access, FileType, Symlinks, open_file, stat_at};
use aqueduct_wire::transfer::Verify;

use super::earlier::segment_len;
use super::journal::{Entry, Journal, Place, Told};
use super::staging::Stage;
use super::tree::place_in;
use super::walk;
use crate::{Error, Gauge};

/// Hashes every segment that was held, on all cores, and has `told` forget those that are not what they were. What nobody
/// has hashed, as small files, is forgotten, too: to hash it would take its digest, which is not kept.
///
/// Counts in `gauge` how far it is.
pub(super) fn recheck(told: &mut Told, stage: &Stage, journal: &Journal, gauge: &Gauge) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::disk("cannot read what an earlier attempt has left", error);
    let forget = |place| journal.append(&Entry::Gone(place));
    told.small.drain().try_for_each(|(place, _)| forget(place)).map_err(failed)?;
    if told.head.verify != Verify::Full {
        let places: Vec<Place> = told.large.values().map(|large| large.place).collect();
        told.large.clear();
        return places.into_iter().try_for_each(forget).map_err(failed);
    }
    let wanted: HashMap<Place, u64> =
        told.large.iter().map(|(number, large)| (large.place, *number)).collect();
    let mut paths = HashMap::new();
    for (name, place) in stage.places().map_err(|error| failed(error.into()))? {
        find((&stage.dir, &name), place, &name, &wanted, &mut paths).map_err(|error| failed(error.into()))?;
    }

    let mut segments = Vec::new();
    for (number, large) in &told.large {
        for record in large.records.values() {
            segments.push((*number, large.size, *record));
        }
    }
    gauge.set_total(
        told.large
            .values()
            .flat_map(|large| large.records.keys().map(|index| segment_len(large, *index)))
            .sum(),
    );
    let wrong = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let algorithm = told.head.algorithm;
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                let mut buffer = vec![0; READ_LEN];
                while let Some((number, size, record)) = segments.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Opened for each segment: there may be more files than a process may have open.
                    let file =
                        paths.get(number).and_then(|path| open_file(&stage.dir, path, Access::Read).ok());
                    let is_right =
                        file.is_some_and(|file| holds(&file.into(), algorithm, *size, record, &mut buffer));
                    if !is_right {
                        wrong.lock().unwrap_or_else(PoisonError::into_inner).push((*number, record.index));
                    }
                    let range = segment_range(*size, record.index);
                    gauge.add_verified(range.end - range.start);
                }
            });
        }
    });
    for (number, index) in wrong.into_inner().unwrap_or_else(PoisonError::into_inner) {
        journal.append(&Entry::Dropped { number, index }).map_err(failed)?;
        if let Some(large) = told.large.get_mut(&number) {
            large.drop_record(index);
        }
    }
    Ok(())
}

/// Finds the paths of what is at the places that are wanted: `name` in `dir`, which is at `path`, or whatever is below it.
fn find(
    (dir, name): (&OwnedFd, &Path),
    place: Place,
    path: &Path,
    wanted: &HashMap<Place, u64>,
    paths: &mut HashMap<u64, PathBuf>,
) -> aqueduct_sys::Result<()> {
    match stat_at(dir, name, Symlinks::Keep)?.file_type() {
        FileType::Directory => {
            let opened = walk::open_ours(dir, name)?;
            for name in walk::names(&opened)? {
                let place = place_in(&place, name.as_os_str().as_bytes());
                find((&opened, &name), place, &path.join(&name), wanted, paths)?;
            }
        }
        FileType::RegularFile => {
            if let Some(number) = wanted.get(&place) {
                paths.insert(*number, path.to_owned());
            }
        }
        _ => {}
    }
    Ok(())
}

/// Whether the segment of `record` is in `file` as it was when it was recorded. What cannot be read is not.
fn holds(file: &File, algorithm: Algorithm, size: u64, record: &Record, buffer: &mut [u8]) -> bool {
    let mut assembly = Assembly::new(algorithm, size);
    // In a chain a segment goes on from where the one before it ended.
    let before = record.index.checked_sub(1).filter(|_| algorithm == Algorithm::Sha256);
    if let Some(before) = before
        && assembly.claim(before, &[record.before]).is_err()
    {
        return false;
    }
    let Some(mut hasher) = assembly.begin(record.index) else { return false };
    let mut offset = segment_range(size, record.index).start;
    while hasher.left() > 0 {
        let len = usize::try_from(hasher.left()).unwrap_or(usize::MAX).min(buffer.len());
        let bytes = &mut buffer[..len];
        if file.read_exact_at(bytes, offset).is_err() {
            return false;
        }
        hasher.update(bytes);
        offset += len as u64;
    }
    assembly.land(hasher) == Landed::Held(*record)
}

/// As much as fits a core's cache.
const READ_LEN: usize = 256 << 10;
