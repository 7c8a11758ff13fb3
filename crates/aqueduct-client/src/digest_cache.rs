//! Digests of files that were hashed before, so that a server can be asked for them without reading them again.
//!
//! One small text file, read whole and replaced whole by a rename: two programs at once cost each other entries and
//! nothing else, there is no lock to be left behind, and a damaged file, which its first line tells, is as good as none.
//! A database would keep more and promise more than a cache has to.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_sys::{Stat, Timestamp};

use crate::landing::Landing;

/// What files were found to be. Whoever uses it asks the server, who decides: it is only ever a reason to ask.
#[derive(Debug)]
pub struct DigestCache {
    path: PathBuf,
    /// Before any file was looked at that is remembered here.
    loaded: SystemTime,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Key, Entry>,
    /// The age of the next entry: larger than that of every other.
    next: u64,
    is_changed: bool,
}

/// A file as it was when it was hashed. A file that looks the same is the same, once it was left alone for long enough:
/// whoever writes to one changes its times. The one exception is a program that writes through a mapping to a filesystem in
/// memory (tmpfs), where the times move with the first such write alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    device: u64,
    inode: u64,
    size: u64,
    mtime: Timestamp,
    ctime: Timestamp,
    algorithm: Algorithm,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    digest: Digest,
    age: u64,
}

impl DigestCache {
    /// Reads what was saved at `path`. Whatever is wrong with it, it is empty then.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        let entries = read(path).unwrap_or_default();
        let next = entries.len() as u64;
        let loaded = SystemTime::now();
        Self { path: path.to_owned(), loaded, state: Mutex::new(State { entries, next, is_changed: false }) }
    }

    /// The digest that a file which looks like this had when it was hashed.
    #[must_use]
    pub fn digest(&self, seen: &Stat, algorithm: Algorithm) -> Option<Digest> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.entries.get(&Key::of(seen, algorithm)).map(|entry| entry.digest)
    }

    /// Remembers the digest of a file that looks as it did before it was hashed. It was first looked at after the cache was
    /// loaded.
    ///
    /// One that was changed shortly before that is not remembered: it could be changed again, and look the same (as git's
    /// documentation has it, it is racily clean).
    pub fn remember(&self, seen: &Stat, digest: &Digest) {
        if !is_settled(seen, self.loaded) {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry { digest: *digest, age: state.next };
        state.entries.insert(Key::of(seen, digest.algorithm()), entry);
        state.next += 1;
        state.is_changed = true;
    }

    /// Saves what is new, with what others have saved meanwhile; the oldest go where there are too many.
    ///
    /// # Errors
    ///
    /// Those of writing a file, which no caller needs to mind.
    pub fn save(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_changed {
            return Ok(());
        }
        for (key, entry) in read(&self.path).unwrap_or_default() {
            state.entries.entry(key).or_insert(entry);
        }
        let mut entries: Vec<_> = state.entries.iter().collect();
        entries.sort_unstable_by_key(|(_, entry)| entry.age);
        let text = write(&entries[entries.len().saturating_sub(ENTRY_COUNT_MAX)..]);
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let landing = Landing::begin(&self.path)?;
        io::Write::write_all(&mut landing.file(), text.as_bytes())?;
        let _ = landing.land(false, true)?;
        state.is_changed = false;
        Ok(())
    }
}

impl Key {
    fn of(seen: &Stat, algorithm: Algorithm) -> Self {
        let Stat { device, inode, size, mtime, ctime, .. } = *seen;
        Self { device, inode, size, mtime, ctime, algorithm }
    }
}

/// Whether a file had been left alone for so long by `now` that one more change could be seen.
fn is_settled(seen: &Stat, now: SystemTime) -> bool {
    let changed = seen.mtime.max(seen.ctime);
    let Ok(now) = now.duration_since(SystemTime::UNIX_EPOCH) else { return false };
    let Ok(seconds) = u64::try_from(changed.seconds) else { return true };
    now.checked_sub(Duration::new(seconds, changed.nanoseconds)).is_some_and(|age| age >= AGE_MIN)
}

/// The first line names the form and the digest of all that follows: a torn or damaged file is none.
fn write(entries: &[(&Key, &Entry)]) -> String {
    let mut lines = String::new();
    for (key, entry) in entries {
        let Key { device, inode, size, mtime, ctime, .. } = key;
        let (mtime, ctime) = (time(*mtime), time(*ctime));
        let _ = writeln!(lines, "{device} {inode} {size} {mtime} {ctime} {}", entry.digest);
    }
    format!("{FORM} {}\n{lines}", digest_of(&lines))
}

fn read(path: &Path) -> Option<HashMap<Key, Entry>> {
    let found = std::fs::metadata(path).ok()?;
    if !found.is_file() || found.len() > FILE_LEN_MAX {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    let (first, lines) = text.split_once('\n')?;
    if first.strip_prefix(FORM)?.trim_start() != digest_of(lines).to_string() {
        return None;
    }
    lines.lines().zip(0..).map(|(line, age)| parse(line, age)).collect()
}

fn parse(line: &str, age: u64) -> Option<(Key, Entry)> {
    let mut words = line.split(' ');
    let mut number = || words.next()?.parse().ok();
    let (device, inode, size) = (number()?, number()?, number()?);
    let (mtime, ctime) = (parse_time(words.next()?)?, parse_time(words.next()?)?);
    let digest: Digest = words.next()?.parse().ok()?;
    let key = Key { device, inode, size, mtime, ctime, algorithm: digest.algorithm() };
    words.next().is_none().then_some((key, Entry { digest, age }))
}

fn time(time: Timestamp) -> String {
    format!("{}.{:09}", time.seconds, time.nanoseconds)
}

fn parse_time(text: &str) -> Option<Timestamp> {
    let (seconds, nanoseconds) = text.split_once('.')?;
    Some(Timestamp { seconds: seconds.parse().ok()?, nanoseconds: nanoseconds.parse().ok()? })
}

fn digest_of(lines: &str) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(lines.as_bytes());
    hasher.finish().digest
}

const FORM: &str = "aqueduct-digests-1";

/// About 10 MiB, read in some ten milliseconds.
const ENTRY_COUNT_MAX: usize = 1 << 16;

/// What is longer is none of ours: no line has more than 250 bytes.
const FILE_LEN_MAX: u64 = 250 * (ENTRY_COUNT_MAX as u64 + 1);

/// Filesystems keep times in steps of up to two seconds. And a write through a mapping moves them only if the page is clean,
/// which it is once it was written back: after some 35 seconds (dirty_expire_centisecs and dirty_writeback_centisecs in
/// the kernel's documentation of /proc/sys/vm).
const AGE_MIN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
