//! An upload as it is found on the medium, whatever its journal says: it is listed and opened without a panic, never holds
//! more than its file has, and can be finished or begun anew.

#![no_main]

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::LazyLock;

use aqueduct_blob::{Algorithm, Hasher, UploadId};
use aqueduct_flow::Step;
use aqueduct_fuzz::{Feed, Place, known};
use aqueduct_store::{Absent, FinishError, Landed, Options, Resumed, Store, SyncPolicy, Upload, UploadPlan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut feed = Feed(bytes);
    let choices = feed.byte();
    let journal = if choices & 1 == 0 { feed.0.to_vec() } else { seal(&mut feed) };
    let plan_size = journal.get(8..16).and_then(|size| size.try_into().ok()).map_or(0, u64::from_le_bytes);
    let ground = &*GROUND;
    let [file, journal_file] = ground.paths();
    fs::write(&journal_file, &journal).expect("the journal can be written");
    let len = match choices >> 1 & 3 {
        0 => None,
        1 => plan_size.checked_sub(1),
        2 => Some(plan_size),
        _ => plan_size.checked_add(5),
    };
    // A file of no bytes at all, as long as it may.
    let len = len.filter(|len| *len <= SIZE_MAX + 5);
    if let Some(len) = len {
        let bytes = fs::File::create(&file).expect("the file can be made");
        bytes.set_len(len).expect("the file can be made longer");
        let mode = if choices & 8 == 0 { 0o644 } else { 0o444 };
        bytes.set_permissions(fs::Permissions::from_mode(mode)).expect("its mode can be set");
        if choices & 16 != 0 {
            fs::hard_link(&file, ground.other_name()).expect("another name can be given");
        }
    }
    ground.look(plan_size, len);
    ground.clear();
});

/// A store, and one upload in it that each input makes anew.
struct Ground {
    place: Place,
    store: Store,
    /// What the session of this process has for a boot.
    boot: [u8; 32],
}

impl Ground {
    fn make() -> Self {
        let place = Place::make("upload-journal");
        let options = Options { sync: SyncPolicy::None, ..Options::default() };
        let store = Store::open(place.path(), Absent::Make, options).expect("a store can be made");
        let mut ground = Self { place, store, boot: [0; 32] };
        let plan = UploadPlan { algorithm: Algorithm::Sha256, digest: None, size: 1 };
        drop(ground.store.upload(ID, &plan).expect("an upload can be begun"));
        let journal = fs::read(&ground.paths()[1]).expect("it has a journal");
        ground.boot = journal[BLOCK_LEN + 16..][..32].try_into().expect("its first session has a boot");
        ground.clear();
        ground
    }

    fn paths(&self) -> [PathBuf; 2] {
        let uploads = self.place.path().join("uploads");
        [uploads.join(ID.to_string()), uploads.join(format!("{ID}.journal"))]
    }

    fn other_name(&self) -> PathBuf {
        self.place.path().join("quarantine/other")
    }

    fn look(&self, plan_size: u64, len: Option<u64>) {
        let listed = self.store.uploads(None, 10).expect("the directory can be read");
        assert!(listed.len() <= 1);
        for it in &listed {
            assert!(it.id == ID && it.verified_len <= it.plan.size && it.stored.is_none());
            assert_eq!(it.plan.size, plan_size);
        }
        self.store.upload_usage().expect("the directory can be read");
        // To begin such a one anew is to reserve its space.
        if plan_size > SIZE_MAX {
            return;
        }
        match self.store.find_upload(ID).expect("what is found can be used, or begun anew") {
            None => assert!(listed.is_empty(), "what is listed can be opened"),
            Some(Resumed::Stored(published)) => panic!("{published:?} was never there"),
            Some(Resumed::Open(upload)) => {
                assert_eq!(upload.plan(), listed[0].plan);
                check(&upload, len);
                self.finish(&upload);
            }
        }
    }

    fn finish(&self, upload: &Upload) {
        let size = upload.plan().size;
        // All that is missing is sent, unless that takes long.
        for index in upload.missing(SEGMENTS_SENT) {
            let Ok(mut receiving) = upload.receive(index) else { continue };
            if receiving.left() > LEN_SENT {
                continue;
            }
            let bytes = vec![0; receiving.left() as usize];
            if !bytes.is_empty() {
                let filled = receiving.fill(&mut |file, offset, show| {
                    file.write_all_at(&bytes, offset)?;
                    show(&bytes);
                    Ok(Step::Moved(bytes.len()))
                });
                assert_eq!(filled.expect("there is room"), Step::Moved(bytes.len()));
            }
            assert_eq!(receiving.finish().expect("there is room"), Landed::Held, "nothing was claimed");
        }
        let is_whole = upload.missing(1).is_empty();
        match upload.finish(None) {
            Ok(published) => {
                assert!(is_whole && published.size == size);
                let blob = self.store.blob(&published.digest).expect("the store is good");
                assert_eq!(blob.expect("it was just published").size(), size);
                self.store.remove(&published.digest).expect("it can be removed");
            }
            Err(FinishError::Missing(_)) => assert!(!is_whole),
            Err(FinishError::Broken(broken)) => {
                assert!(broken.iter().all(|it| upload.missing(9).contains(it)))
            }
            Err(FinishError::Mismatch { expected, .. }) => assert_eq!(upload.plan().digest, Some(expected)),
            Err(error) => panic!("{error}"),
        }
    }

    fn clear(&self) {
        self.store.drop_upload(ID).expect("an upload can be dropped");
        let _ = fs::remove_file(self.other_name());
        self.paths().iter().for_each(|path| assert!(!path.exists()));
    }
}

/// What is held lies in the blob, and in a file that has it.
fn check(upload: &Upload, len: Option<u64>) {
    let size = upload.plan().size;
    let held = upload.held_ranges();
    assert!(held.iter().all(|range| range.start < range.end && range.end <= size));
    assert_eq!(held.iter().map(|range| range.end - range.start).sum::<u64>(), upload.held_len());
    if len.is_none_or(|len| len < size) {
        assert_eq!(upload.held_len(), 0, "bytes are believed that are not there");
    }
}

/// A journal whose checks are right, and whose boot may be this one. A block of the input is its content and, before that,
/// what to put into it.
fn seal(feed: &mut Feed<'_>) -> Vec<u8> {
    let mut journal = Vec::new();
    let mut check = [0; 16];
    while let Some(put) = feed.next() {
        let mut content = [0; CONTENT_LEN];
        let given = feed.take(CONTENT_LEN);
        content[..given.len()].copy_from_slice(given);
        if journal.is_empty() {
            content[16..32].copy_from_slice(ID.as_bytes());
        }
        match put % 4 {
            0 => {}
            1 => content[16..48].copy_from_slice(&GROUND.boot),
            2 => content[16..48].copy_from_slice(known()[0].digest.as_bytes()),
            // What SHA-256 begins from, as a state.
            _ => content[16..48].copy_from_slice(&SHA256_BEGIN),
        }
        let mut hasher = Hasher::new(Algorithm::Blake3);
        hasher.update(&check);
        hasher.update(&content);
        check.copy_from_slice(&hasher.finish().digest.as_bytes()[..16]);
        journal.extend(content);
        journal.extend(check);
    }
    journal
}

static GROUND: LazyLock<Ground> = LazyLock::new(Ground::make);

const ID: UploadId = UploadId::new([0xa5; 16]);

const CONTENT_LEN: usize = 80;
const BLOCK_LEN: usize = 96;

/// Three segments and a little.
const SIZE_MAX: u64 = 13 << 20;

/// What is sent of an upload that lacks something.
const SEGMENTS_SENT: usize = 4;
const LEN_SENT: u64 = 64 << 10;

/// FIPS 180-4 section 5.3.3.
const SHA256_BEGIN: [u8; 32] = [
    0x6a, 0x09, 0xe6, 0x67, 0xbb, 0x67, 0xae, 0x85, 0x3c, 0x6e, 0xf3, 0x72, 0xa5, 0x4f, 0xf5, 0x3a, 0x51,
    0x0e, 0x52, 0x7f, 0x9b, 0x05, 0x68, 0x8c, 0x1f, 0x83, 0xd9, 0xab, 0x5b, 0xe0, 0xcd, 0x19,
];
