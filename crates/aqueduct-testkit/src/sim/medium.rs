//! The model of the medium: what is durable, and what is on its way.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file of the model, whatever its names and whichever inode it has today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileId(pub(super) u64);

/// A file's content, shared between images that do not differ in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) bytes: Arc<Vec<u8>>,
    /// When it was last changed or named.
    pub(super) changed: i64,
    /// Whether the store may open it for writing by its name.
    pub(super) writable: bool,
}

/// A whole tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) directories: BTreeSet<PathBuf>,
    pub(super) names: BTreeMap<PathBuf, FileId>,
    pub(super) files: HashMap<FileId, Content>,
}

/// A verb that no sync has covered, or that waits behind one on the same file or directory.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) change: Change,
    pub(super) at: i64,
    /// A sync covered it, but not an earlier one, which must not come to lie on top of it.
    pub(super) durable: bool,
    /// A sync that should have covered it failed: the kernel forgets that it is pending, and no later sync covers it.
    pub(super) forgotten: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    MakeDir(PathBuf),
    Link { path: PathBuf, file: FileId },
    Unlink(PathBuf),
    Write { file: FileId, offset: u64, bytes: Arc<Vec<u8>> },
    SetLen { file: FileId, len: u64 },
    Seal(FileId),
}

impl Change {
    /// The directory whose sync makes it durable.
    pub(super) fn directory(&self) -> Option<&Path> {
        match self {
            Self::MakeDir(path) | Self::Link { path, .. } | Self::Unlink(path) => Some(parent(path)),
            Self::Write { .. } | Self::SetLen { .. } | Self::Seal(_) => None,
        }
    }

    /// The file whose sync makes it durable.
    pub(super) fn file(&self) -> Option<FileId> {
        match self {
            Self::Write { file, .. } | Self::SetLen { file, .. } | Self::Seal(file) => Some(*file),
            Self::MakeDir(_) | Self::Link { .. } | Self::Unlink(_) => None,
        }
    }
}

/// What the kernel writes back: pages, whole.
pub(super) const PAGE_LEN: usize = 4096;

/// Sectors are written whole: a torn write keeps some and loses others.
pub(super) const SECTOR_LEN: usize = 512;

impl Pending {
    /// A write after a failed sync makes its pages dirty again, with all that is in them.
    pub(super) fn remembered_by(&self, write: &Change) -> bool {
        match (&self.change, write) {
            (
                Change::Write { file, offset, bytes },
                Change::Write { file: other_file, offset: other_offset, bytes: other_bytes },
            ) => {
                let pages = |offset: u64, len: usize| {
                    let page_len = PAGE_LEN as u64;
                    offset / page_len..(offset + len as u64).div_ceil(page_len)
                };
                let (ours, theirs) = (pages(*offset, bytes.len()), pages(*other_offset, other_bytes.len()));
                file == other_file && theirs.start <= ours.start && ours.end <= theirs.end
            }
            _ => false,
        }
    }
}

impl Tree {
    /// Applies a change. `torn` says of each sector of a write whether it reached the medium; the file is as long as if
    /// all had.
    pub(super) fn apply(&mut self, change: &Change, at: i64, torn: Option<&mut dyn FnMut() -> bool>) {
        match change {
            Change::MakeDir(path) => {
                if self.holds(parent(path)) {
                    self.directories.insert(path.clone());
                }
            }
            Change::Link { path, file } => {
                if self.holds(parent(path)) {
                    self.names.insert(path.clone(), *file);
                    self.touch(*file, at);
                }
            }
            Change::Unlink(path) => {
                self.names.remove(path);
            }
            Change::SetLen { file, len } => {
                let len = usize::try_from(*len).expect("files of the model fit in memory");
                self.content(*file).resize(len, 0);
                self.touch(*file, at);
            }
            Change::Seal(file) => {
                self.files.entry(*file).or_default().writable = false;
                self.touch(*file, at);
            }
            Change::Write { file, offset, bytes } => {
                let start = usize::try_from(*offset).expect("files of the model fit in memory");
                let content = self.content(*file);
                let end = start + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                match torn {
                    None => content[start..end].copy_from_slice(bytes),
                    Some(survives) => {
                        for (sector, piece) in bytes.chunks(SECTOR_LEN).enumerate() {
                            if survives() {
                                let from = start + sector * SECTOR_LEN;
                                content[from..from + piece.len()].copy_from_slice(piece);
                            }
                        }
                    }
                }
                self.touch(*file, at);
            }
        }
    }

    /// The names in a directory.
    pub(super) fn list(&self, directory: &Path) -> Option<Vec<String>> {
        if !self.holds(directory) {
            return None;
        }
        let root = directory == Path::new(".");
        let start = if root { Path::new("") } else { directory };
        let inside = |path: &&PathBuf| parent(path) == directory;
        let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let files = self.names.range(start.to_owned()..).map(|(path, _)| path);
        let directories = self.directories.range(start.to_owned()..);
        let near = |path: &&PathBuf| root || path.starts_with(directory);
        let files = files.take_while(near).filter(inside).filter_map(name);
        let directories = directories.take_while(near).filter(inside).filter_map(name);
        Some(files.chain(directories).collect())
    }

    /// Forgets files that nothing leads to.
    pub(super) fn prune(&mut self) {
        let named: BTreeSet<FileId> = self.names.values().copied().collect();
        self.files.retain(|file, _| named.contains(file));
    }

    fn holds(&self, directory: &Path) -> bool {
        directory == Path::new(".") || self.directories.contains(directory)
    }

    fn content(&mut self, file: FileId) -> &mut Vec<u8> {
        Arc::make_mut(&mut self.files.entry(file).or_default().bytes)
    }

    fn touch(&mut self, file: FileId, at: i64) {
        self.files.entry(file).or_default().changed = at;
    }
}

pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
