//! Where blobs live: a content-addressed store in a directory.
//!
//! Bytes come in through [`Store::begin`], which stages them without a name; [`Staging::verify`] finds or checks their
//! digest; [`Verified::publish`] makes them visible under it. They go out through [`Store::blob`]. Each step gives a
//! stronger type, and none can be skipped. What is large comes in through [`Store::upload`], segment by segment in any
//! order, and goes on where it was after the sender, the process or the power is back. What is whole in memory needs none
//! of these steps: [`Store::put_all`].
//!
//! # The contract
//! - A blob is visible whole under the digest of its bytes, or not at all; also after a crash at any moment.
//! - A publish acknowledged under [`SyncPolicy::Full`] survives a power cut. Under [`SyncPolicy::None`] it may be lost.
//! - A published file is never written or truncated, only unlinked.
//! - Opening the store is the only recovery, and takes the same time for ten blobs as for ten million.
//! - A failed sync is never asked again: the staging is dropped; where it was a directory's, the store turns read-only.
//!
//! The tests in `tests/it/crash` prove the first two over every verb of the [`disk`] seam. `docs/store-format.md`
//! specifies what lies on the medium. There are no sockets here, no status codes, and no threads.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod blob;
mod commit;
mod damage;
mod database;
pub mod disk;
mod doubt;
mod entries;
mod evict;
mod fault;
mod fsck;
mod index;
mod layout;
mod list;
mod mark;
mod meta;
mod open;
mod pins;
mod poison;
mod publish;
mod quarantine;
mod real_disk;
mod remove;
mod scrub;
mod space;
mod staging;
mod store;
mod syncs;
mod turns;
mod uploads;
mod watch;
mod whole;

pub use blob::Blob;
pub use damage::Checked;
pub use disk::Room;
pub use entries::{
    ENTRY_COUNT_MAX, ENTRY_REFERENCE_SUM_MAX, Entry, EntryError, EntryOutcome, FIELD_COUNT_MAX,
    FIELD_LEN_MAX, Key, KeyError, NAMESPACE_COUNT_MAX, Overwrite, REFERENCE_COUNT_MAX,
};
pub use fault::{Cause, ChangeError, ReadOnly, StorageFault};
pub use fsck::{Fate, Finding, FsckError, FsckMode, Fscked, Trouble};
pub use index::Usage;
pub use list::Listed;
pub use open::{Absent, OpenError};
pub use pins::{PIN_COUNT_MAX, PinError};
pub use publish::{Outcome, PublishError, Published};
pub use quarantine::Quarantined;
pub use real_disk::RealDisk;
pub use scrub::{Leave, ScrubFound, ScrubPass, ScrubPlan, ScrubState};
pub use space::Limits;
pub use staging::{Follower, Staging, Told, Turn, Verified, VerifyError};
pub use store::{Options, Store, SyncPolicy};
pub use syncs::Syncs;
pub use uploads::{
    ClaimError, Counts, FinishError, Landed, Price, ReceiveError, Receiving, Resumed, TakenOver, Upload,
    UploadError, UploadLacks, UploadListed, UploadPlan,
};
pub use whole::{PutError, Whole};
