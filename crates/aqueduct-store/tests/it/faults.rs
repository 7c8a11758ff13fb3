//! Every verb of the data path, refused with every number that a kernel may refuse it with: what whoever asked is told, and what
//! becomes of the store. `docs/reliability.md` has the same table in words.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::sync::LazyLock;

use aqueduct_blob::{Algorithm, SEGMENT_LEN, UploadId};
use aqueduct_flow::Step;
use aqueduct_store::disk::Verb;
use aqueduct_store::{
    Cause, ChangeError, FinishError, PublishError, Resumed, Store, SyncPolicy, UploadError, UploadPlan,
};
use aqueduct_sys::Errno;
use aqueduct_testkit::{Plan, SimDisk, Slot};

use crate::fixture::{TOP, bytes, digest, path, put, read, reopen, simulated, stage};

const ERRNOS: [(Errno, Cause); 7] = [
    (Errno::NOSPC, Cause::NoSpace),
    (Errno::DQUOT, Cause::Quota),
    (Errno::IO, Cause::Io),
    (Errno::MFILE, Cause::Descriptors),
    (Errno::NFILE, Cause::Descriptors),
    (Errno::NOMEM, Cause::Memory),
    (Errno::ROFS, Cause::ReadOnly),
];

/// What becomes of a change one of whose verbs was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It was not made, and whoever asked is told the cause. The store goes on.
    Cause,
    /// The store takes no changes until it is opened again; unless the verb could not even be tried, for want of a descriptor.
    ReadOnly,
    /// It was made: what failed is derived, and made again when it is needed.
    Done,
}

use Answer::{Done, ReadOnly};

const TABLE: &[(&str, Verb, Answer)] = &[
    // A database that could not become longer is as it was.
    ("record", Verb::Reserve, Answer::Cause),
    ("record", Verb::SetLen, ReadOnly),
    ("record", Verb::Write, ReadOnly),
    ("record", Verb::SyncData, ReadOnly),
    ("stage", Verb::Stage, Answer::Cause),
    ("stage", Verb::Reserve, Answer::Cause),
    ("stage", Verb::Write, Answer::Cause),
    ("cut", Verb::SetLen, Answer::Cause),
    ("publish", Verb::SyncData, Answer::Cause),
    ("publish", Verb::Link, Answer::Cause),
    ("publish", Verb::SyncDir, ReadOnly),
    ("keep checkpoints", Verb::Stage, Done),
    ("keep checkpoints", Verb::Write, Done),
    ("keep checkpoints", Verb::Link, Done),
    ("remove", Verb::Unlink, Answer::Cause),
    ("remove", Verb::SyncDir, ReadOnly),
    ("forget checkpoints", Verb::Unlink, Done),
    ("quarantine", Verb::Link, Answer::Cause),
    ("quarantine", Verb::Unlink, Answer::Cause),
    ("quarantine", Verb::SyncDir, ReadOnly),
    ("note what is damaged", Verb::Stage, Done),
    ("note what is damaged", Verb::Write, Done),
    ("note what is damaged", Verb::Link, Done),
    ("forget checkpoints of the damaged", Verb::Unlink, Done),
    ("begin an upload", Verb::Unlink, Answer::Cause),
    ("begin an upload", Verb::SyncDir, ReadOnly),
    ("begin an upload", Verb::Stage, Answer::Cause),
    ("begin an upload", Verb::Reserve, Answer::Cause),
    ("begin an upload", Verb::SetLen, Answer::Cause),
    ("begin an upload", Verb::Write, Answer::Cause),
    ("begin an upload", Verb::Link, Answer::Cause),
    ("receive a segment", Verb::Write, Answer::Cause),
    ("mark an upload", Verb::Write, Answer::Cause),
    ("mark an upload", Verb::SyncData, Answer::Cause),
    ("mark an upload", Verb::SyncDir, ReadOnly),
    ("name an upload", Verb::Seal, Answer::Cause),
    ("name an upload", Verb::Link, Answer::Cause),
    ("name an upload", Verb::SyncDir, ReadOnly),
    ("forget an upload", Verb::Unlink, Done),
    ("settle", Verb::SyncAll, ReadOnly),
    ("settle", Verb::Reserve, ReadOnly),
];

/// A verb that was carried out in a phase of the work.
type Place = (&'static str, Verb);

#[test]
fn each_verb_refused_with_each_errno_has_its_answer_and_leaves_a_whole_store() {
    let (_slot, disk) = made();
    // A database changes its length now and then.
    let mut met =
        BTreeSet::from([("record", Verb::SetLen), ("record", Verb::Reserve), ("settle", Verb::Reserve)]);
    for (name, phase) in PHASES {
        let verbs = dry_run(&disk, *phase);
        empty(&reopen(&disk, SyncPolicy::Full));
        for number in 1..=u64::try_from(verbs.len()).unwrap() {
            for (errno, cause) in ERRNOS {
                let plan = Plan { refuse_at: Some((number, errno)), ..Plan::default() };
                let told = format!("{name}, verb {number}, refused with {errno:?}");
                // Which verb that is depends on what a database has been through.
                let expected = |verbs: &[Verb]| {
                    let (verb, before) = verbs.split_last().expect("a verb was refused");
                    let place = name_of(name, before, *verb);
                    let row = TABLE.iter().find(|(name, verb, _)| (*name, *verb) == place);
                    let decided = row.unwrap_or_else(|| panic!("nobody has decided what {place:?} means"));
                    met.insert(place);
                    expected(decided.2, *verb, cause)
                };
                check(&disk, *phase, plan, expected, &told);
            }
        }
    }
    let missed: Vec<_> = TABLE.iter().filter(|(name, verb, _)| !met.contains(&(*name, *verb))).collect();
    assert_eq!(missed, [] as [&(&str, Verb, Answer); 0], "nothing does these");
}

#[test]
fn a_file_that_cannot_be_opened_for_want_of_descriptors_or_memory_turns_nothing_read_only() {
    let (_slot, disk) = made();
    for (name, phase) in PHASES {
        dry_run(&disk, *phase);
        let open_count = disk.open_count();
        empty(&reopen(&disk, SyncPolicy::Full));
        for (number, errno, cause) in (1..=open_count).flat_map(|number| {
            [(Errno::MFILE, Cause::Descriptors), (Errno::NOMEM, Cause::Memory)]
                .map(|(errno, cause)| (number, errno, cause))
        }) {
            let plan = Plan { refuse_open_at: Some((number, errno)), ..Plan::default() };
            let told = format!("{name}, file {number} not opened, {errno:?}");
            check(&disk, *phase, plan, |_| Expected::CauseOrDone(cause), &told);
        }
    }
}

#[test]
fn a_directory_that_cannot_be_opened_is_synced_by_whoever_comes_next() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    put(&store, b"so that the session is on record");
    let verified = stage(&store, b"x");
    disk.plan(Plan { refuse_at: Some((3, Errno::MFILE)), ..Plan::default() });
    let error = verified.publish().unwrap_err();
    let PublishError::Change(ChangeError::Fault(fault)) = &error else { panic!("{error}") };
    assert_eq!((fault.verb(), fault.cause()), ("sync directory", Cause::Descriptors));
    disk.plan(Plan::default());
    assert!(store.has(&digest(b"x")).unwrap());
    let synced: Vec<_> = disk.trace().into_iter().map(|traced| traced.verb).collect();
    assert_eq!(synced, [Verb::SyncDir], "nobody is told that it is there before its name is durable");
}

#[test]
fn an_upload_begins_no_files_before_the_directory_of_those_that_are_gone_is_synced() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    begin_upload(&store).unwrap();
    store.drop_upload(ID).unwrap();
    disk.plan(Plan::default());
    begin_upload(&store).unwrap();
    let sync = disk.trace().iter().position(|traced| traced.verb == Verb::SyncDir).unwrap();
    store.drop_upload(ID).unwrap();
    disk.plan(Plan { refuse_at: Some((u64::try_from(sync).unwrap() + 1, Errno::MFILE)), ..Plan::default() });
    assert!(begin_upload(&store).is_err());
    disk.plan(Plan::default());
    begin_upload(&store).unwrap();
    let verbs: Vec<_> = disk.trace().into_iter().map(|traced| traced.verb).collect();
    let place = |wanted| verbs.iter().position(|verb| *verb == wanted).unwrap();
    assert!(place(Verb::SyncDir) < place(Verb::Stage), "{verbs:?}");
}

/// What is asked of a store; the plan is made once everything before it was done.
type Phase = fn(&Store, &dyn Fn()) -> Result<(), ChangeError>;

const PHASES: &[(&str, Phase)] = &[
    ("record", record),
    ("stage", begin_and_fill),
    ("cut", cut),
    ("publish", publish),
    ("remove", remove),
    ("quarantine", quarantine),
    ("begin an upload", begin_again),
    ("receive a segment", receive),
    ("mark an upload", finish),
    ("settle", settle),
];

fn record(store: &Store, go: &dyn Fn()) -> Result<(), ChangeError> {
    go();
    // What is recorded before the first change of a session comes before all else that this does.
    store.remove(&digest(b"never here")).map(drop)
}

fn begin_and_fill(store: &Store, go: &dyn Fn()) -> Result<(), ChangeError> {
    put(store, b"so that the session is on record");
    go();
    let mut staging = store.begin(Algorithm::Sha256, Some(3))?;
    let filled = staging.fill(&mut |file, offset, observe| {
        file.write_all_at(b"new", offset)?;
        observe(b"new");
        Ok(Step::Moved(3))
    });
    filled.map(drop).map_err(|error| told_by_io("write", error))
}

fn cut(store: &Store, go: &dyn Fn()) -> Result<(), ChangeError> {
    put(store, b"so that the session is on record");
    let mut staging = store.begin(Algorithm::Sha256, None).unwrap();
    let filled = staging.fill(&mut |file, offset, observe| {
        file.write_all_at(b"newer than what counts", offset)?;
        observe(b"new");
        Ok(Step::Moved(3))
    });
    assert_eq!(filled.unwrap(), Step::Moved(3));
    go();
    match staging.verify(None) {
        Ok(_) => Ok(()),
        Err(aqueduct_store::VerifyError::Fault(fault)) => Err(fault.into()),
        Err(other) => panic!("{other}"),
    }
}

fn publish(store: &Store, go: &dyn Fn()) -> Result<(), ChangeError> {
    let verified = stage(store, large());
    go();
    verified.publish().map(drop).map_err(told_by_publish)
}

fn remove(store: &Store, go: &dyn Fn()) -> Result<(), ChangeError> {
    put(store, large());
    go();
    store.remove(&digest(large())).map(drop)
}

fn quarantine(store: &Store, go: &dyn Fn()) -> Result<(), ChangeError> {
    let name = digest(large());
    put(store, large());
    damage(store, large());
    go();
    store.verify(&name, NonZeroUsize::MIN, &|_| {}).map(drop)
}

fn begin_again(store: &Store, go: &dyn Fn()) -> Result<(), ChangeError> {
    begin_upload(store).unwrap();
    store.drop_upload(ID).unwrap();
    go();
    begin_upload(store).map(drop)
}

fn receive(store: &Store, go: &dyn Fn()) -> Result<(), ChangeError> {
    let upload = begin_upload(store).unwrap();
    go();
    send(&upload)
}

fn finish(store: &Store, go: &dyn Fn()) -> Result<(), ChangeError> {
    let upload = begin_upload(store).unwrap();
    send(&upload).unwrap();
    go();
    match upload.finish(None) {
        Ok(_) => Ok(()),
        Err(FinishError::Publish(error)) => Err(told_by_publish(error)),
        Err(other) => panic!("{other}"),
    }
}

fn settle(store: &Store, go: &dyn Fn()) -> Result<(), ChangeError> {
    put(store, b"so that the session is on record");
    go();
    // What follows the sync is recorded as in the first phase.
    store.settle().map_err(ChangeError::from)
}

/// Within a phase, what else is done in it.
fn name_of(phase: &'static str, before: &[Verb], verb: Verb) -> Place {
    let dir_sync_count = before.iter().filter(|verb| **verb == Verb::SyncDir).count();
    let name = match (phase, verb) {
        ("record", Verb::Unlink | Verb::SyncDir) => "remove",
        ("publish", _) if dir_sync_count == 1 => "keep checkpoints",
        ("remove", Verb::Unlink) if dir_sync_count == 1 => "forget checkpoints",
        ("quarantine", _)
            if dir_sync_count == 0 && before.contains(&Verb::Unlink) && verb != Verb::SyncDir =>
        {
            "note what is damaged"
        }
        ("quarantine", Verb::Unlink) if dir_sync_count == 2 => "forget checkpoints of the damaged",
        ("mark an upload", Verb::Seal | Verb::Link) => "name an upload",
        ("mark an upload", Verb::SyncDir) if before.contains(&Verb::Link) => "name an upload",
        ("mark an upload", Verb::Unlink) => "forget an upload",
        ("settle", Verb::Write | Verb::SyncData | Verb::SetLen) => "record",
        (phase, _) => phase,
    };
    (name, verb)
}

/// What a refusal has to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Cause(Cause),
    ReadOnly(Cause),
    Done,
    CauseOrDone(Cause),
}

fn expected(answer: Answer, verb: Verb, cause: Cause) -> Expected {
    match answer {
        Answer::Cause => Expected::Cause(cause),
        // The directory could not be opened, and so nobody asked for a sync.
        ReadOnly if verb == Verb::SyncDir && cause == Cause::Descriptors => Expected::Cause(cause),
        ReadOnly => Expected::ReadOnly(cause),
        Done => Expected::Done,
    }
}

/// A disk with a store, which every check leaves as it found it.
fn made() -> (Slot, SimDisk) {
    let (slot, disk, store) = simulated(SyncPolicy::Full);
    store.close().unwrap();
    (slot, disk)
}

/// The verbs of a phase where nothing fails.
fn dry_run(disk: &SimDisk, phase: Phase) -> Vec<Verb> {
    let store = reopen(disk, SyncPolicy::Full);
    phase(&store, &|| disk.plan(Plan::default())).unwrap();
    disk.trace().into_iter().map(|traced| traced.verb).collect()
}

fn check(disk: &SimDisk, phase: Phase, plan: Plan, expected: impl FnOnce(&[Verb]) -> Expected, told: &str) {
    let store = reopen(disk, SyncPolicy::Full);
    let outcome = phase(&store, &|| disk.plan(plan));
    let mut verbs: Vec<Verb> = disk.trace().into_iter().map(|traced| traced.verb).collect();
    disk.plan(Plan::default());
    if let Some((refused, _)) = plan.refuse_at {
        verbs.truncate(usize::try_from(refused).unwrap());
    }
    let expected = expected(&verbs);
    let is_read_only = store.is_read_only();
    match (&outcome, expected) {
        (Ok(()), Expected::Done | Expected::CauseOrDone(_)) => assert!(!is_read_only, "{told}"),
        (Err(ChangeError::Fault(fault)), Expected::Cause(cause) | Expected::CauseOrDone(cause)) => {
            assert_eq!(fault.cause(), cause, "{told}: {fault}");
            assert!(!is_read_only, "{told}");
        }
        (Err(ChangeError::ReadOnly(read_only)), Expected::ReadOnly(cause)) => {
            assert_eq!(read_only.0.cause(), cause, "{told}: {}", read_only.0);
            assert!(is_read_only, "{told}");
        }
        _ => panic!("{told}: {outcome:?}, not {expected:?}"),
    }
    if is_read_only {
        assert!(matches!(store.begin(Algorithm::Sha256, None), Err(ChangeError::ReadOnly(_))), "{told}");
        // It goes on answering from what is there, and only opening it anew makes it writable.
        store.list(None, 10).unwrap();
    } else {
        put(&store, b"new");
    }
    drop(store);
    let store = reopen(disk, SyncPolicy::Full);
    is_whole(&store, told);
    empty(&store);
}

/// Leaves nothing behind for the next check.
fn empty(store: &Store) {
    for listed in store.list(None, 10).unwrap() {
        store.remove(&listed.digest).unwrap();
    }
    store.drop_upload(ID).unwrap();
    store.clone().close().unwrap();
}

/// A store takes what a fault kept it from taking, and has no file that it does not know.
fn is_whole(store: &Store, told: &str) {
    let name = digest(large());
    // What was damaged and not found so yet, or was not put away.
    if store.verify(&name, NonZeroUsize::MIN, &|_| {}).unwrap().is_some() {
        put(store, large());
        assert!(read(store, &name).unwrap() == large(), "{told}");
    }
    put(store, b"new");
    assert_eq!(read(store, &digest(b"new")).unwrap(), b"new", "{told}");
    let upload = begin_upload(store);
    if let Ok(upload) = upload {
        send_if_missing(&upload);
        upload.finish(None).unwrap();
    }
    let kept = digest(&upload_bytes());
    assert!(read(store, &kept).unwrap() == upload_bytes(), "{told}");
    assert_eq!(store.uploads(None, 10).unwrap().iter().filter(|upload| upload.stored.is_none()).count(), 0);
    let names = std::fs::read_dir(store.root()).unwrap().map(|entry| entry.unwrap().file_name());
    let strays: Vec<_> = names.filter(|name| !TOP.contains(&name.to_str().unwrap())).collect();
    assert_eq!(strays, [] as [&str; 0], "{told}");
}

const ID: UploadId = UploadId::new([7; 16]);

/// Of more than one segment, so that it has checkpoints.
fn large() -> &'static [u8] {
    static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut large = vec![0; usize::try_from(SEGMENT_LEN).unwrap()];
        large.extend(bytes(1000, 1));
        large
    });
    &LARGE
}

fn upload_bytes() -> Vec<u8> {
    bytes(5000, 2)
}

fn begin_upload(store: &Store) -> Result<aqueduct_store::Upload, ChangeError> {
    let plan = UploadPlan { algorithm: Algorithm::Sha256, digest: None, size: upload_bytes().len() as u64 };
    match store.upload(ID, &plan) {
        Ok(Resumed::Open(upload)) => Ok(upload),
        Ok(Resumed::Stored(_)) => Err(told_by_io("find", std::io::ErrorKind::AlreadyExists.into())),
        Err(UploadError::Change(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

fn send(upload: &aqueduct_store::Upload) -> Result<(), ChangeError> {
    let mut receiving = upload.receive(0).unwrap();
    let bytes = upload_bytes();
    let filled = receiving.fill(&mut |file, offset, observe| {
        file.write_all_at(&bytes, offset)?;
        observe(&bytes);
        Ok(Step::Moved(bytes.len()))
    });
    let _ = filled.map_err(|error| told_by_io("write", error))?;
    receiving.finish().map(drop)
}

fn send_if_missing(upload: &aqueduct_store::Upload) {
    if upload.held_len() == 0 {
        send(upload).unwrap();
    }
}

/// Changes a byte of a stored blob, as nobody may.
fn damage(store: &Store, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    let path = path(&store.root(), "blobs", &digest(bytes));
    let mode = std::fs::metadata(&path).unwrap().permissions();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(&[!bytes[5000]], 5000).unwrap();
    std::fs::set_permissions(&path, mode).unwrap();
}

fn told_by_io(verb: &'static str, error: std::io::Error) -> ChangeError {
    aqueduct_store::StorageFault::new(verb, "a file of the test", error).into()
}

fn told_by_publish(error: PublishError) -> ChangeError {
    match error {
        PublishError::Change(error) => error,
        contended @ PublishError::Contended { .. } => panic!("{contended}"),
    }
}
