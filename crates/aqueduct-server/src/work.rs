//! What workers do on the store for a reactor: everything here may wait for a disk.

use std::error::Error;
use std::io;

use aqueduct_blob::Digest;
use aqueduct_store::{
    Cause, ChangeError, Listed, Outcome as PublishOutcome, PublishError, Published, PutError, Staging,
    StorageFault, Store, UploadError, VerifyError,
};

use crate::door::{Name, Refusal, Write, already_present};
use crate::metrics;

/// Removes a blob; false where there was none.
///
/// `if_present` says whether the peer wants that, should there be one.
pub(crate) fn remove(store: &Store, digest: &Digest, if_present: bool) -> Result<bool, Refusal> {
    if !if_present && store.blob(digest)?.is_some() {
        return Err(Refusal::PreconditionFailed { digest: *digest });
    }
    Ok(store.remove(digest)?)
}

/// A page of the list, and where the next one goes on.
pub(crate) fn list(
    store: &Store,
    after: Option<Digest>,
    limit: usize,
) -> Result<(Vec<Listed>, Option<Digest>), Refusal> {
    let page = store.list(after.as_ref(), limit)?;
    let next = (page.len() == limit).then(|| page.last().map(|last| last.digest)).flatten();
    Ok((page, next))
}

/// Which of these are not here, in the order asked.
pub(crate) fn missing(store: &Store, digests: Vec<Digest>) -> Result<Vec<Digest>, Refusal> {
    let mut missing = Vec::new();
    for digest in digests {
        if !store.has(&digest)? {
            missing.push(digest);
        }
    }
    Ok(missing)
}

/// What an upload begins with.
pub(crate) enum Begun {
    /// There is nothing to upload.
    Present(Published),
    Staging(Box<Staging>),
}

/// Begins an upload, unless its blob is here.
pub(crate) fn begin(store: &Store, write: Write, size: Option<u64>) -> Result<Begun, Refusal> {
    let algorithm = match write.name {
        Name::Found(algorithm) => algorithm,
        Name::Given(digest) => {
            if let Some(published) = present(store, digest)? {
                return checked(published, write).map(Begun::Present);
            }
            if !write.if_absent {
                return Err(Refusal::PreconditionFailed { digest });
            }
            digest.algorithm()
        }
    };
    Ok(Begun::Staging(Box::new(store.begin(algorithm, size)?)))
}

/// A blob, if it is here.
pub(crate) fn present(store: &Store, digest: Digest) -> Result<Option<Published>, Refusal> {
    // As durable as the policy asks, and then its size, unless it was removed in between.
    if !store.has(&digest)? {
        return Ok(None);
    }
    Ok(store.blob(&digest)?.map(|blob| already_present(digest, blob.size())))
}

/// Verifies and publishes what was staged.
pub(crate) fn publish(staging: Staging, write: Write) -> Result<Published, Refusal> {
    let expected = match &write.name {
        Name::Given(digest) => Some(digest),
        Name::Found(_) => None,
    };
    checked(staging.verify(expected)?.publish()?, write)
}

/// A blob that was here is no success for a peer that wanted another state of things.
pub(crate) fn checked(published: Published, write: Write) -> Result<Published, Refusal> {
    let Published { digest, outcome, .. } = published;
    match outcome {
        PublishOutcome::AlreadyPresent if !write.if_present => Err(Refusal::PreconditionFailed { digest }),
        _ => Ok(published),
    }
}

/// An error of the disk in the middle of a transfer.
pub(crate) fn fault(doing: &str, error: &io::Error) -> Refusal {
    told(Cause::of(error), error, format_args!("cannot {doing}"))
}

/// What whoever asked is told of a fault, which is written down and counted here: no other place does for the store.
fn told(cause: Cause, error: &dyn Error, what: std::fmt::Arguments<'_>) -> Refusal {
    metrics::count_fault(cause);
    match cause {
        Cause::NoSpace | Cause::Quota => {
            tracing::warn!(%error, "no space: {what}");
            Refusal::NoSpace
        }
        Cause::Descriptors | Cause::Memory => {
            tracing::warn!(%error, "short of descriptors or memory: {what}");
            Refusal::Short
        }
        Cause::ReadOnly => {
            tracing::error!(%error, "the filesystem takes no changes: {what}");
            Refusal::ReadOnly
        }
        Cause::Io => {
            tracing::error!(%error, "{what}");
            Refusal::Fault
        }
    }
}

impl From<StorageFault> for Refusal {
    fn from(fault: StorageFault) -> Self {
        let source = fault.source().expect("a fault of the store has a source");
        told(fault.cause(), source, format_args!("{fault}"))
    }
}

impl From<ChangeError> for Refusal {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Fault(fault) => fault.into(),
            ChangeError::ReadOnly(read_only) => {
                metrics::count_fault(Cause::ReadOnly);
                tracing::error!(cause = %read_only.0, "{read_only}");
                Self::ReadOnly
            }
        }
    }
}

impl From<UploadError> for Refusal {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::TooMany { .. } => {
                tracing::warn!("{error}");
                Self::TooManyUploads
            }
            // Ids are drawn: nobody has had this one before.
            UploadError::Conflict => {
                tracing::error!("{error}");
                Self::Fault
            }
            UploadError::Change(error) => error.into(),
        }
    }
}

impl From<PutError> for Refusal {
    fn from(error: PutError) -> Self {
        match error {
            PutError::DigestMismatch { expected, actual } => Self::Mismatch { expected, actual },
            PutError::Publish(error) => error.into(),
        }
    }
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::DigestMismatch { expected, actual } => Self::Mismatch { expected, actual },
            VerifyError::Fault(fault) => fault.into(),
            VerifyError::SizeMismatch { .. } => {
                unreachable!("a body is counted before it is verified: {error}")
            }
        }
    }
}

impl From<PublishError> for Refusal {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Contended { digest } => Self::Contended { digest },
            PublishError::Change(error) => error.into(),
        }
    }
}
