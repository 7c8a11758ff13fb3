//! Checking a store that nobody has open: what is found, what is mended, and that a dry run changes nothing.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aqueduct_blob::Algorithm;
use aqueduct_store::disk::Disk;
use aqueduct_store::{
    Absent, Entry, Fate, Finding, FsckError, FsckMode, Fscked, Key, OpenError, Options, Overwrite, Resumed,
    Store, SyncPolicy, Trouble, UploadPlan,
};
use tempfile::TempDir;

use crate::fixture::{bytes, digest, path, put, read, simulated, snapshot};

/// A closed store of a few blobs, one of them with a checkpoint list.
fn closed() -> (TempDir, [Vec<u8>; 3]) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let contents = [bytes(0, 1), bytes(5000, 2), bytes(9 << 20, 3)];
    for content in &contents {
        put(&store, content);
    }
    store.close().unwrap();
    (directory, contents)
}

fn open(root: &Path) -> Store {
    Store::open(root, Absent::Make, Options { sync: SyncPolicy::None, ..Options::default() }).unwrap()
}

/// What was found, as `PATH: what`, with what became of it.
fn fsck(root: &Path, mode: FsckMode) -> (Fscked, Vec<(String, Fate)>) {
    let mut found = Vec::new();
    let told = &mut |finding: &Finding| {
        found.push((format!("{}: {}", finding.path.display(), finding.trouble), finding.fate));
    };
    let fscked = Store::fsck(root, mode, &|_| {}, told).unwrap();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    (fscked, found)
}

/// Everything of every file: also what a change of its mode, or a write of the same bytes, would leave.
fn state(root: &Path) -> impl PartialEq {
    let mut files: Vec<_> = snapshot(root)
        .into_iter()
        .map(|(path, bytes)| {
            use std::os::unix::fs::MetadataExt;
            let found = fs::symlink_metadata(&path).unwrap();
            (path, bytes, found.mode(), found.ctime_nsec(), found.ctime(), found.ino())
        })
        .collect();
    files.sort();
    files
}

/// A dry run finds what there is and changes nothing; mending does what the dry run said; and then nothing is left of it.
#[track_caller]
fn assert_mended(root: &Path, expected: &[&str]) {
    let before = state(root);
    let (_, dry) = fsck(root, FsckMode::DryRun);
    assert!(state(root) == before, "a dry run changed something");
    let (_, mended) = fsck(root, FsckMode::Mend);
    for (found, fate) in [(dry, Fate::ToMend), (mended, Fate::Mended)] {
        let texts: Vec<_> = found.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, expected);
        assert!(found.iter().all(|(_, found)| *found == fate), "{found:?}");
    }
    assert_eq!(fsck(root, FsckMode::Mend).1, []);
}

fn seal(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn nothing_is_wrong_with_a_store_that_was_closed() {
    let (directory, contents) = closed();
    for mode in [FsckMode::DryRun, FsckMode::Mend] {
        let before = state(directory.path());
        let (fscked, found) = fsck(directory.path(), mode);
        assert_eq!(found, []);
        let size = contents.iter().map(|content| content.len() as u64).sum();
        assert_eq!(fscked, Fscked { count: 3, size, is_complete: true });
        assert!(mode == FsckMode::Mend || state(directory.path()) == before);
    }
}

#[test]
fn a_store_in_use_is_left_alone() {
    let (directory, _) = closed();
    let _open = open(directory.path());
    for mode in [FsckMode::DryRun, FsckMode::Mend] {
        let refused = Store::fsck(directory.path(), mode, &|_| {}, &mut |_| {});
        assert!(matches!(refused, Err(FsckError::Open(OpenError::Locked { .. }))), "{refused:?}");
    }
}

#[test]
fn what_is_no_store_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("letter"), b"dear").unwrap();
    let before = state(directory.path());
    let refused = Store::fsck(directory.path(), FsckMode::Mend, &|_| {}, &mut |_| {});
    assert!(matches!(refused, Err(FsckError::Open(OpenError::NotAStore { .. }))), "{refused:?}");
    assert!(state(directory.path()) == before);
}

#[test]
fn missing_directories_are_made() {
    let (directory, contents) = closed();
    let root = directory.path();
    fs::remove_dir(root.join("blobs/blake3/00")).unwrap();
    fs::remove_dir(root.join("quarantine")).unwrap();
    fs::remove_dir(root.join("uploads")).unwrap();
    assert_mended(root, &["blobs/blake3/00: missing", "quarantine: missing", "uploads: missing"]);
    assert_eq!(read(&open(root), &digest(&contents[1])).unwrap(), contents[1]);
}

#[test]
fn an_index_that_is_missing_damaged_or_of_another_tree_is_rebuilt() {
    let (directory, contents) = closed();
    let root = directory.path();
    let index = root.join("index.redb");
    fs::remove_file(&index).unwrap();
    assert_mended(root, &["index.redb: missing"]);
    fs::write(&index, b"damage").unwrap();
    let (_, found) = fsck(root, FsckMode::DryRun);
    assert!(found[0].0.starts_with("index.redb: damaged"), "{found:?}");
    assert_eq!(fsck(root, FsckMode::Mend).1[0].1, Fate::Mended);
    // A blob that somebody took away, and the index does not know.
    fs::remove_file(path(root, "blobs", &digest(&contents[1]))).unwrap();
    assert_mended(root, &["index.redb: says 3 blobs of 9442184 bytes, and there are 2 of 9437184"]);
    let usage = open(root).usage().unwrap();
    assert_eq!((usage.count, usage.size), (2, 9 << 20));
}

#[test]
fn a_flipped_bit_anywhere_in_the_index_is_found_or_does_not_matter() {
    let (directory, _) = closed();
    let root = directory.path();
    let index = root.join("index.redb");
    let whole = fs::read(&index).unwrap();
    let mut found_count = 0;
    for offset in (0..whole.len()).step_by(whole.len() / 12) {
        let mut bytes = whole.clone();
        bytes[offset] ^= 0x10;
        fs::write(&index, bytes).unwrap();
        let (fscked, found) = fsck(root, FsckMode::Mend);
        assert!(fscked.is_complete);
        found_count += found.len();
        assert_eq!(fsck(root, FsckMode::DryRun).1, [], "byte {offset}");
    }
    assert!(found_count > 0);
}

#[test]
fn a_damaged_meta_is_never_discarded_and_nothing_else_is_touched() {
    let (directory, _) = closed();
    let root = directory.path();
    let meta = root.join("meta.redb");
    let whole = fs::read(&meta).unwrap();
    for damage in [&b""[..], b"damage", &whole[..whole.len() / 2]] {
        fs::write(&meta, damage).unwrap();
        let before = state(root);
        for mode in [FsckMode::DryRun, FsckMode::Mend] {
            let (fscked, found) = fsck(root, mode);
            let [(text, fate)] = &found[..] else { panic!("{found:?}") };
            assert!(text.starts_with("meta.redb: damaged"), "{text}");
            assert_eq!((*fate, fscked.is_complete), (Fate::Unmended, false));
            assert!(state(root) == before);
        }
    }
}

#[test]
fn a_pin_that_is_no_digest_is_named_and_left_alone() {
    let (directory, _) = closed();
    let database = redb::Database::create(directory.path().join("meta.redb")).unwrap();
    let writing = database.begin_write().unwrap();
    let pins = redb::TableDefinition::<&str, &str>::new("pins");
    writing.open_table(pins).unwrap().insert("sha256:sure", "0").unwrap();
    writing.commit().unwrap();
    drop(database);
    for mode in [FsckMode::DryRun, FsckMode::Mend] {
        let (fscked, found) = fsck(directory.path(), mode);
        assert!(fscked.is_complete);
        let expected = "meta.redb: a pin of 'sha256:sure', which is no digest".to_owned();
        assert_eq!(found, [(expected, Fate::Left)]);
    }
}

#[test]
fn a_missing_meta_makes_every_blob_be_hashed() {
    let (directory, contents) = closed();
    let root = directory.path();
    fs::remove_file(root.join("meta.redb")).unwrap();
    let rotten = path(root, "blobs", &digest(&contents[1]));
    seal(&rotten, 0o644);
    fs::write(&rotten, bytes(5000, 9)).unwrap();
    seal(&rotten, 0o444);
    let before = state(root);
    let (_, dry) = fsck(root, FsckMode::DryRun);
    assert_eq!(dry.len(), 1, "{dry:?}");
    assert!(dry[0].0.starts_with("meta.redb: missing"), "{dry:?}");
    assert!(state(root) == before);
    let (_, mended) = fsck(root, FsckMode::Mend);
    let text = format!("{}: damaged in bytes 0-4999 of 5000", relative(root, &rotten));
    assert!(mended.contains(&(text, Fate::Mended)), "{mended:?}");
    let (_, after) = fsck(root, FsckMode::Mend);
    assert_eq!(after.len(), 1, "{after:?}");
    assert!(after[0].0.contains("in quarantine, damaged in bytes 0-4999 of 5000"), "{after:?}");
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn checkpoint_lists_are_rebuilt_and_those_of_no_blob_removed() {
    let (directory, contents) = closed();
    let root = directory.path();
    let list = path(root, "checkpoints", &digest(&contents[2]));
    let right = fs::read(&list).unwrap();
    let text = format!("{}: missing, or not the checkpoint list of its blob", relative(root, &list));
    fs::remove_file(&list).unwrap();
    assert_mended(root, &[&text]);
    assert!(fs::read(&list).unwrap() == right);
    seal(&list, 0o644);
    fs::write(&list, b"damage").unwrap();
    assert_mended(root, &[&text]);
    assert!(fs::read(&list).unwrap() == right);
    let stray = path(root, "checkpoints", &digest(b"nobody"));
    fs::write(&stray, &right).unwrap();
    assert_mended(root, &[&format!("{}: the checkpoint list of no blob", relative(root, &stray))]);
    assert!(!stray.exists());
}

#[test]
fn a_blob_that_could_be_written_to_is_hashed_and_sealed_or_put_away() {
    let (directory, contents) = closed();
    let root = directory.path();
    let blobs = [1, 2].map(|index| path(root, "blobs", &digest(&contents[index])));
    seal(&blobs[0], 0o644);
    assert_mended(root, &[&format!("{}: a blob that could be written to", relative(root, &blobs[0]))]);
    assert_eq!(fs::metadata(&blobs[0]).unwrap().permissions().mode() & 0o777, 0o444);
    let mut wrong = contents[2].clone();
    wrong[5 << 20] ^= 1;
    seal(&blobs[1], 0o644);
    fs::write(&blobs[1], wrong).unwrap();
    let (_, found) = fsck(root, FsckMode::Mend);
    let text = format!("{}: damaged in bytes 4194304-8388607 of 9437184", relative(root, &blobs[1]));
    assert!(found.contains(&(text, Fate::Mended)), "{found:?}");
    assert_eq!(read(&open(root), &digest(&contents[2])), None);
}

#[test]
fn what_is_foreign_is_named_and_left_alone() {
    let (directory, contents) = closed();
    let root = directory.path();
    let blob = path(root, "blobs", &digest(&contents[1]));
    let foreign = [
        "letter",
        "blobs/letter",
        "blobs/sha256/letter",
        "blobs/sha256/00/letter",
        "checkpoints/blake3/00/letter",
        "uploads/letter",
        "quarantine/letter",
    ];
    for name in foreign {
        fs::write(root.join(name), b"dear").unwrap();
    }
    fs::write(root.join("calibration"), b"of somebody else's").unwrap();
    // Another name for a blob, outside the store's own.
    fs::hard_link(&blob, root.join("quarantine/copy")).unwrap();
    for mode in [FsckMode::DryRun, FsckMode::Mend] {
        let (_, found) = fsck(root, mode);
        assert!(found.iter().all(|(_, fate)| *fate == Fate::Left), "{found:?}");
        for name in foreign {
            assert!(found.contains(&(format!("{name}: not of this store"), Fate::Left)), "{name}: {found:?}");
            assert!(root.join(name).exists());
        }
        let linked =
            format!("{}: a blob with 2 names, which somebody may change by another", relative(root, &blob));
        assert!(found.contains(&(linked, Fate::Left)), "{found:?}");
        assert_eq!(found.len(), foreign.len() + 2);
    }
}

#[test]
fn what_is_in_the_place_of_a_blob_or_a_directory_is_for_somebody_to_move() {
    let (directory, _) = closed();
    let root = directory.path();
    let place = path(root, "blobs", &digest(b"nobody"));
    symlink("/etc/passwd", &place).unwrap();
    let not_a_file =
        (format!("{}: not a file, in the place of a blob", relative(root, &place)), Fate::Unmended);
    assert_eq!(fsck(root, FsckMode::Mend).1, [not_a_file]);
    fs::remove_dir(root.join("quarantine")).unwrap();
    fs::write(root.join("quarantine"), b"").unwrap();
    let before = state(root);
    for mode in [FsckMode::DryRun, FsckMode::Mend] {
        let (fscked, found) = fsck(root, mode);
        assert_eq!(found, [("quarantine: not a directory".to_owned(), Fate::Unmended)]);
        assert!(!fscked.is_complete && state(root) == before);
    }
}

#[test]
fn uploads_that_nobody_can_go_on_with_are_removed_and_others_stay() {
    let (directory, _) = closed();
    let root = directory.path();
    let ids: Vec<String> = (0..4).map(|index| format!("{index:032x}")).collect();
    let store = open(root);
    let plan = UploadPlan { algorithm: Algorithm::Sha256, digest: None, size: 5 << 20 };
    for id in &ids {
        let Resumed::Open(_) = store.upload(id.parse().unwrap(), &plan).unwrap() else { panic!("it is new") };
    }
    store.close().unwrap();
    let journal = |index: usize| root.join(format!("uploads/{}.journal", ids[index]));
    fs::remove_file(journal(0)).unwrap();
    fs::write(journal(1), b"no journal").unwrap();
    fs::remove_file(root.join(format!("uploads/{}", ids[2]))).unwrap();
    assert_mended(
        root,
        &[
            &format!("uploads/{}: an upload without a journal", ids[0]),
            &format!("uploads/{}: an upload with a journal that is none", ids[1]),
            &format!("uploads/{}: an upload without its bytes", ids[2]),
        ],
    );
    let left: Vec<_> =
        open(root).uploads(None, 10).unwrap().iter().map(|upload| upload.id.to_string()).collect();
    assert_eq!(left, ids[3..]);
}

#[test]
fn a_dry_run_says_nothing_of_a_kill_and_changes_nothing_after_one() {
    let (slot, disk, store) = simulated(SyncPolicy::Full);
    put(&store, b"one");
    disk.kill();
    drop(store);
    disk.revive();
    let root: PathBuf = disk.directory();
    let before = state(&root);
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let mut found = Vec::new();
    let fscked =
        Store::fsck_on(&disk, FsckMode::DryRun, &|_| {}, &mut |finding| found.push(finding.to_string()))
            .unwrap();
    assert_eq!((found, fscked.count), (Vec::new(), 1));
    assert!(state(&root) == before);
    let told = &mut |finding: &Finding| panic!("{finding}");
    assert_eq!(Store::fsck_on(&disk, FsckMode::Mend, &|_| {}, told).unwrap().count, 1);
    drop(slot);
}

#[test]
fn every_line_says_what_is_done_or_to_be_done() {
    let line = |trouble, fate| Finding { path: "index.redb".into(), trouble, fate }.to_string();
    assert_eq!(line(Trouble::Missing, Fate::Mended), "index.redb: missing; made anew");
    assert_eq!(line(Trouble::Missing, Fate::ToMend), "index.redb: missing; to be made anew");
    assert_eq!(line(Trouble::Foreign, Fate::Left), "index.redb: not of this store; left alone");
    assert_eq!(line(Trouble::NotAFile, Fate::Unmended).split("; ").last(), Some("move it away"));
}

#[test]
fn rows_of_entries_that_are_none_or_do_not_match_or_name_what_is_gone_are_mended() {
    type Row<'a> = (u8, [u8; 32], u64, i64, &'a [u8], &'a str);
    const ENTRIES: redb::TableDefinition<'_, (&str, &str), Row<'static>> =
        redb::TableDefinition::new("entries");
    const REFERRERS: redb::TableDefinition<'_, (u8, [u8; 32], &str, &str), ()> =
        redb::TableDefinition::new("referrers");
    let (directory, contents) = closed();
    let store = open(directory.path());
    for (name, content) in ["a", "b", "c"].into_iter().zip(&contents) {
        let references = vec![digest(&contents[0])];
        let entry = Entry { value: digest(content), size: 0, references, fields: Vec::new(), written: 0 };
        store.put_entry(&Key::new("ac", name).unwrap(), entry, Overwrite::Replace).unwrap();
    }
    store.close().unwrap();
    let before = snapshot(directory.path());
    assert_eq!(fsck(directory.path(), FsckMode::DryRun).1, []);
    assert!(snapshot(directory.path()) == before);

    fs::remove_file(path(directory.path(), "blobs", &digest(&contents[2]))).unwrap();
    let database = redb::Database::open(directory.path().join("meta.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut entries = transaction.open_table(ENTRIES).unwrap();
        let value = *digest(&contents[0]).as_bytes();
        // No such algorithm, a key that is none, half a reference, references in no order, and a field that is none.
        let mut twice = [[1; 33], [1; 33]].concat();
        for (key, row) in [
            (("ac", "x"), (9, value, 0, 0, &[][..], "")),
            (("ac", ""), (1, value, 0, 0, &[][..], "")),
            (("ac", "y"), (1, value, 0, 0, &[1; 40][..], "")),
            (("ac", "z"), (1, value, 0, 0, twice.as_mut_slice(), "")),
            (("ac", "w"), (1, value, 0, 0, &[][..], "no field\n")),
        ] {
            entries.insert(key, row).unwrap();
        }
        let mut referrers = transaction.open_table(REFERRERS).unwrap();
        referrers.insert((1, [7; 32], "ac", "a"), ()).unwrap();
        referrers.remove((1, *digest(&contents[1]).as_bytes(), "ac", "b")).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);

    // None of that is an entry, and the others are.
    let store = open(directory.path());
    let names = |store: &Store| -> Vec<String> {
        store.entries(None, None, 100).unwrap().iter().map(|(key, _)| key.key().to_owned()).collect()
    };
    assert_eq!(names(&store), ["a", "b", "c"]);
    assert_eq!(store.entry(&Key::new("ac", "x").unwrap()).unwrap(), None);
    store.close().unwrap();

    let found = [
        "meta.redb: 1 entries that name blobs which are not here",
        "meta.redb: 5 rows of entries that are none",
        "meta.redb: which entries name a blob: 1 rows are missing, and 1 too many",
    ];
    let told = |fate| found.map(|what| (what.to_owned(), fate));
    let of_meta = |found: Vec<(String, Fate)>| -> Vec<_> {
        found.into_iter().filter(|(what, _)| what.starts_with("meta.redb")).collect()
    };
    let before = snapshot(directory.path());
    assert_eq!(of_meta(fsck(directory.path(), FsckMode::DryRun).1), told(Fate::ToMend));
    assert!(snapshot(directory.path()) == before);
    assert_eq!(of_meta(fsck(directory.path(), FsckMode::Mend).1), told(Fate::Mended));
    assert_eq!(of_meta(fsck(directory.path(), FsckMode::DryRun).1), []);
    let store = open(directory.path());
    assert_eq!(names(&store), ["a", "b"]);
    // By the row that was missing.
    store.remove(&digest(&contents[1])).unwrap();
    assert_eq!(names(&store), ["a"]);
    store.close().unwrap();
}
