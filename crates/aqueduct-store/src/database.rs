//! A redb database whose every write goes through the [`Disk`], so that power cuts can be tried on it too, and whose damage is
//! an error: redb takes some pages at their word, and panics where they break it.

mod overlay;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;

use aqueduct_flow::Step;
use overlay::Overlay;
use redb::{Builder, Database, DatabaseError, StorageBackend};

use crate::disk::{Disk, Linked};
use crate::fault::{Blame, StorageFault};
use crate::layout;

/// A database that is open, from `path`. Whatever redb does with it is [`guarded`], its closing included.
#[derive(Debug)]
pub(crate) struct Open {
    path: &'static Path,
    /// `None` only while it is dropped.
    database: Option<Database>,
}

impl Open {
    fn new(path: &'static Path, database: Database) -> Self {
        Self { path, database: Some(database) }
    }

    /// Runs `work` on it, and calls it `verb` where that fails.
    pub(crate) fn run<T>(
        &self,
        verb: &'static str,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StorageFault> {
        let database = self.database.as_ref().expect("it is not being dropped");
        guarded(verb, self.path, || work(database))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let database = self.database.take();
        // redb writes when it closes, which nobody hears of; what it did not write is repaired by who opens it next.
        drop(guarded("close", self.path, || {
            drop(database);
            Ok::<_, redb::Error>(())
        }));
    }
}

/// Has redb do something, and takes a panic of its for damage. Nothing of what it held may be used after that, but to close
/// it. A second panic while the first one unwinds still ends the process, which changed pages of an index can bring about.
pub(crate) fn guarded<T, E: Into<redb::Error>>(
    verb: &'static str,
    path: &Path,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, StorageFault> {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| fault(verb, path, error)),
        Err(_) => Err(damaged(verb, path, "its pages contradict each other")),
    }
}

/// What the pages of a database that was closed well are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pages {
    /// For what was written. A page that the medium has changed may have redb write over others.
    Believed,
    /// Each is held against its checksum first, which takes as long as to read the file.
    Checked,
}

/// What its pages are when the file becomes longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    /// Holes, for which there may be no room when they are written.
    Sparse,
    /// Reserved: where there is no room for it, nothing of the change was tried that needs it ([`NoRoom`]), and whatever
    /// needs no more pages than there are can be written to a full disk.
    Reserved,
}

/// A database could not become longer, and is as it was.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct NoRoom(pub(crate) io::Error);

/// Opens the database at `path`; `None` where there is none.
pub(crate) fn open(
    disk: &Arc<dyn Disk>,
    path: &'static Path,
    cache_len: usize,
    (pages, growth): (Pages, Growth),
) -> Result<Option<Open>, StorageFault> {
    let Some(file) = disk.open_writable(path).blame("open", path)? else { return Ok(None) };
    // redb would take an empty file for a new database, and a truncated one is not that.
    if disk.stat(&file).blame("stat", path)?.size == 0 {
        return Err(damaged("open", path, "the file is empty"));
    }
    if pages == Pages::Checked {
        // It follows pointers: on a cold medium one small read would wait for the other. What cannot be read it meets again.
        drop(disk.read_ahead(&file));
    }
    let database = guarded("open", path, || build(disk, file, cache_len, (pages, growth)))?;
    Ok(Some(Open::new(path, database)))
}

/// Opens the database at `path`, and holds every page of it against its checksum; `None` where there is none. Whatever redb
/// mends on the way, and whatever is written to it, the file stays as it is.
pub(crate) fn inspect(
    disk: &Arc<dyn Disk>,
    path: &'static Path,
    cache_len: usize,
) -> Result<Option<Open>, StorageFault> {
    let Some(file) = disk.open(path).blame("open", path)? else { return Ok(None) };
    let stat = disk.stat(&file).blame("stat", path)?;
    if !stat.regular || stat.size == 0 {
        return Err(damaged("check", path, "the file is empty"));
    }
    let overlay = Overlay::new(file).blame("stat", path)?;
    let sound = guarded("check", path, || {
        let mut database = Builder::new().set_cache_size(cache_len).create_with_backend(overlay)?;
        Ok::<_, DatabaseError>(database.check_integrity()?.then(|| Open::new(path, database)))
    })?;
    sound.map(Some).ok_or_else(|| damaged("check", path, "its pages are not what their checksums say"))
}

/// Makes the database at `path`, filled by `fill`. It is built without a name and linked whole, so a crash in the middle
/// leaves none rather than half of one.
pub(crate) fn make(
    disk: &Arc<dyn Disk>,
    path: &'static Path,
    cache_len: usize,
    growth: Growth,
    fill: impl FnOnce(&Database) -> Result<(), redb::Error>,
) -> Result<Open, StorageFault> {
    let file = disk.stage_writable().blame("stage", path)?;
    let named = file.try_clone().blame("stage", path)?;
    let built = guarded("make", path, || build(disk, file, cache_len, (Pages::Believed, growth)))?;
    let database = Open::new(path, built);
    database.run("make", fill)?;
    // Its pages are holes so far. Filled, they can be written when the disk is full, and blobs be removed then.
    let size = disk.stat(&named).blame("stat", path)?.size;
    disk.reserve(&named, size).blame("reserve", path)?;
    match disk.link(&named, path).blame("link", path)? {
        Linked::New => {}
        // The store is locked and the name was free a moment ago.
        Linked::Exists => return Err(fault("link", path, io::Error::from(io::ErrorKind::AlreadyExists))),
    }
    disk.sync_dir(layout::parent(path)).blame("sync directory", layout::parent(path))?;
    Ok(database)
}

fn damaged(verb: &'static str, path: &Path, what: &'static str) -> StorageFault {
    StorageFault::new(verb, path, io::Error::new(io::ErrorKind::InvalidData, what))
}

/// Turns any of redb's errors into a fault on the database's path.
fn fault(verb: &'static str, path: &Path, error: impl Into<redb::Error>) -> StorageFault {
    let source = match error.into() {
        // What a damaged page points to is not in the file.
        redb::Error::Io(source)
            if matches!(source.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput) =>
        {
            io::Error::new(io::ErrorKind::InvalidData, source)
        }
        redb::Error::Io(source) => source,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    };
    StorageFault::new(verb, path, source)
}

fn build(
    disk: &Arc<dyn Disk>,
    file: File,
    cache_len: usize,
    (pages, growth): (Pages, Growth),
) -> Result<Database, DatabaseError> {
    let backend = Backend { disk: Arc::clone(disk), file, growth };
    let mut builder = Builder::new();
    builder.set_cache_size(cache_len).set_check_integrity_on_open(pages == Pages::Checked);
    builder.create_with_backend(backend)
}

#[derive(Debug)]
struct Backend {
    disk: Arc<dyn Disk>,
    file: File,
    growth: Growth,
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.disk.stat(&self.file).map(|stat| stat.size)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.growth == Growth::Reserved && len > self.len()? {
            let no_room = |error: io::Error| io::Error::new(error.kind(), NoRoom(error));
            self.disk.reserve(&self.file, len).map_err(no_room)?;
        }
        self.disk.set_len(&self.file, len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.sync_data(&self.file)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        write_all(&*self.disk, &self.file, offset, data)
    }
}

/// Writes all of `bytes` at `offset`, through the seam.
pub(crate) fn write_all(disk: &dyn Disk, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    disk.write(file, offset, &mut |file| {
        file.write_all_at(bytes, offset)?;
        Ok(Step::Moved(bytes.len()))
    })
    .map(drop)
}

/// redb reports a broken file as an error of storage; everything else of it is ours.
pub(crate) fn is_damage(fault: &StorageFault) -> bool {
    fault.kind() == io::ErrorKind::InvalidData
}

/// Whether nothing can be had of the file: it is broken, or the medium does not give its bytes.
pub(crate) fn is_lost(fault: &StorageFault) -> bool {
    is_damage(fault) || fault.is_of_medium()
}
