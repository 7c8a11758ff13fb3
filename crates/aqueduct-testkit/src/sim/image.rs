//! What a power cut may leave, and how it becomes a disk again.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aqueduct_store::RealDisk;
use tempfile::TempDir;

use super::disk::{SimDisk, State};
use super::medium::{Change, Content, FileId, PAGE_LEN, Pending, Tree};

/// What a power cut left.
#[derive(Clone, Debug)]
pub struct Image {
    tree: Tree,
    clock: i64,
    /// Which pending verbs survived, for a message.
    story: String,
}

impl Image {
    /// Which pending verbs survived, in the order they were made: `+` kept, `-` lost, `~` torn.
    pub fn story(&self) -> &str {
        &self.story
    }

    /// A number that two images share when they hold the same files with the same bytes and times.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.clock, &self.tree.directories).hash(&mut hasher);
        for (path, file) in &self.tree.names {
            let content = &self.tree.files[file];
            (path, content.changed, content.writable, content.bytes.len()).hash(&mut hasher);
            for (index, page) in pages(&content.bytes) {
                (index, page).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// Whether there is a file at `path`, and its bytes are these.
    pub fn holds(&self, path: &str, bytes: &[u8]) -> bool {
        self.at(path).is_some_and(|content| *content.bytes == bytes)
    }

    /// Whether there is a file at `path`, and it has as many bytes, but others.
    pub fn differs(&self, path: &str, bytes: &[u8]) -> bool {
        self.at(path).is_some_and(|content| content.bytes.len() == bytes.len() && *content.bytes != bytes)
    }

    /// The same without the file at `path`.
    pub fn without(mut self, path: &str) -> Self {
        let gone = self.tree.names.remove(Path::new(path));
        assert!(gone.is_some(), "there is a file {path} to leave out");
        self.tree.prune();
        self
    }

    /// The same with other bytes in the file at `path`, which is a database's.
    pub fn with(mut self, path: &str, bytes: &[u8]) -> Self {
        let file = self.tree.names[Path::new(path)];
        let bytes = Arc::new(bytes.to_vec());
        self.tree.files.insert(file, Content { bytes, changed: self.clock, writable: true });
        self
    }

    fn at(&self, path: &str) -> Option<&Content> {
        self.tree.names.get(Path::new(path)).map(|file| &self.tree.files[file])
    }
}

/// Up to so many pending verbs, every subset of them is tried.
const PENDING_COUNT_EXHAUSTIVE: usize = 10;
/// Beyond, so many subsets are drawn beside the telling ones.
const SUBSET_COUNT_RANDOM: usize = 48;

/// The medium at the moment the power goes.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    durable: Tree,
    pending: Vec<Pending>,
    clock: i64,
}

impl Cut {
    pub(super) fn now(state: &State) -> Self {
        let State { durable, pending, clock, .. } = state;
        Self { durable: durable.clone(), pending: pending.clone(), clock: *clock }
    }

    /// Only what is durable is kept.
    pub(super) fn nothing_kept(&self) -> Image {
        self.build(&self.effective(&vec![false; self.undecided()]), None)
    }

    /// Every subset that is worth trying.
    pub(super) fn images(self, seed: u64) -> impl Iterator<Item = Image> {
        let mut random = fastrand::Rng::with_seed(seed);
        let subsets = subsets(self.undecided(), &mut random);
        self.of(subsets, random)
    }

    /// Nothing kept, everything kept, and `count` subsets by chance.
    pub(super) fn sampled(self, seed: u64, count: usize) -> impl Iterator<Item = Image> {
        let mut random = fastrand::Rng::with_seed(seed);
        let len = self.undecided();
        let mut subsets = vec![vec![false; len], vec![true; len]];
        subsets.extend(by_chance(len, count, &mut random));
        self.of(subsets, random)
    }

    /// The images of these subsets, each once, and torn where a kept write can be.
    fn of(self, subsets: Vec<Vec<bool>>, mut random: fastrand::Rng) -> impl Iterator<Item = Image> {
        let mut seen = HashSet::new();
        subsets.into_iter().flat_map(move |chosen| {
            let kept = self.effective(&chosen);
            if !seen.insert(kept.clone()) {
                return [None, None].into_iter().flatten();
            }
            let torn = self.pending.iter().zip(&kept).any(|(pending, kept)| *kept && tears(pending));
            let torn = torn.then(|| self.build(&kept, Some(&mut random)));
            [Some(self.build(&kept, None)), torn].into_iter().flatten()
        })
    }

    /// How many pending verbs a power cut may undo.
    fn undecided(&self) -> usize {
        self.pending.iter().filter(|pending| !pending.durable).count()
    }

    /// Which of all pending verbs are kept: those that are durable, and of the others those in the subset `chosen`, without
    /// the changes to files that no name will lead to, which make no difference.
    fn effective(&self, chosen: &[bool]) -> Vec<bool> {
        let mut chosen = chosen.iter().copied();
        let kept: Vec<bool> = self
            .pending
            .iter()
            .map(|pending| pending.durable || chosen.next().expect("one for each"))
            .collect();
        let mut named: HashSet<FileId> = self.durable.names.values().copied().collect();
        for (pending, kept) in self.pending.iter().zip(&kept) {
            if let Change::Link { file, .. } = &pending.change
                && *kept
            {
                named.insert(*file);
            }
        }
        let matters = |pending: &Pending| pending.change.file().is_none_or(|file| named.contains(&file));
        self.pending.iter().zip(kept).map(|(pending, kept)| kept && matters(pending)).collect()
    }

    fn build(&self, kept: &[bool], mut tear: Option<&mut fastrand::Rng>) -> Image {
        let mut tree = self.durable.clone();
        let mut story = String::with_capacity(kept.len());
        for (pending, kept) in self.pending.iter().zip(kept) {
            if !kept {
                story.push('-');
                continue;
            }
            match tear.as_deref_mut().filter(|_| tears(pending)) {
                Some(random) => {
                    // Of some writes nothing arrives but the length, as where space was reserved; of others, some sectors.
                    let share = random.u8(0..=3);
                    let mut survives = || random.u8(0..4) < share;
                    tree.apply(&pending.change, pending.at, Some(&mut survives));
                    story.push('~');
                }
                None => {
                    tree.apply(&pending.change, pending.at, None);
                    story.push('+');
                }
            }
        }
        tree.prune();
        Image { tree, clock: self.clock, story }
    }
}

/// Which subsets of `count` pending verbs are tried.
fn subsets(count: usize, random: &mut fastrand::Rng) -> Vec<Vec<bool>> {
    if count <= PENDING_COUNT_EXHAUSTIVE {
        return (0..1_usize << count)
            .map(|mask| (0..count).map(|bit| mask >> bit & 1 == 1).collect())
            .collect();
    }
    // In order of time, as if the kernel wrote them back one by one; all but one; and some by chance.
    let prefixes = (0..=count).map(|len| (0..count).map(|index| index < len).collect());
    let but_one = (0..count).map(|lost| (0..count).map(|index| index != lost).collect());
    prefixes.chain(but_one).chain(by_chance(count, SUBSET_COUNT_RANDOM, random)).collect()
}

fn by_chance(len: usize, count: usize, random: &mut fastrand::Rng) -> Vec<Vec<bool>> {
    (0..count).map(|_| (0..len).map(|_| random.bool()).collect()).collect()
}

/// Whether a power cut may leave a part of it.
fn tears(pending: &Pending) -> bool {
    matches!(pending.change, Change::Write { .. }) && !pending.durable
}

/// A directory in which one disk after another is set up. Setting up the next costs only what differs.
#[derive(Debug)]
pub struct Slot {
    directory: TempDir,
    last: Option<SimDisk>,
}

impl Slot {
    /// A new directory, in memory where there is such a filesystem: what is durable is the model's business.
    ///
    /// # Errors
    /// Where none can be made.
    pub fn new() -> io::Result<Self> {
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() { TempDir::new_in(memory)? } else { TempDir::new()? };
        Ok(Self { directory, last: None })
    }

    /// An empty disk, at the first second of its clock.
    ///
    /// # Errors
    /// Where the directory cannot be written.
    pub fn empty(&mut self) -> io::Result<SimDisk> {
        let nothing = Image { tree: Tree::default(), clock: FIRST_SECOND, story: String::new() };
        self.mount(&nothing)
    }

    /// The disk after a power cut and a reboot. What was in the slot before is gone.
    ///
    /// # Errors
    /// Where the directory cannot be written.
    pub fn mount(&mut self, image: &Image) -> io::Result<SimDisk> {
        let last = self.last.take().map(|last| last.state().live.clone()).unwrap_or_default();
        for path in last.names.keys().filter(|path| !self.holds_already(&last, &image.tree, path)) {
            fs::remove_file(self.at(path))?;
        }
        for path in last.directories.difference(&image.tree.directories).collect::<Vec<_>>().into_iter().rev()
        {
            fs::remove_dir(self.at(path))?;
        }
        for path in image.tree.directories.difference(&last.directories) {
            fs::create_dir(self.at(path))?;
        }
        let mut inodes = HashMap::new();
        let mut placed: HashMap<FileId, &Path> = HashMap::new();
        for (path, id) in &image.tree.names {
            let content = &image.tree.files[id];
            if let Some(other) = placed.insert(*id, path) {
                self.link(other, path)?;
            } else if !self.holds_already(&last, &image.tree, path) {
                self.write(path, content)?;
            }
            inodes.insert(fs::metadata(self.at(path))?.ino(), *id);
        }
        let real = RealDisk::open(self.directory.path())?.expect("the slot's directory is there");
        let disk = SimDisk::over(real, image.tree.clone(), inodes, image.clock);
        self.last = Some(disk.clone());
        Ok(disk)
    }

    /// Whether the directory has the right file at `path` from the last time. One with several names is made anew.
    fn holds_already(&self, last: &Tree, next: &Tree, path: &Path) -> bool {
        let content = |tree: &Tree| {
            let file = tree.names.get(path)?;
            let is_alone = tree.names.values().filter(|named| *named == file).count() == 1;
            is_alone.then(|| tree.files[file].clone())
        };
        match (content(last), content(next)) {
            (Some(last), Some(next)) => {
                Arc::ptr_eq(&last.bytes, &next.bytes) && last.writable == next.writable
            }
            _ => false,
        }
    }

    fn write(&self, path: &Path, content: &Content) -> io::Result<()> {
        let mode = if content.writable { 0o644 } else { 0o444 };
        let file = File::options().write(true).create_new(true).mode(mode).open(self.at(path))?;
        file.set_len(content.bytes.len() as u64)?;
        for (index, page) in pages(&content.bytes) {
            file.write_all_at(page, (index * PAGE_LEN) as u64)?;
        }
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "nothing is published: this sets up what a power cut left")]
    fn link(&self, path: &Path, other: &Path) -> io::Result<()> {
        fs::hard_link(self.at(path), self.at(other))
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.directory.path().join(path)
    }
}

/// The pages that are not all zero: databases are mostly holes.
fn pages(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    const ZEROES: [u8; PAGE_LEN] = [0; PAGE_LEN];
    bytes.chunks(PAGE_LEN).enumerate().filter(|(_, page)| *page != &ZEROES[..page.len()])
}

/// Late enough that a clock can be set back.
const FIRST_SECOND: i64 = 1_000_000;
