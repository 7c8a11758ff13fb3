//! What was named on the command line.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use aqueduct_flow::uninterrupted;
use aqueduct_sys::{Access, CWD, FileType, Symlinks, open_directory_at, open_file, stat_at};
use aqueduct_wire::transfer::limits::{ENTRY_COUNT_MAX, NAME_LEN_MAX};

use crate::{Error, ErrorKind};

/// A file or directory that was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Root {
    /// Absolute, without symbolic links.
    pub(super) path: PathBuf,
    /// The name that appears at the receiver's.
    pub(super) name: Vec<u8>,
}

/// Finds what `paths` name, each of which may be a symbolic link.
///
/// # Errors
///
/// [`ErrorKind::Source`] for one that is missing, cannot be read, or is neither file nor directory; [`ErrorKind::Usage`]
/// for two that would appear under the same name, and for what has no name.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<Root>, Error> {
    if paths.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "nothing is named that could be sent"));
    }
    let roots: Vec<_> = paths.iter().map(|path| Root::find(path)).collect::<Result<_, _>>()?;
    let mut names = HashSet::new();
    for (root, path) in roots.iter().zip(paths) {
        if !names.insert(&root.name) {
            let name = root.name.escape_ascii();
            let what = format!(
                "{}: another path is named {name}, too: send them one after the other",
                path.display()
            );
            return Err(Error::new(ErrorKind::Usage, what));
        }
    }
    let names_len: usize = names.iter().map(|name| name.len()).sum();
    if roots.len() > ENTRY_COUNT_MAX || names_len > NAMES_LEN_MAX {
        let what = format!("{} paths are too many at once: send the directory that they are in", roots.len());
        return Err(Error::new(ErrorKind::Usage, what));
    }
    Ok(roots)
}

impl Root {
    fn find(path: &Path) -> Result<Self, Error> {
        let shown = path.display();
        let unreadable = |error: std::io::Error| Error::source_file(format!("cannot read {shown}"), error);
        // Before its path is resolved: what a shell writes as <(...) has none.
        let seen = uninterrupted(|| stat_at(CWD, path, Symlinks::Follow))
            .map_err(|error| unreadable(error.into()))?;
        let file_type = seen.file_type();
        if !matches!(file_type, FileType::RegularFile | FileType::Directory) {
            let what = format!(
                "{shown} is {}, and only files and directories have a size: send its bytes with `aqueduct send - < {shown}`",
                describe(file_type)
            );
            return Err(Error::new(ErrorKind::Source, what));
        }
        let resolved = path.canonicalize().map_err(unreadable)?;
        // So that whoever may not read it hears of it now, and not when the receiver is there.
        match file_type {
            FileType::Directory => open_directory_at(CWD, &resolved, Symlinks::Keep),
            _ => open_file(CWD, &resolved, Access::Read),
        }
        .map_err(|error| unreadable(error.into()))?;
        let name = name_of(path, &resolved).filter(|name| name.len() <= NAME_LEN_MAX);
        let Some(name) = name.map(|name| name.as_bytes().to_vec()) else {
            let what = format!("{shown} has no name that it could arrive under: send what is in it");
            return Err(Error::new(ErrorKind::Usage, what));
        };
        Ok(Self { path: resolved, name })
    }
}

/// The last name of what was typed; or, if that is no name (`.`, `..`, `DIRECTORY/.`), of what it leads to.
fn name_of<'a>(path: &'a Path, resolved: &'a Path) -> Option<&'a OsStr> {
    // `file_name` looks past a dot at the end.
    let is_dotted = path.as_os_str().as_bytes().ends_with(b"/.");
    path.file_name().filter(|_| !is_dotted).or_else(|| resolved.file_name())
}

pub(super) fn describe(file_type: FileType) -> &'static str {
    match file_type {
        FileType::Fifo => "a fifo",
        FileType::Socket => "a socket",
        FileType::BlockDevice | FileType::CharacterDevice => "a device",
        _ => "of no kind that is known",
    }
}

/// All of them are in one header of 64 KiB.
const NAMES_LEN_MAX: usize = 32 * 1024;
