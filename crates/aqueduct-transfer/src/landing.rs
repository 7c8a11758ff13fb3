//! Where a transfer arrives: next to the place where all of it will appear, when all of it is there.
//!
//! ```text
//! OUT/.aqueduct-NAME-xxxxxxxx.part/          what a kill leaves, for the next attempt to go on with; mode 0700
//!     journal                                what is there, and verified; locked by whoever receives
//!     tree/NAME/...                          entries, under their names; directories with mode 0700
//! OUT/.aqueduct-NAME-xxxxxxxx.part           a single file, where nobody else can write to OUT
//! OUT/.aqueduct-NAME-xxxxxxxx.part.journal   and its journal
//! OUT/NAME                                   renamed from the former in the end, replacing nothing unless told to
//! ```
//!
//! Whoever sends is believed in nothing. Entries are found by their numbers; each name is a single one in a directory that
//! this transfer has made, opened by openat2(2) beneath it, and made by a call that fails where anything has it. So there is
//! no way out of the tree: not by `..`, not through a link that was sent, nor one that somebody puts there meanwhile.

mod arriving;
mod earlier;
mod journal;
mod meta;
mod publish;
mod recheck;
mod staging;
mod target;
mod tree;
mod walk;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use aqueduct_sys::{
    Errno, Placed, Reserve, Stat, create_file, fallocate, fdatasync, fsync, make_directory, make_link,
    make_symlink, room, set_mode_in, syncfs,
};
use aqueduct_wire::transfer::{Entry, EntryId, HeldFile, Identity, Kind, Offer};

pub(crate) use self::arriving::Arriving;
use self::arriving::UNFINISHED_MODE;
use self::earlier::{Earlier, Left};
use self::journal::{Boot, Head, Journal, Place};
use self::meta::Keeper;
use self::publish::{At, Publisher, exists, stat_if_any};
use self::staging::Staging;
use self::target::Target;
use self::tree::{Named, Tree, path, shown};
use crate::{Error, ErrorKind, Event, Existing, Gauge, Phase, Preserve, Sync, Watch, Where};

/// How and where a transfer arrives.
#[derive(Debug)]
pub(crate) struct LandingOptions<'a> {
    /// Not [`Where::Stdout`].
    pub(crate) to: &'a Where,
    pub(crate) existing: Existing,
    pub(crate) sync: Sync,
    pub(crate) preserve: Preserve,
    /// Whether what an earlier attempt has left is hashed before it is believed, even in the same life of the machine.
    pub(crate) recheck: bool,
    /// Whether an earlier attempt is gone on with; else it is thrown away.
    pub(crate) resume: bool,
}

/// A transfer that arrives. All threads of all connections share it. Dropped before it is [finished](Self::finish), it stays
/// for the next attempt.
#[derive(Debug)]
pub(crate) struct Landing {
    inner: Arc<Inner>,
    earlier: Earlier,
    target: Target,
    staging: Staging,
    /// What may appear at the top.
    names: HashSet<Vec<u8>>,
    /// Names at the top that were said, in their order.
    tops: Mutex<Vec<Vec<u8>>>,
    publisher: Publisher,
    /// Whether each small file is synced as it comes, because there are few.
    syncs_each: bool,
    /// Whether there are files that only a sync of the whole filesystem would cover.
    needs_syncfs: AtomicBool,
    /// For the next file that comes in segments.
    number: AtomicU64,
    /// Whether one file is to come that has no holes.
    is_dense: bool,
}

/// What files need that come in segments.
#[derive(Debug)]
struct Inner {
    tree: Tree,
    journal: Journal,
    keeper: Keeper,
    sync: Sync,
    /// For messages: where everything will appear.
    path: PathBuf,
    /// What tells how much room there is.
    dir: OwnedFd,
    /// Bytes in all, if known.
    size: Option<u64>,
    /// Bytes that are there.
    landed: AtomicU64,
}

/// What became of a small file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Took {
    New,
    /// An earlier attempt has left it.
    There,
    /// Something has its name, and stays.
    Skipped,
}

/// What became of all of it.
#[derive(Debug)]
pub(crate) struct Landed {
    /// For each name at the sender's where it is here.
    pub(crate) names: Vec<(Vec<u8>, PathBuf)>,
    pub(crate) is_synced: bool,
    /// What a person should know.
    pub(crate) notes: Vec<String>,
}

impl Landing {
    /// Finds the place for what is offered, and what an earlier attempt has left.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Exists`] where something is in the way and nothing says what to do about it; [`ErrorKind::Usage`] for one
    /// name for several entries; [`ErrorKind::Local`] where the directory is none, or another process receives the same.
    pub(crate) fn begin(
        options: &LandingOptions<'_>,
        offer: &Offer,
        watch: &dyn Watch,
        gauge: &Gauge,
    ) -> Result<Self, Error> {
        let target = Target::find(options.to, offer)?;
        if options.existing == Existing::Refuse {
            target.refuse_existing(offer)?;
        }
        let name = staging::name(&target.name_of(&offer.names[0]), offer);
        let taken = [&name, &staging::journal_of(&name)];
        if offer.names.iter().any(|offered| taken.contains(&&target.name_of(offered))) {
            let what = format!("the other side offers {name:?}, where what it sends is to arrive");
            return Err(Error::new(ErrorKind::Protocol, what));
        }
        let (staging, mut file) = Staging::open(&target.dir, &target.path, &name, offer)?;
        let failed =
            |error: io::Error| Error::disk(format!("cannot write the journal of {:?}", staging.path), error);

        let head = Head { transfer: offer.transfer, algorithm: offer.algorithm, verify: offer.verify };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let told = journal::read(&bytes).filter(|told| options.resume && told.head == head);
        drop(bytes);
        let boot = boot();
        let (journal, earlier, number) = match told {
            Some(mut told) => {
                let journal = Journal::resume(file, &told).map_err(failed)?;
                if options.recheck || told.boot != Some(boot) {
                    watch.hear(&Event::Phase(Phase::Recheck));
                    recheck::recheck(&mut told, &staging.stage()?, &journal, gauge)?;
                    // It was the progress of this phase alone.
                    gauge.begin_attempt();
                }
                let number = told.large.last_key_value().map_or(0, |(last, _)| last + 1);
                let found = Earlier::find(told, &staging.stage()?);
                let earlier = found.map_err(|error| failed(error.into()))?;
                for place in &earlier.gone {
                    journal.append(&journal::Entry::Gone(*place)).map_err(failed)?;
                }
                (journal, earlier, number)
            }
            None => {
                let journal = Journal::begin(file, &head).map_err(failed)?;
                staging.clear().map_err(failed)?;
                (journal, Earlier::default(), 0)
            }
        };
        journal.append_now(&journal::Entry::Session(boot)).map_err(failed)?;
        let dir = target.dir.try_clone().map_err(failed)?;
        let inner = Inner {
            tree: Tree::new(staging.stage()?, target.path.clone()),
            journal,
            keeper: Keeper::new(options.preserve),
            sync: options.sync,
            path: target.path.clone(),
            dir,
            size: offer.size,
            landed: AtomicU64::new(earlier.len),
        };
        let is_synced = options.sync != Sync::None;
        Ok(Self {
            inner: Arc::new(inner),
            earlier,
            target,
            staging,
            names: offer.names.iter().cloned().collect(),
            tops: Mutex::default(),
            publisher: Publisher { existing: options.existing, preserve: options.preserve, is_synced },
            syncs_each: is_synced && offer.file_count.is_some_and(|count| count <= SYNC_EACH_COUNT_MAX),
            needs_syncfs: AtomicBool::new(false),
            number: AtomicU64::new(number),
            is_dense: offer.size.zip(offer.room).is_some_and(|(size, room)| room >= size),
        })
    }

    /// Whether an earlier attempt has left anything: whoever sends should ask before it sends.
    pub(crate) fn resumes(&self) -> bool {
        self.earlier.is_any()
    }

    /// What is there of these files, as an answer to `Ask`. At another place than a file had before it may turn out not to be
    /// there; then it has to be sent again.
    pub(crate) fn held(&self, identities: &[Identity]) -> Vec<HeldFile> {
        self.earlier.held(identities)
    }

    /// Bytes that may still be written, as far as the filesystem says.
    pub(crate) fn free(&self) -> Option<u64> {
        self.inner.free()
    }

    /// Whether there is room for a transfer of `size` bytes, of which what an earlier attempt has left or reserved needs no
    /// more. Takes none of it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSpace`], with how much is missing.
    pub(crate) fn reserve(&self, size: u64) -> Result<(), Error> {
        let left = size.saturating_sub(self.earlier.room);
        match self.free() {
            Some(free) if free < left => Err(no_room(&self.inner.path, Some(left - free))),
            _ => Ok(()),
        }
    }

    /// Makes a directory or a link.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`] for what may not be there, or twice; [`ErrorKind::NoSpace`], [`ErrorKind::Local`].
    pub(crate) fn entry(&self, entry: &Entry) -> Result<(), Error> {
        match &entry.kind {
            Kind::Directory => self.directory(entry),
            Kind::Symlink { target } => {
                let place = self.say(entry)?;
                self.clear(entry, &place)?;
                let (dir, name) = self.inner.at(entry)?;
                self.made(entry, make_symlink(path(target), &dir, name))?;
                self.top(entry);
                let kept = self.inner.keeper.keep_link(&dir, name, &entry.meta, || self.inner.path_of(entry));
                kept.map_err(|error| self.failed(entry, error.into()))
            }
            Kind::HardLink { to } => self.hard_link(entry, *to),
            Kind::Regular { .. } | Kind::Stream => {
                Err(Error::new(ErrorKind::Protocol, "the other side sends a file without its bytes"))
            }
        }
    }

    /// The names of the sender that lead to `entry`, from the place where everything arrives.
    pub(crate) fn names_to(&self, entry: &Entry) -> Vec<u8> {
        self.inner.tree.relative(entry.parent, &entry.name).into_os_string().into_vec()
    }

    /// Takes a file whose bytes are all there, and verified.
    ///
    /// # Errors
    ///
    /// As [`Landing::entry`].
    pub(crate) fn small(&self, entry: &Entry, bytes: &[u8]) -> Result<Took, Error> {
        let Kind::Regular { identity, .. } = entry.kind else {
            return Err(Error::new(ErrorKind::Protocol, "only files have bytes"));
        };
        let identity = known(identity);
        let place = self.say(entry)?;
        if self.is_skipped(entry) {
            return Ok(Took::Skipped);
        }
        let size = bytes.len() as u64;
        let is_it = |left: &Left| identity.is_some_and(|identity| *left == Left::Small(identity, size));
        if self.clear_unless(entry, &place, is_it)?.is_some() {
            self.needs_syncfs.store(true, Ordering::Relaxed);
            self.top(entry);
            return Ok(Took::There);
        }
        let mode = self.inner.keeper.mode_at_first(&entry.meta);
        let mut file = self.create(entry, mode)?;
        let written = file.write_all(bytes).and_then(|()| {
            self.inner.keeper.keep(&file, &entry.meta, mode, || self.inner.path_of(entry))?;
            Ok(())
        });
        if let Err(error) = written {
            // It would be in the way when it comes again, and takes room.
            let _ = self.inner.at(entry).map(|(dir, name)| aqueduct_sys::remove_file(&dir, name));
            return Err(self.failed(entry, error));
        }
        if self.syncs_each {
            let synced = if self.inner.sync == Sync::Full { fsync(&file) } else { fdatasync(&file) };
            synced.map_err(|error| self.failed(entry, error.into()))?;
        } else {
            self.needs_syncfs.store(true, Ordering::Relaxed);
        }
        self.top(entry);
        self.inner.add_landed(size);
        if let Some(identity) = identity {
            let entry = journal::Entry::Small { place, identity };
            self.inner.journal.append(&entry).map_err(|error| self.inner.journal_failed(error))?;
        }
        Ok(Took::New)
    }

    /// Keeps in mind, whoever is killed now, which small files are here.
    ///
    /// # Errors
    ///
    /// Where the journal cannot be written.
    pub(crate) fn remember(&self) -> Result<(), Error> {
        self.inner.journal.flush().map_err(|error| self.inner.journal_failed(error))
    }

    /// Begins a file that comes in segments, or goes on with it; `None` where something has its name and stays.
    ///
    /// # Errors
    ///
    /// As [`Landing::entry`].
    pub(crate) fn file(&self, entry: &Entry) -> Result<Option<Arc<Arriving>>, Error> {
        let (size, identity) = match entry.kind {
            Kind::Regular { size, identity } => (Some(size), known(identity)),
            Kind::Stream => (None, None),
            _ => return Err(Error::new(ErrorKind::Protocol, "only files have bytes")),
        };
        let place = self.say(entry)?;
        if self.is_skipped(entry) {
            return Ok(None);
        }
        let left = self.clear_unless(entry, &place, |left| match left {
            Left::Directory => false,
            // Of another size it was changed by somebody meanwhile.
            Left::Small(left, len) => identity == Some(*left) && size == Some(*len),
            Left::Large(_, large) => identity == Some(large.identity) && size == Some(large.size),
        })?;
        let mut has_room = false;
        let (restored, is_whole, number) = match left {
            Some(Left::Large(number, large)) => {
                if !large.is_finished {
                    // It may have been, with the mode that it is to have in the end.
                    let (dir, name) = self.inner.at(entry)?;
                    set_mode_in(&dir, name, UNFINISHED_MODE)
                        .map_err(|error| self.failed(entry, error.into()))?;
                }
                (earlier::records(&large), large.is_finished, Some(number))
            }
            Some(_) => (Vec::new(), true, None),
            None => {
                let file = self.create(entry, UNFINISHED_MODE)?;
                if self.is_dense && size == self.inner.size {
                    has_room = self.take_room(entry, &file, size.unwrap_or(0))?;
                }
                (Vec::new(), false, self.number_of(entry, place)?)
            }
        };
        if is_whole {
            // Whether it was synced then, nobody knows.
            self.needs_syncfs.store(true, Ordering::Relaxed);
        }
        self.top(entry);
        Ok(Some(Arc::new(Arriving {
            inner: Arc::clone(&self.inner),
            named: Named { parent: entry.parent, name: entry.name.as_slice().into() },
            place,
            number,
            size,
            meta: entry.meta.clone(),
            restored,
            is_whole,
            has_room,
            opened: OnceLock::new(),
            opening: Mutex::default(),
        })))
    }

    /// Removes what came of a file, because it has changed at its source. Its name may come again.
    ///
    /// # Errors
    ///
    /// As [`Landing::entry`].
    pub(crate) fn discard(&self, entry: EntryId) -> Result<(), Error> {
        let Some(named) = self.inner.tree.forget(entry) else { return Ok(()) };
        if named.parent == EntryId::ROOT {
            self.tops().retain(|top| **top != *named.name);
        }
        let place = self.inner.tree.place_of(named.parent, &named.name);
        self.remove(&named, &place)
    }

    /// Gives directories their modes and times, syncs as asked, and has everything appear.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Exists`] where something took a name meanwhile, and nothing says what to do about it: what came is kept,
    /// but for names that have appeared already.
    pub(crate) fn finish(&self) -> Result<Landed, Error> {
        self.inner.journal.flush().map_err(|error| self.inner.journal_failed(error))?;
        self.sweep()?;
        self.finish_directories()?;
        let is_synced = self.inner.sync != Sync::None;
        if is_synced && self.needs_syncfs.load(Ordering::Relaxed) {
            syncfs(&self.target.dir).map_err(|error| {
                // Nobody knows which files the kernel could not write.
                let _ = self.staging.clear();
                Error::disk(format!("cannot sync {:?}", self.inner.path), error.into())
            })?;
        }
        let names = self.publish()?;
        if is_synced {
            fsync(&self.target.dir)
                .map_err(|error| Error::disk(format!("cannot sync {:?}", self.target.path), error.into()))?;
        }
        if let Err(error) = self.staging.remove() {
            let what = format!("{:?} may be removed, which could not be done", self.staging.path);
            self.inner.keeper.note(format!("{what}: {error}"));
        }
        Ok(Landed { names, is_synced, notes: self.inner.keeper.notes() })
    }

    fn publish(&self) -> Result<Vec<(Vec<u8>, PathBuf)>, Error> {
        let tops = self.tops().clone();
        let to = |top: &[u8]| {
            let name = self.target.name_of(top);
            (self.target.path.join(&name), PathBuf::from(name))
        };
        // Rather none of several than some. Of what comes in between the kernel tells.
        if self.publisher.existing == Existing::Refuse && tops.len() > 1 {
            for top in &tops {
                let (path, name) = to(top);
                let found = stat_if_any(At { dir: &self.target.dir, name: &name });
                if found.map_err(|error| self.inner.failed("cannot look at", &path, error.into()))?.is_some()
                {
                    return Err(exists(&path));
                }
            }
        }
        let mut names = Vec::with_capacity(tops.len());
        for top in tops {
            let (appears, name) = to(&top);
            let from = At { dir: self.inner.tree.root(), name: self.inner.tree.staged(EntryId::ROOT, &top) };
            let placed = self.publisher.place(from, At { dir: &self.target.dir, name: &name }, &appears)?;
            names.push((top, placed));
        }
        Ok(names)
    }

    fn directory(&self, entry: &Entry) -> Result<(), Error> {
        self.check(entry)?;
        let (place, _) = self.inner.tree.look(entry)?;
        let left = self.clear_unless(entry, &place, |left| *left == Left::Directory)?;
        if left.is_none() {
            let (dir, name) = self.inner.at(entry)?;
            self.made(entry, make_directory(&dir, name, 0o700))?;
        }
        // Nobody may name something in it before it is there.
        self.say(entry)?;
        self.top(entry);
        Ok(())
    }

    fn hard_link(&self, entry: &Entry, to: EntryId) -> Result<(), Error> {
        let Some(old) = self.inner.tree.other(to) else {
            let link = self.inner.path_of(entry);
            self.inner.keeper.note(format!("{link:?} is left out: what it is another name of did not come"));
            return Ok(());
        };
        let place = self.say(entry)?;
        if self.is_skipped(entry) {
            return Ok(());
        }
        self.clear(entry, &place)?;
        let (old_dir, old_name) =
            (self.inner.tree.open(old.parent)?, self.inner.tree.staged(old.parent, &old.name));
        let (new_dir, new_name) = self.inner.at(entry)?;
        match make_link(&old_dir, old_name, &new_dir, new_name) {
            // It was skipped, or has changed.
            Err(error) if error.errno() == Errno::NOENT => {
                let (link, file) =
                    (self.inner.path_of(entry), self.inner.tree.path_of(old.parent, &old.name));
                self.inner.keeper.note(format!("{link:?} is left out: it is {file:?}, which did not come"));
                Ok(())
            }
            made => {
                self.made(entry, made)?;
                self.top(entry);
                Ok(())
            }
        }
    }

    /// Whether `entry` may be at the top, if it is.
    fn check(&self, entry: &Entry) -> Result<(), Error> {
        if entry.parent == EntryId::ROOT && !self.names.contains(&entry.name) {
            let what = format!("the other side sends {:?}, which it has not offered", shown(&entry.name));
            return Err(Error::new(ErrorKind::Protocol, what));
        }
        let is_file = matches!(entry.kind, Kind::Regular { .. } | Kind::Stream);
        if self.staging.is_file() && !is_file {
            let what = format!("the other side sends {:?}, and has offered a file", shown(&entry.name));
            return Err(Error::new(ErrorKind::Protocol, what));
        }
        Ok(())
    }

    /// Takes `entry` in.
    fn say(&self, entry: &Entry) -> Result<Place, Error> {
        self.check(entry)?;
        self.inner.tree.say(entry)
    }

    /// Remembers `entry`, which is there, if it is one that appears.
    fn top(&self, entry: &Entry) {
        if entry.parent == EntryId::ROOT {
            self.tops().push(entry.name.clone());
        }
    }

    fn tops(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.tops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something has the name of `entry` where it will appear, and stays.
    fn is_skipped(&self, entry: &Entry) -> bool {
        self.publisher.existing == Existing::Skip
            && self.target.has(&self.inner.tree.relative(entry.parent, &entry.name))
    }

    /// Removes what an earlier attempt has left at the place of `entry`, unless `is_wanted`.
    fn clear_unless(
        &self,
        entry: &Entry,
        place: &Place,
        is_wanted: impl Fn(&Left) -> bool,
    ) -> Result<Option<Left>, Error> {
        let Some(left) = self.earlier.take(place) else { return Ok(None) };
        if is_wanted(&left) {
            return Ok(Some(left));
        }
        self.remove(&Named { parent: entry.parent, name: entry.name.as_slice().into() }, place)?;
        Ok(None)
    }

    fn clear(&self, entry: &Entry, place: &Place) -> Result<(), Error> {
        self.clear_unless(entry, place, |_| false).map(|_| ())
    }

    /// Removes what is in the tree. The journal says so first.
    fn remove(&self, named: &Named, place: &Place) -> Result<(), Error> {
        let gone = self.inner.journal.append_now(&journal::Entry::Gone(*place));
        gone.map_err(|error| self.inner.journal_failed(error))?;
        let dir = self.inner.tree.open(named.parent)?;
        walk::remove(&dir, self.inner.tree.staged(named.parent, &named.name)).map_err(|error| {
            let path = self.inner.tree.path_of(named.parent, &named.name);
            self.inner.failed("cannot remove", &path, error.into())
        })
    }

    fn create(&self, entry: &Entry, mode: u32) -> Result<File, Error> {
        let (dir, name) = self.inner.at(entry)?;
        let created = create_file(&dir, name, mode);
        match created.map_err(|error| self.failed(entry, error.into()))? {
            Some(file) => Ok(file.into()),
            None => Err(self.twice(entry)),
        }
    }

    /// Reserves room for all of a new file, so that it is not missing later; false where the filesystem cannot.
    fn take_room(&self, entry: &Entry, file: &File, size: u64) -> Result<bool, Error> {
        match fallocate(file, Reserve::KeepSize, 0, size) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.errno(), Errno::NOSPC | Errno::DQUOT) => {
                // Part of it may have been reserved.
                let _ = file.set_len(0);
                Err(self.failed(entry, error.into()))
            }
            // The writes will tell.
            Err(_) => Ok(false),
        }
    }

    fn made(&self, entry: &Entry, made: aqueduct_sys::Result<Placed>) -> Result<(), Error> {
        match made.map_err(|error| self.failed(entry, error.into()))? {
            Placed::New => Ok(()),
            Placed::NameTaken => Err(self.twice(entry)),
        }
    }

    /// The number of a new file in the journal, which one has not that nobody can ask for: a stream.
    fn number_of(&self, entry: &Entry, place: Place) -> Result<Option<u64>, Error> {
        let Kind::Regular { size, identity } = entry.kind else { return Ok(None) };
        let Some(identity) = known(identity) else { return Ok(None) };
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let said = journal::Entry::Large { number, place, identity, size };
        self.inner.journal.append(&said).map_err(|error| self.inner.journal_failed(error))?;
        Ok(Some(number))
    }

    /// Removes what an earlier attempt has left and this one did not speak of: it is not there any more.
    fn sweep(&self) -> Result<(), Error> {
        let unsaid = self.earlier.unsaid_places();
        if unsaid.is_empty() {
            return Ok(());
        }
        let stage = self.staging.stage()?;
        let mut keep = |place, _: &Stat| !unsaid.contains(&place);
        let swept = stage.places().and_then(|places| {
            places.iter().try_for_each(|(name, place)| walk::sweep(&stage.dir, name, *place, &mut keep))
        });
        swept.map_err(|error| self.inner.failed("cannot remove", &self.staging.path, error.into()))
    }

    fn finish_directories(&self) -> Result<(), Error> {
        // What somebody has put in the place of one of them is found now.
        self.inner.tree.close_all();
        let syncs = self.inner.sync != Sync::None && !self.needs_syncfs.load(Ordering::Relaxed);
        for (id, named, meta) in self.inner.tree.directories() {
            let dir = self.inner.tree.open(id)?;
            let path = || self.inner.tree.path_of(named.parent, &named.name);
            let kept = self.inner.keeper.keep(&dir, &meta, 0o700, path);
            let synced = kept.and_then(|()| if syncs { fsync(&dir) } else { Ok(()) });
            synced.map_err(|error| self.inner.failed("cannot write", &path(), error.into()))?;
        }
        Ok(())
    }

    fn twice(&self, entry: &Entry) -> Error {
        let path = self.inner.path_of(entry);
        let what = "comes twice, or this filesystem takes two names for one";
        Error::new(ErrorKind::Protocol, format!("{path:?} {what}"))
    }

    fn failed(&self, entry: &Entry, error: io::Error) -> Error {
        self.inner.failed("cannot write", &self.inner.path_of(entry), error)
    }
}

impl Inner {
    fn add_landed(&self, len: u64) {
        self.landed.fetch_add(len, Ordering::Relaxed);
    }

    /// The directory that `entry` is in, and what it is called there as long as it arrives.
    fn at<'a>(&'a self, entry: &'a Entry) -> Result<(Arc<OwnedFd>, &'a Path), Error> {
        Ok((self.tree.open(entry.parent)?, self.tree.staged(entry.parent, &entry.name)))
    }

    fn path_of(&self, entry: &Entry) -> PathBuf {
        self.tree.path_of(entry.parent, &entry.name)
    }

    fn free(&self) -> Option<u64> {
        room(&self.dir).ok().map(|room| room.available)
    }

    /// What could not be done with `path`; where there is no room, how much is missing.
    fn failed(&self, what: &str, path: &Path, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => self.no_room().because(error),
            _ => Error::disk(format!("{what} {path:?}"), error),
        }
    }

    fn journal_failed(&self, error: io::Error) -> Error {
        self.failed("cannot write the journal of what arrives in", &self.path, error)
    }

    /// How much room is missing for what is still to come.
    fn no_room(&self) -> Error {
        let left = self.size.map(|size| size.saturating_sub(self.landed.load(Ordering::Relaxed)));
        let missing = left.map(|left| left.saturating_sub(self.free().unwrap_or(0)));
        no_room(&self.path, missing.filter(|missing| *missing > 0))
    }
}

fn no_room(path: &Path, missing: Option<u64>) -> Error {
    let what = match missing {
        Some(missing) => format!("no room in {path:?}: {missing} bytes more are needed"),
        None => format!("no room in {path:?}"),
    };
    Error::new(ErrorKind::NoSpace, what)
}

/// Who it is that may be asked for; zeroes are nobody.
fn known(identity: Identity) -> Option<Identity> {
    (identity.0 != [0; 16]).then_some(identity)
}

/// This life of the machine. Where it cannot be told, one that never was before.
fn boot() -> Boot {
    let id = fs::read(BOOT_ID).ok().map(|id| *blake3::hash(&id).as_bytes());
    let id = id.and_then(|hash| hash.first_chunk().copied());
    Boot(id.or_else(|| aqueduct_sys::random_bytes().ok()).unwrap_or_default())
}

/// Of this start of the machine (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// So few files are synced one by one: to sync the whole filesystem would be to wait for what others write, too.
const SYNC_EACH_COUNT_MAX: u64 = 16;

#[cfg(test)]
mod tests;
