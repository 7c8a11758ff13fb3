//! A file that arrives at its destination: under its name whole, or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use aqueduct_sys::{
    Errno, Placed, fdatasync, fsync, link_unnamed, open_directory, open_unnamed, rename_noreplace,
};

/// A directory where files arrive, opened once for all of them.
#[derive(Clone, Debug)]
pub struct Directory {
    opened: Arc<OwnedFd>,
    path: Arc<Path>,
}

/// A file without its name yet. Dropped before it has landed, it is gone.
#[derive(Debug)]
pub struct Landing {
    file: File,
    directory: Directory,
    name: OsString,
    /// The name it has meanwhile, on filesystems without unnamed files.
    temporary: Option<OsString>,
}

impl Directory {
    /// The directory in which `path` is a name.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub fn of(path: &Path) -> io::Result<Self> {
        let path = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Ok(Self { opened: Arc::new(open_directory(path)?), path: path.into() })
    }
}

impl Landing {
    /// Makes the file in the directory of `path`, with the mode that any program would give it.
    ///
    /// # Errors
    ///
    /// Where the directory is none, or takes no file.
    pub fn begin(path: &Path) -> io::Result<Self> {
        Self::begin_in(&Directory::of(path)?, path)
    }

    /// Makes the file in `directory`, for the last part of `path`.
    ///
    /// # Errors
    ///
    /// Where the directory takes no file.
    pub fn begin_in(directory: &Directory, path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
        let directory = directory.clone();
        match open_unnamed(&directory.opened, MODE) {
            Ok(file) => Ok(Self { file: file.into(), directory, name, temporary: None }),
            // A kernel or filesystem that does not know the flag takes it for an open of the directory.
            Err(error) if matches!(error.errno(), Errno::OPNOTSUPP | Errno::ISDIR) => {
                let (temporary, file) = unused(|temporary| {
                    let path = directory.path.join(temporary);
                    File::options().read(true).write(true).create_new(true).open(path)
                })?;
                Ok(Self { file, directory, name, temporary: Some(temporary) })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The file, open for reading and writing.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its name, durably if `sync`. What has the name already is replaced only if `force`.
    ///
    /// # Errors
    ///
    /// Those of the sync, and of giving the name. The file is gone then, unless the name was given and only its
    /// directory failed to sync.
    pub fn land(mut self, sync: bool, force: bool) -> io::Result<Placed> {
        if sync {
            fdatasync(&self.file)?;
        }
        let placed = if force { self.replace()? } else { self.place()? };
        if sync && placed == Placed::New {
            fsync(&self.directory.opened)?;
        }
        Ok(placed)
    }

    fn place(&mut self) -> io::Result<Placed> {
        let (directory, name) = (&self.directory.opened, Path::new(&self.name));
        let Some(temporary) = &self.temporary else {
            return Ok(link_unnamed(&self.file, directory, name)?);
        };
        let placed = rename_noreplace(directory, Path::new(temporary), directory, name)?;
        if placed == Placed::New {
            self.temporary = None;
        }
        Ok(placed)
    }

    /// A link never replaces, so the file gets another name first. For that moment a kill leaves it there, whole.
    fn replace(&mut self) -> io::Result<Placed> {
        let temporary = match self.temporary.take() {
            Some(temporary) => temporary,
            None => {
                let link =
                    |name: &OsStr| match link_unnamed(&self.file, &self.directory.opened, Path::new(name))? {
                        Placed::New => Ok(()),
                        Placed::NameTaken => Err(io::ErrorKind::AlreadyExists.into()),
                    };
                unused(link)?.0
            }
        };
        let old = self.directory.path.join(&temporary);
        self.temporary = Some(temporary);
        #[expect(
            clippy::disallowed_methods,
            reason = "to replace is what the caller asks for, and this is no store"
        )]
        std::fs::rename(old, self.directory.path.join(&self.name))?;
        self.temporary = None;
        Ok(Placed::New)
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // It failed already, and that is what will be told.
            let _ = std::fs::remove_file(self.directory.path.join(temporary));
        }
    }
}

/// Runs `make` with names until one is not taken.
fn unused<T>(make: impl Fn(&OsStr) -> io::Result<T>) -> io::Result<(OsString, T)> {
    let mut attempt = 0;
    loop {
        let name = OsString::from(format!(".aqueduct-{}-{attempt}", std::process::id()));
        match make(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPT_COUNT_MAX => {
                attempt += 1;
            }
            made => return Ok((name, made?)),
        }
    }
}

/// Before the umask, as for any new file.
const MODE: u32 = 0o666;

/// Names that a killed process of the same number may have left.
const ATTEMPT_COUNT_MAX: u32 = 100;
