//! Files of several segments: sent over one or more lines, while a thread hashes beside them.

use std::fs;
use std::thread;

use aqueduct_blob::{Algorithm, Assembly, Digest, Hasher, Landed, UploadId, segment_count, segment_range};
use aqueduct_sys::{Stat, Timestamp, hostname};
use aqueduct_wire::native::Ask;

use super::ledger::Ledger;
use super::sender::{Sender, Shared};
use crate::error::Error;
use crate::native::{NativeClient, SHARED_COUNT_MIN};
use crate::source::Source;
use crate::uploaded::{Observe, Uploaded};

impl NativeClient {
    pub(super) fn put_upload(
        &self,
        algorithm: Algorithm,
        digest: Option<&Digest>,
        source: &Source,
        observe: &mut Observe<'_>,
    ) -> Result<Uploaded, Error> {
        let ledger = Ledger::new(source.size());
        let id = upload_id(algorithm, digest, source);
        let _turn = self.turns.take(id);
        let shared = Shared { client: self, source, algorithm, digest: digest.copied(), id, ledger: &ledger };
        let is_shared = segment_count(source.size()) >= SHARED_COUNT_MIN;
        let line_count = if is_shared { self.slots.count_max() } else { 1 };
        let sent = thread::scope(|scope| {
            // Given back last: whoever waits for a further one then sees that there is no need for it any more.
            let _slot = is_shared.then(|| self.slots.first());
            // However this ends, nobody else goes on.
            let _end = End(&ledger);
            scope.spawn(|| ledger.hashed(hash(&ledger, source, algorithm)));
            for _ in 1..line_count {
                scope.spawn(|| Sender::new(shared).assist());
            }
            Sender::new(shared).lead(observe)
        });
        // Whatever failed, a source that changed is the reason.
        if source.has_changed()? {
            // Nobody will go on with it: a file that looks otherwise has another upload. If that cannot be said soon, it
            // expires.
            if ledger.is_opened() && sent.is_err_and(|error| !error.is_retryable()) {
                self.ask_once(&[Ask::DropUpload { upload: id }], self.site.options.timeout);
            }
            return Err(Error::changed());
        }
        let sent = sent?;
        Ok(Uploaded {
            digest: sent.digest,
            size: source.size(),
            is_new: sent.is_new,
            sent: ledger.carried().total(),
            carried: ledger.carried(),
        })
    }
}

struct End<'a>(&'a Ledger);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// Finds the checkpoints and the digest of a file, unless nobody wants them any more.
fn hash(ledger: &Ledger, source: &Source, algorithm: Algorithm) -> Result<Digest, Error> {
    let mut assembly = Assembly::new(algorithm, source.size());
    let last = segment_count(source.size()) - 1;
    let mut buffer = vec![0; READ_LEN];
    for index in 0..=last {
        let mut hasher = assembly.begin(index).expect("the segment before it is held");
        let mut offset = segment_range(source.size(), index).start;
        while hasher.left() > 0 {
            if ledger.is_over() {
                return Err(Error::unwanted());
            }
            let len = usize::try_from(hasher.left()).map_or(READ_LEN, |left| left.min(READ_LEN));
            source.read_exact_at(&mut buffer[..len], offset)?;
            hasher.update(&buffer[..len]);
            offset += len as u64;
        }
        let Landed::Held(record) = assembly.land(hasher) else { unreachable!("nothing was claimed") };
        // A chain ends in the digest, which is no entry.
        if index < last || algorithm == Algorithm::Blake3 {
            ledger.found(record.after);
        }
    }
    Ok(assembly.finish(None).expect("every segment is held").digest)
}

/// The name of an upload: the same whenever the same client sends the same file again, be it after it was killed.
fn upload_id(algorithm: Algorithm, digest: Option<&Digest>, source: &Source) -> UploadId {
    // What a machine is called by itself (machine-id(5)), or else by others.
    let machine = fs::read_to_string("/etc/machine-id").ok().filter(|id| !id.trim().is_empty());
    let machine = machine.or_else(hostname).unwrap_or_default();
    let digest = digest.map(ToString::to_string).unwrap_or_default();
    let Stat { device, inode, size, mtime, ctime, .. } = source.seen();
    let time = |time: &Timestamp| format!("{}.{}", time.seconds, time.nanoseconds);
    let (mtime, ctime) = (time(mtime), time(ctime));
    let text = format!("{machine}\n{algorithm} {digest}\n{device} {inode} {size} {mtime} {ctime}");
    let mut hasher = Hasher::new(Algorithm::Blake3);
    hasher.update(text.as_bytes());
    let name = *hasher.finish().digest.as_bytes();
    UploadId::new(*name.first_chunk().expect("a digest has 32 bytes"))
}

/// What fits into the second-level cache.
const READ_LEN: usize = 256 << 10;
