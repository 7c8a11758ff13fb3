//! The disk itself: every verb done for real, and noted in the model.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, File, Permissions};
use std::io;
use std::mem;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aqueduct_flow::{Medium, Step};
use aqueduct_store::RealDisk;
use aqueduct_store::disk::{Boot, Disk, Linked, Room, Stat, Unopened, Verb};
use aqueduct_sys::{Errno, Error};

use super::image::{Cut, Image};
use super::medium::{Change, FileId, Pending, Tree};

/// What shall go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The power goes, or the process dies, right before this verb, counted from 1: it and all later ones do nothing.
    pub stop_at: Option<u64>,
    /// This verb fails, with this kind of error, and does nothing; later ones work.
    pub fail_at: Option<(u64, io::ErrorKind)>,
    /// The kernel refuses this verb with this number, and does nothing; later ones work.
    pub refuse_at: Option<(u64, Errno)>,
    /// The same of the verbs that open files, which change nothing and are counted apart from the others.
    pub refuse_open_at: Option<(u64, Errno)>,
    /// What is answered to whoever reserves space.
    pub refuse_reserve: Option<io::ErrorKind>,
    /// A mistake that the store is made to make throughout.
    pub sabotage: Option<Sabotage>,
}

/// A mistake of a store, made for it by its disk, to show that the tests would notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Names are acknowledged without a sync of their directory.
    SkipDirectorySync,
    /// Blobs get their name first and are synced after.
    LinkBeforeDataSync,
    /// A name that is taken counts as given, whatever it leads to.
    TrustBareEexist,
    /// What a killed process left is taken for durable.
    SkipFilesystemSync,
    /// The bytes of an upload are not synced.
    SkipUploadSync,
    /// The journal of an upload is not synced.
    SkipJournalSync,
    /// A power cut is taken for a kill.
    SameBoot,
    /// What a file takes is not looked at when it gets its name.
    CountNothing,
    /// Whoever looks for a blob, and does not open it, finds it.
    SeeWhatIsAbsent,
}

/// A verb that was carried out, and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// The verb.
    pub verb: Verb,
    /// The path, where it has one: of a write the name of its file.
    pub path: PathBuf,
}

/// A disk that can lose power. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    pub(super) sim: Arc<Sim>,
}

pub(super) struct Sim {
    pub(super) real: RealDisk,
    pub(super) state: Mutex<State>,
}

pub(super) struct State {
    pub(super) durable: Tree,
    pub(super) pending: Vec<Pending>,
    /// Durable and pending together: what a running system sees.
    pub(super) live: Tree,
    pub(super) clock: i64,
    boot: Boot,
    pub(super) inodes: HashMap<u64, FileId>,
    pub(super) next_file: u64,
    plan: Plan,
    count: u64,
    open_count: u64,
    stopped: bool,
    /// What is said instead of the truth.
    room: Option<Room>,
    trace: Vec<Traced>,
    /// Files whose sync the sabotage put off until they have a name.
    put_off: Vec<FileId>,
    /// What is to happen when a blob was next looked at.
    meanwhile: Option<Box<dyn FnOnce() + Send>>,
}

impl SimDisk {
    pub(super) fn over(real: RealDisk, tree: Tree, inodes: HashMap<u64, FileId>, clock: i64) -> Self {
        let next_file = tree.files.keys().map(|file| file.0 + 1).max().unwrap_or(0);
        let state = State {
            durable: tree.clone(),
            pending: Vec::new(),
            live: tree,
            clock,
            boot: next_boot(),
            inodes,
            next_file,
            plan: Plan::default(),
            count: 0,
            open_count: 0,
            stopped: false,
            room: None,
            trace: Vec::new(),
            put_off: Vec::new(),
            meanwhile: None,
        };
        Self { sim: Arc::new(Sim { real, state: Mutex::new(state) }) }
    }

    /// Chooses what goes wrong from here on, and counts verbs from 0 again.
    pub fn plan(&self, plan: Plan) {
        let mut state = self.state();
        state.plan = plan;
        state.count = 0;
        state.open_count = 0;
        state.trace.clear();
    }

    /// Lets something happen once, when a blob was next opened or looked at by its name, and before whoever did knows: what
    /// another thread does at the worst moment.
    pub fn meanwhile(&self, act: impl FnOnce() + Send + 'static) {
        self.state().meanwhile = Some(Box::new(act));
    }

    fn looked_at(&self, path: &Path) {
        let act = if path.starts_with("blobs") { self.state().meanwhile.take() } else { None };
        if let Some(act) = act {
            act();
        }
    }

    /// The process dies: nothing it does from here on reaches the disk. To be called before its store is dropped, which
    /// would close databases.
    pub fn kill(&self) {
        self.state().stopped = true;
    }

    /// The disk as the next process finds it after a kill: nothing is lost, nothing became durable. The plan stands, unless
    /// its stop was reached, and verbs are counted on.
    pub fn revive(&self) {
        let mut state = self.state();
        state.stopped = false;
        let State { live, inodes, pending, .. } = &mut *state;
        // The dead process held files without a name; they are gone.
        live.prune();
        inodes.retain(|_, file| live.files.contains_key(file));
        pending.retain(|pending| pending.change.file().is_none_or(|file| live.files.contains_key(&file)));
    }

    /// Says that there is so much room from now on, whatever is written.
    pub fn tell_room(&self, room: Room) {
        self.state().room = Some(room);
    }

    /// Whether the power is off, or the process dead.
    pub fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// The real directory.
    pub fn directory(&self) -> PathBuf {
        self.sim.real.root()
    }

    /// Lets time pass; less than no time sets the clock back.
    pub fn advance(&self, seconds: i64) {
        self.state().clock += seconds;
    }

    /// Verbs that open files since the plan was made.
    pub fn open_count(&self) -> u64 {
        self.state().open_count
    }

    /// Verbs that change the medium since the plan was made, the stopped or failed one included.
    pub fn count(&self) -> u64 {
        self.state().count
    }

    /// The verbs since the plan was made.
    pub fn trace(&self) -> Vec<Traced> {
        self.state().trace.clone()
    }

    /// What a power cut at this moment may leave: every subset of the pending verbs where there are at most ten, and
    /// otherwise some, chosen by `seed`; each that holds an unsynced write also torn.
    pub fn images(&self, seed: u64) -> impl Iterator<Item = Image> {
        self.cut().images(seed)
    }

    /// Some of [`SimDisk::images`], where there are too many to try at every verb: nothing kept, everything kept, and `count`
    /// more by chance.
    pub fn images_sampled(&self, seed: u64, count: usize) -> impl Iterator<Item = Image> {
        self.cut().sampled(seed, count)
    }

    /// What is left where everything that was not synced is lost.
    pub fn image_of_durable(&self) -> Image {
        self.cut().nothing_kept()
    }

    fn cut(&self) -> Cut {
        Cut::now(&self.state())
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.sim.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a verb, and stops or fails it where the plan says so.
    fn gate(&self, verb: Verb, path: &Path) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.running()?;
        state.count += 1;
        let count = state.count;
        if state.plan.stop_at.is_some_and(|stop| count >= stop) {
            state.stopped = true;
            return Err(power_is_off());
        }
        state.trace.push(Traced { verb, path: path.to_owned() });
        let failed = match (state.plan.fail_at, state.plan.refuse_at) {
            (Some((fail, kind)), _) if fail == count => io::Error::new(kind, "injected"),
            (_, Some((refuse, errno))) if refuse == count => refused(verb, errno),
            _ => return Ok(state),
        };
        state.forget(verb, path);
        Err(failed)
    }

    /// Counts a verb that opens a file, and fails it where the plan says so.
    fn open_gate(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.running()?;
        state.open_count += 1;
        match state.plan.refuse_open_at {
            Some((refuse, errno)) if refuse == state.open_count => {
                Err(Unopened(Error::new("openat", errno)).into())
            }
            _ => Ok(state),
        }
    }

    /// The state, unless the power is off: then nothing answers any more.
    fn running(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        if state.stopped { Err(power_is_off()) } else { Ok(state) }
    }

    fn stage_as(&self, writable: bool) -> io::Result<File> {
        let mut state = self.gate(Verb::Stage, Path::new(""))?;
        let real = &self.sim.real;
        let file = if writable { real.stage_writable()? } else { real.stage()? };
        let id = FileId(state.next_file);
        state.next_file += 1;
        state.inodes.insert(file.metadata()?.ino(), id);
        let State { durable, live, .. } = &mut *state;
        for tree in [durable, live] {
            tree.files.entry(id).or_default().writable = writable;
        }
        Ok(file)
    }
}

impl State {
    fn file(&self, file: &File) -> io::Result<FileId> {
        let inode = file.metadata()?.ino();
        Ok(*self.inodes.get(&inode).expect("every file of a simulated disk was staged on it"))
    }

    /// The name of a file; nothing where it has none.
    fn name(&self, file: FileId) -> PathBuf {
        let mut names = self.live.names.iter();
        names.find(|(_, named)| **named == file).map_or_else(PathBuf::new, |(path, _)| path.clone())
    }

    /// Which file of an upload this is, if it is one.
    fn upload_file(&self, file: FileId) -> Option<UploadFile> {
        let named = self
            .live
            .names
            .range(PathBuf::from("uploads")..)
            .take_while(|(path, _)| path.starts_with("uploads"));
        let (path, _) = named.into_iter().find(|(_, named)| **named == file)?;
        let is_journal = path.extension().is_some_and(|extension| extension == "journal");
        Some(if is_journal { UploadFile::Journal } else { UploadFile::Bytes })
    }

    fn sabotaged(&self, sabotage: Sabotage) -> bool {
        self.plan.sabotage == Some(sabotage)
    }

    fn note(&mut self, change: Change) {
        let at = self.clock;
        self.live.apply(&change, at, None);
        for pending in self.pending.iter_mut().filter(|pending| pending.remembered_by(&change)) {
            pending.forgotten = false;
        }
        self.pending.push(Pending { change, at, durable: false, forgotten: false });
    }

    /// Makes durable what `covered` picks.
    fn sync(&mut self, covered: impl Fn(&Change) -> bool) {
        // Files and directories with a change that is still pending.
        let mut behind = HashSet::new();
        for mut pending in mem::take(&mut self.pending) {
            pending.durable |= covered(&pending.change) && !pending.forgotten;
            let place = (pending.change.file(), pending.change.directory().map(Path::to_owned));
            if pending.durable && !behind.contains(&place) {
                self.durable.apply(&pending.change, pending.at, None);
            } else {
                behind.insert(place);
                self.pending.push(pending);
            }
        }
    }

    /// fdatasync(2) writes of the inode what is needed to read the bytes back, and the mode is not.
    fn sync_file(&mut self, file: FileId) {
        self.sync(|change| change.file() == Some(file) && !matches!(change, Change::Seal(_)));
    }

    /// A sync failed: the bytes it should have covered will not be covered by another, because the kernel takes their
    /// pages for clean (wiki.postgresql.org/wiki/Fsync_Errors). Names are not forgotten: they are in the filesystem's
    /// journal, and one that cannot be written stops the filesystem for good. Which file a failed `SyncData` was for
    /// stands in `path` as its number.
    fn forget(&mut self, verb: Verb, path: &Path) {
        for pending in &mut self.pending {
            pending.forgotten |= match (verb, pending.change.file()) {
                (Verb::SyncAll, Some(_)) => true,
                (Verb::SyncData, Some(file)) => Path::new(&file.0.to_string()) == path,
                _ => false,
            };
        }
    }
}

impl Disk for SimDisk {
    fn make_dir(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.gate(Verb::MakeDir, path)?;
        let made = self.sim.real.make_dir(path)?;
        if made {
            state.note(Change::MakeDir(path.to_owned()));
        }
        Ok(made)
    }

    fn stage(&self) -> io::Result<File> {
        self.stage_as(false)
    }

    fn stage_writable(&self) -> io::Result<File> {
        self.stage_as(true)
    }

    fn reserve(&self, _file: &File, _len: u64) -> io::Result<()> {
        // The model's space has no end, and reserving changes no byte and no length.
        let state = self.gate(Verb::Reserve, Path::new(""))?;
        state.plan.refuse_reserve.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn write(
        &self,
        file: &File,
        offset: u64,
        turn: &mut dyn FnMut(&File) -> io::Result<Step>,
    ) -> io::Result<Step> {
        let id = self.running()?.file(file)?;
        let name = self.state().name(id);
        let mut state = self.gate(Verb::Write, &name)?;
        let step = turn(file)?;
        if let Step::Moved(count) = step {
            let mut bytes = vec![0; count];
            // A copy that keeps holes may not have set the length yet.
            let there = usize::try_from(file.metadata()?.len().saturating_sub(offset))
                .map_or(count, |len| len.min(count));
            bytes.truncate(there);
            file.read_exact_at(&mut bytes, offset)?;
            state.note(Change::Write { file: id, offset, bytes: Arc::new(bytes) });
        }
        Ok(step)
    }

    fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        let mut state = self.gate(Verb::SetLen, Path::new(""))?;
        let id = state.file(file)?;
        file.set_len(len)?;
        state.note(Change::SetLen { file: id, len });
        Ok(())
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        let id = self.running()?.file(file)?;
        let mut state = self.gate(Verb::SyncData, Path::new(&id.0.to_string()))?;
        let named = state.live.names.values().any(|named| *named == id);
        let blob = !state.live.files[&id].writable;
        if state.sabotaged(Sabotage::LinkBeforeDataSync) && blob && !named {
            state.put_off.push(id);
            return Ok(());
        }
        let is_skipped = match state.upload_file(id) {
            Some(UploadFile::Bytes) => state.sabotaged(Sabotage::SkipUploadSync),
            Some(UploadFile::Journal) => state.sabotaged(Sabotage::SkipJournalSync),
            None => false,
        };
        if is_skipped {
            return Ok(());
        }
        state.sync_file(id);
        Ok(())
    }

    fn seal(&self, file: &File) -> io::Result<()> {
        let mut state = self.gate(Verb::Seal, Path::new(""))?;
        let id = state.file(file)?;
        self.sim.real.seal(file)?;
        state.note(Change::Seal(id));
        Ok(())
    }

    fn date_back(&self, file: &File) -> io::Result<()> {
        let _running = self.running()?;
        self.sim.real.date_back(file)
    }

    fn link(&self, file: &File, path: &Path) -> io::Result<Linked> {
        let mut state = self.gate(Verb::Link, path)?;
        let id = state.file(file)?;
        let linked = self.sim.real.link(file, path)?;
        match linked {
            Linked::New => state.note(Change::Link { path: path.to_owned(), file: id }),
            Linked::Exists if state.sabotaged(Sabotage::TrustBareEexist) => return Ok(Linked::New),
            Linked::Exists => {}
        }
        if let Some(index) = state.put_off.iter().position(|put_off| *put_off == id) {
            state.put_off.swap_remove(index);
            drop(state);
            self.gate(Verb::SyncData, Path::new(&id.0.to_string()))?.sync_file(id);
        }
        Ok(linked)
    }

    fn unlink(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.gate(Verb::Unlink, path)?;
        let unlinked = self.sim.real.unlink(path)?;
        if unlinked {
            state.note(Change::Unlink(path.to_owned()));
        }
        Ok(unlinked)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.gate(Verb::SyncDir, path)?;
        if !state.sabotaged(Sabotage::SkipDirectorySync) {
            state.sync(|change| change.directory() == Some(path));
        }
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        let mut state = self.gate(Verb::SyncAll, Path::new("."))?;
        if !state.sabotaged(Sabotage::SkipFilesystemSync) {
            state.sync(|_| true);
        }
        Ok(())
    }

    fn open(&self, path: &Path) -> io::Result<Option<File>> {
        let running = self.open_gate()?;
        let opened = self.sim.real.open(path);
        drop(running);
        self.looked_at(path);
        opened
    }

    fn open_writable(&self, path: &Path) -> io::Result<Option<File>> {
        let _running = self.open_gate()?;
        self.sim.real.open_writable(path)
    }

    fn drop_cache(&self, file: &File) -> io::Result<()> {
        let mut state = self.running()?;
        let id = state.file(file)?;
        let forgotten = |pending: &Pending| pending.forgotten && pending.change.file() == Some(id);
        if !state.pending.iter().any(forgotten) {
            return Ok(());
        }
        // What the kernel took for clean never got anywhere, and now it is read back.
        state.pending.retain(|pending| !forgotten(pending));
        let mut content = state.durable.files.get(&id).cloned().unwrap_or_default();
        content.changed = state.live.files[&id].changed;
        // The length is the inode's, and stays.
        let len = state.live.files[&id].bytes.len();
        Arc::make_mut(&mut content.bytes).resize(len, 0);
        let State { live, pending, .. } = &mut *state;
        live.files.insert(id, content);
        for pending in pending.iter().filter(|pending| pending.change.file() == Some(id)) {
            live.apply(&pending.change, pending.at, None);
        }
        let path = live.names.iter().find(|(_, named)| **named == id).map(|(path, _)| path);
        let path = self.directory().join(path.expect("only what has a name is read back"));
        let mode = file.metadata()?.permissions();
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let real = File::options().write(true).truncate(true).open(&path)?;
        real.write_all_at(&live.files[&id].bytes, 0)?;
        fs::set_permissions(&path, mode)
    }

    fn read_ahead(&self, file: &File) -> io::Result<()> {
        drop(self.running()?);
        self.sim.real.read_ahead(file)
    }

    fn medium(&self, file: &File) -> io::Result<Medium> {
        self.drop_cache(file)?;
        self.sim.real.medium(file)
    }

    fn list(&self, path: &Path) -> io::Result<Option<Vec<String>>> {
        // From the model, which is the same and costs no system call: a sweep lists hundreds of shards a thousand times.
        let state = self.running()?;
        Ok(state.live.list(path))
    }

    fn stat(&self, file: &File) -> io::Result<Stat> {
        let state = self.running()?;
        let stat = self.sim.real.stat(file)?;
        let changed = state.live.files[&state.file(file)?].changed;
        let allocated = if state.sabotaged(Sabotage::CountNothing) { 0 } else { stat.allocated };
        // What it was mounted from had no times.
        Ok(Stat { changed, allocated, written: false, ..stat })
    }

    fn stat_path(&self, path: &Path) -> io::Result<Option<Stat>> {
        let state = self.running()?;
        let seen = match self.sim.real.stat_path(path)? {
            None if state.sabotaged(Sabotage::SeeWhatIsAbsent) && path.starts_with("blobs") => {
                self.sim.real.stat_path(Path::new("lock"))?
            }
            seen => seen,
        };
        let Some(stat) = seen else { return Ok(None) };
        let changed = state.live.names.get(path).map_or(0, |file| state.live.files[file].changed);
        drop(state);
        self.looked_at(path);
        Ok(Some(Stat { changed, written: false, ..stat }))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<File>> {
        let _running = self.running()?;
        self.sim.real.lock(path)
    }

    fn now(&self) -> i64 {
        self.state().clock
    }

    fn boot(&self) -> io::Result<Boot> {
        let state = self.running()?;
        Ok(if state.sabotaged(Sabotage::SameBoot) { Boot([0; 32]) } else { state.boot })
    }

    fn room(&self) -> io::Result<Room> {
        let told = self.running()?.room;
        told.map_or_else(|| self.sim.real.room(), Ok)
    }

    fn root(&self) -> PathBuf {
        self.sim.real.root()
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").field("root", &self.sim.real.root()).finish_non_exhaustive()
    }
}

enum UploadFile {
    Bytes,
    Journal,
}

/// Another one for every disk that is mounted.
fn next_boot() -> Boot {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut boot = [0; 32];
    boot[..8].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    Boot(boot)
}

/// Only opening takes a descriptor: a directory that was to be synced was not opened, then.
fn refused(verb: Verb, errno: Errno) -> io::Error {
    let error = Error::new("injected", errno);
    match (verb, errno) {
        (Verb::SyncDir, Errno::MFILE | Errno::NFILE) => Unopened(error).into(),
        _ => error.into(),
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}
