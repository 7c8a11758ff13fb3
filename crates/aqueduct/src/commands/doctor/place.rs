//! Where a store is, or would be, and files there to try things on.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use aqueduct_flow::probe::Ground;
use aqueduct_sys::{Errno, Result, open_directory, open_unnamed};

/// Where a store is, or would be.
#[derive(Debug)]
pub(super) struct Place {
    /// What was asked about.
    pub(super) wanted: PathBuf,
    /// That, or the nearest directory above it that exists.
    pub(super) path: PathBuf,
    pub(super) directory: Result<File>,
    /// A file without a name there, gone when this is dropped.
    pub(super) file: Result<File>,
    pub(super) ground: Result<Ground>,
}

impl Place {
    /// Looks, and tries what there is to try. Nothing in it is an error.
    pub(super) fn find(wanted: PathBuf) -> Self {
        // Relative to a directory that is gone, it stays as it is.
        let absolute = std::path::absolute(&wanted).unwrap_or_else(|_| wanted.clone());
        let (path, directory) = nearest(&absolute);
        let unnamed = || match &directory {
            Ok(directory) => open_unnamed(directory, OWN_MODE).map(File::from),
            Err(error) => Err(*error),
        };
        let file = unnamed();
        let ground = match &file {
            Ok(source) => unnamed().and_then(|target| Ground::of(source, &target)),
            Err(error) => Err(*error),
        };
        Self { wanted, path, directory, file, ground }
    }

    /// Whether what was asked about is there itself.
    pub(super) fn is_wanted(&self) -> bool {
        self.path == std::path::absolute(&self.wanted).unwrap_or_else(|_| self.wanted.clone())
    }
}

/// The first of a path and what is above it that is not simply missing.
fn nearest(path: &Path) -> (PathBuf, Result<File>) {
    for path in path.ancestors() {
        match open_directory(path) {
            Err(error) if error.errno() == Errno::NOENT => {}
            opened => return (path.to_owned(), opened.map(File::from)),
        }
    }
    (path.to_owned(), Err(aqueduct_sys::Error::new("openat", Errno::NOENT)))
}

/// What went wrong, as people read it.
pub(super) fn reason(error: aqueduct_sys::Error) -> String {
    io::Error::from(error.errno()).to_string()
}

/// Nobody else's business.
const OWN_MODE: u32 = 0o600;
