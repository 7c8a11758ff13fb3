//! What `put` was asked to store: files named, files found in directories, and streams.

use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use aqueduct_sys::{Access, FileType, Stat, open_directory, open_file, stat};

use crate::fault::Fault;
use crate::text::shown;

/// One file to store.
#[derive(Debug)]
pub(crate) struct Source {
    /// As it was named, or found below what was named; `-` for standard input.
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file named on the command line: symbolic links are followed.
    Named,
    /// A regular file met in a walk.
    Found,
    /// A pipe, socket or device: its end will tell its size.
    Stream,
    Stdin,
}

/// All that is to be stored, in order; what cannot be is in its place.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) list: Vec<Result<Source, Fault>>,
    /// What was met in a walk and is neither a file nor a directory, or is the store itself.
    pub(crate) skipped: usize,
    /// The sum of the sizes, if all are known and somebody wants it; else 0.
    pub(crate) size: u64,
}

impl Sources {
    /// Lists what `paths` name, without the store itself, if they go into one: a walk that found it would never end. Only if
    /// they are `measured` is every file looked at, which takes as long as to list them.
    pub(crate) fn list(paths: &[PathBuf], store: Option<&Path>, measured: bool) -> Result<Self, Fault> {
        if paths.iter().filter(|path| is_stdin(path)).count() > 1 {
            return Err(Fault::Usage("standard input (-) can be read only once".to_owned()));
        }
        let store = store.map(fs::metadata).transpose().map_err(Fault::local("look at the store"))?;
        let store = store.as_ref().map(identity);
        let mut sources = Self::default();
        let size = measured.then_some(0);
        let mut walk = Walk { sources: &mut sources, store, above: HashSet::new(), size };
        for path in paths {
            walk.name(path);
        }
        sources.size = walk.size.unwrap_or(0);
        Ok(sources)
    }
}

impl Source {
    /// Opens it; what is to be a file is one still.
    pub(crate) fn open(&self) -> io::Result<File> {
        match self.kind {
            Kind::Stdin => Ok(io::stdin().as_fd().try_clone_to_owned()?.into()),
            Kind::Stream => File::open(&self.path),
            Kind::Named | Kind::Found => Ok(self.open_file()?.0),
        }
    }

    /// Opens what is a file still, and looks at it; a fifo that took its place is not waited for.
    pub(crate) fn open_file(&self) -> io::Result<(File, Stat)> {
        let file = match self.kind {
            // The last link is followed here, and never by the open.
            Kind::Named => open_from_here(&fs::canonicalize(&self.path)?)?,
            _ => open_from_here(&self.path)?,
        };
        let seen = stat(&file)?;
        if seen.file_type() == FileType::RegularFile {
            Ok((file, seen))
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file any more"))
        }
    }
}

fn open_from_here(path: &Path) -> io::Result<File> {
    static HERE: OnceLock<OwnedFd> = OnceLock::new();
    let here = match HERE.get() {
        Some(here) => here,
        None => {
            let here = open_directory(Path::new("."))?;
            HERE.get_or_init(|| here)
        }
    };
    Ok(open_file(here, path, Access::Read)?.into())
}

struct Walk<'a> {
    sources: &'a mut Sources,
    store: Option<(u64, u64)>,
    /// The directories that the walk is in: bind mounts can make a circle.
    above: HashSet<(u64, u64)>,
    /// The sum of the sizes so far; `None` once it is not known.
    size: Option<u64>,
}

impl Walk<'_> {
    /// Takes what was named on the command line.
    fn name(&mut self, path: &Path) {
        if is_stdin(path) {
            return self.take(path, Kind::Stdin, None);
        }
        match fs::metadata(path) {
            Err(source) => self.fail(path, source),
            Ok(found) if found.is_dir() => self.descend(path, &found),
            Ok(found) if found.is_file() => self.take(path, Kind::Named, Some(found.len())),
            Ok(_) => self.take(path, Kind::Stream, None),
        }
    }

    fn descend(&mut self, directory: &Path, found: &Metadata) {
        let identity = identity(found);
        if Some(identity) == self.store || !self.above.insert(identity) {
            self.sources.skipped += 1;
            return;
        }
        match sorted(directory) {
            Err(source) => self.fail(directory, source),
            Ok(entries) => {
                for (path, file_type) in entries {
                    self.find(&path, file_type);
                }
            }
        }
        self.above.remove(&identity);
    }

    /// Takes what was met in a walk.
    fn find(&mut self, path: &Path, file_type: fs::FileType) {
        if !file_type.is_dir() && !file_type.is_file() {
            self.sources.skipped += 1;
            return;
        }
        if file_type.is_file() && self.size.is_none() {
            return self.take(path, Kind::Found, None);
        }
        match fs::symlink_metadata(path) {
            Err(source) => self.fail(path, source),
            Ok(found) if found.is_dir() => self.descend(path, &found),
            Ok(found) => self.take(path, Kind::Found, Some(found.len())),
        }
    }

    fn take(&mut self, path: &Path, kind: Kind, size: Option<u64>) {
        self.size = self.size.zip(size).map(|(sum, size)| sum.saturating_add(size));
        self.sources.list.push(Ok(Source { path: path.to_owned(), kind }));
    }

    fn fail(&mut self, path: &Path, source: io::Error) {
        self.sources.list.push(Err(Fault::Source { path: shown(path), source }));
    }
}

/// The entries of a directory by name, so that two walks print the same lines.
fn sorted(directory: &Path) -> io::Result<Vec<(PathBuf, fs::FileType)>> {
    let entries = fs::read_dir(directory)?.map(|entry| {
        let entry = entry?;
        Ok((entry.path(), entry.file_type()?))
    });
    let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
    entries.sort_unstable_by(|(a, _), (b, _)| a.as_os_str().cmp(b.as_os_str()));
    Ok(entries)
}

fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}
