//! A real disk that makes a mistake: what a store would do that lacks a sync, or does things in another order.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::mpsc::channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aqueduct_flow::{Medium, Step};
use aqueduct_store::RealDisk;
use aqueduct_store::disk::{Boot, Disk, Linked, Room, Stat};

/// A mistake of a store, made for it by a [`MistakenDisk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Blobs are not synced before they get their name, nor after.
    SkipDataSync,
    /// Names are acknowledged without a sync of their directory.
    SkipDirectorySync,
    /// The bytes of an upload are not synced.
    SkipUploadSync,
    /// The journal of an upload is not synced.
    SkipJournalSync,
    /// A blob has its name a moment before it has its bytes, as one that is published before it was verified.
    NameBeforeBytes,
    /// A segment is in the journal a moment before it is in the file.
    JournalBeforeBytes,
}

impl Mistake {
    /// All of them, by their names.
    pub const ALL: [(&str, Self); 6] = [
        ("skip-data-sync", Self::SkipDataSync),
        ("skip-directory-sync", Self::SkipDirectorySync),
        ("skip-upload-sync", Self::SkipUploadSync),
        ("skip-journal-sync", Self::SkipJournalSync),
        ("name-before-bytes", Self::NameBeforeBytes),
        ("journal-before-bytes", Self::JournalBeforeBytes),
    ];
}

impl FromStr for Mistake {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, mistake)| *mistake).ok_or_else(|| format!("there is no mistake named {text}"))
    }
}

/// A [`RealDisk`] that makes a mistake, or none.
#[derive(Debug)]
pub struct MistakenDisk {
    real: RealDisk,
    mistake: Option<Mistake>,
    /// What is no blob on its way, by inode.
    files: Mutex<HashMap<u64, Kind>>,
    /// Held while bytes of uploads are written or away: what comes meanwhile is not lost when they are brought back.
    bytes: Mutex<()>,
}

#[derive(Debug)]
enum Kind {
    Database,
    /// The bytes of an upload.
    Upload,
    /// The journal of the upload whose bytes have this name.
    Journal(PathBuf),
}

impl MistakenDisk {
    /// The disk that `real` is, with this mistake.
    #[must_use]
    pub fn new(real: RealDisk, mistake: Option<Mistake>) -> Self {
        Self { real, mistake, files: Mutex::default(), bytes: Mutex::default() }
    }

    fn files(&self) -> MutexGuard<'_, HashMap<u64, Kind>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// Notes what a file is, by the name it has or gets.
    fn note(&self, file: &File, path: &Path) -> io::Result<()> {
        if path.starts_with("uploads") {
            let is_journal = path.extension().is_some_and(|extension| extension == "journal");
            let kind = if is_journal { Kind::Journal(path.with_extension("")) } else { Kind::Upload };
            self.files().insert(file.metadata()?.ino(), kind);
        }
        Ok(())
    }

    fn skips(&self, file: &File) -> io::Result<bool> {
        Ok(match self.files().get(&file.metadata()?.ino()) {
            Some(Kind::Database) => false,
            Some(Kind::Upload) => self.makes(Mistake::SkipUploadSync),
            Some(Kind::Journal(_)) => self.makes(Mistake::SkipJournalSync),
            None => self.makes(Mistake::SkipDataSync),
        })
    }

    /// The bytes of the upload whose journal this is.
    fn bytes_beside(&self, file: &File) -> io::Result<Option<File>> {
        let upload = match self.files().get(&file.metadata()?.ino()) {
            Some(Kind::Journal(upload)) => upload.clone(),
            _ => return Ok(None),
        };
        self.real.open_writable(&upload)
    }
}

/// Takes the bytes of a file away while `meanwhile` goes on and a moment longer, and brings them back.
fn without_bytes<T>(file: &File, meanwhile: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, 0)?;
    file.write_all_at(&vec![0; bytes.len()], 0)?;
    let done = meanwhile();
    let (_sender, never) = channel::<()>();
    let _ = never.recv_timeout(MOMENT);
    file.write_all_at(&bytes, 0)?;
    done
}

impl Disk for MistakenDisk {
    fn make_dir(&self, path: &Path) -> io::Result<bool> {
        self.real.make_dir(path)
    }

    fn stage(&self) -> io::Result<File> {
        let file = self.real.stage()?;
        // An inode's number is given again once its file is gone.
        self.files().remove(&file.metadata()?.ino());
        Ok(file)
    }

    fn stage_writable(&self) -> io::Result<File> {
        let file = self.real.stage_writable()?;
        self.files().insert(file.metadata()?.ino(), Kind::Database);
        Ok(file)
    }

    fn reserve(&self, file: &File, len: u64) -> io::Result<()> {
        self.real.reserve(file, len)
    }

    fn write(
        &self,
        file: &File,
        offset: u64,
        turn: &mut dyn FnMut(&File) -> io::Result<Step>,
    ) -> io::Result<Step> {
        if self.makes(Mistake::JournalBeforeBytes) {
            let _alone = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            return match self.bytes_beside(file)? {
                Some(bytes) => without_bytes(&bytes, || self.real.write(file, offset, turn)),
                None => self.real.write(file, offset, turn),
            };
        }
        self.real.write(file, offset, turn)
    }

    fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        self.real.set_len(file, len)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        if self.skips(file)? { Ok(()) } else { self.real.sync_data(file) }
    }

    fn seal(&self, file: &File) -> io::Result<()> {
        self.real.seal(file)
    }

    fn date_back(&self, file: &File) -> io::Result<()> {
        self.real.date_back(file)
    }

    fn link(&self, file: &File, path: &Path) -> io::Result<Linked> {
        self.note(file, path)?;
        // An upload has a name already, and may be open for reading only.
        let is_staged = file.metadata()?.nlink() == 0;
        if self.makes(Mistake::NameBeforeBytes) && is_staged && path.starts_with("blobs") {
            return without_bytes(file, || self.real.link(file, path));
        }
        self.real.link(file, path)
    }

    fn unlink(&self, path: &Path) -> io::Result<bool> {
        self.real.unlink(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if self.makes(Mistake::SkipDirectorySync) { Ok(()) } else { self.real.sync_dir(path) }
    }

    fn sync_all(&self) -> io::Result<()> {
        self.real.sync_all()
    }

    fn open(&self, path: &Path) -> io::Result<Option<File>> {
        self.real.open(path)
    }

    fn open_writable(&self, path: &Path) -> io::Result<Option<File>> {
        let file = self.real.open_writable(path)?;
        if let Some(file) = &file {
            self.note(file, path)?;
        }
        Ok(file)
    }

    fn drop_cache(&self, file: &File) -> io::Result<()> {
        self.real.drop_cache(file)
    }

    fn read_ahead(&self, file: &File) -> io::Result<()> {
        self.real.read_ahead(file)
    }

    fn medium(&self, file: &File) -> io::Result<Medium> {
        self.real.medium(file)
    }

    fn list(&self, path: &Path) -> io::Result<Option<Vec<String>>> {
        self.real.list(path)
    }

    fn stat(&self, file: &File) -> io::Result<Stat> {
        self.real.stat(file)
    }

    fn stat_path(&self, path: &Path) -> io::Result<Option<Stat>> {
        self.real.stat_path(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<File>> {
        self.real.lock(path)
    }

    fn now(&self) -> i64 {
        self.real.now()
    }

    fn boot(&self) -> io::Result<Boot> {
        self.real.boot()
    }

    fn room(&self) -> io::Result<Room> {
        self.real.room()
    }

    fn root(&self) -> PathBuf {
        self.real.root()
    }
}

/// Long enough that some kill of a few comes in it.
const MOMENT: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
