//! What can be asked without moving a blob.

use aqueduct_blob::{Digest, UploadId};
use aqueduct_wire::native::limits::{DIGEST_COUNT_MAX, LIST_COUNT_MAX, UPLOAD_LIST_COUNT_MAX};
use aqueduct_wire::native::{Ask, Code, ListedBlob, ListedUpload, Say};

use super::NativeClient;
use crate::error::Error;
use crate::listing::{Listed, Page, Upload, UploadPage};

impl NativeClient {
    /// Which of these the server does not have, in the order given.
    pub(crate) fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, Error> {
        let questions: Vec<&[Digest]> = (digests.chunk_by(|one, next| one.algorithm() == next.algorithm()))
            .flat_map(|alike| alike.chunks(DIGEST_COUNT_MAX))
            .collect();
        let asks: Vec<_> = questions.iter().map(|asked| Ask::Has { digests: asked.to_vec() }).collect();
        let mut missing = Vec::new();
        for (asked, say) in questions.into_iter().zip(self.ask_each(&asks)?) {
            match say {
                Say::Presence { present } if present.len() == asked.len() => {
                    let absent = asked.iter().zip(present).filter(|(_, is_there)| !is_there);
                    missing.extend(absent.map(|(digest, _)| *digest));
                }
                other => return Err(self.failure(&other)),
            }
        }
        Ok(missing)
    }

    /// The size of a blob in bytes; `None` if the server does not have it.
    pub(crate) fn size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        match self.ask(Ask::Stat { digest: *digest })? {
            Say::Described { size, .. } => Ok(Some(size)),
            Say::Refused { code: Code::Absent, .. } => Ok(None),
            other => Err(self.failure(&other)),
        }
    }

    /// Up to `limit` blobs behind `after` in the order of their digests, or from the first on.
    pub(crate) fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Page, Error> {
        let limit = limit.clamp(1, LIST_COUNT_MAX);
        match self.ask(Ask::List { after: after.copied(), limit })? {
            // Whoever follows it would go in circles.
            Say::Listed { next, .. } if after.is_some() && next.is_some() && next.as_ref() <= after => {
                Err(self.circle())
            }
            Say::Listed { blobs, next } => Ok(Page { blobs: blobs.iter().map(listed).collect(), next }),
            other => Err(self.failure(&other)),
        }
    }

    /// Removes blobs, and says of each whether the server had it.
    pub(crate) fn remove_all(&self, digests: &[Digest]) -> Vec<Result<bool, Error>> {
        let asks: Vec<_> = digests.iter().map(|digest| Ask::Remove { digest: *digest }).collect();
        let removed = |say| match say {
            Say::Removed => Ok(true),
            Say::Refused { code: Code::Absent, .. } => Ok(false),
            other => Err(self.failure(&other)),
        };
        // Asked again after its answer was lost, a removal would say that the blob was not there.
        self.ask_once(&asks, self.site.options.answer_timeout)
            .into_iter()
            .map(|said| said.and_then(removed))
            .collect()
    }

    /// Up to `limit` uploads behind `after` in the order of their ids, or from the first on.
    pub(crate) fn uploads(&self, after: Option<&UploadId>, limit: usize) -> Result<UploadPage, Error> {
        let limit = limit.clamp(1, UPLOAD_LIST_COUNT_MAX);
        match self.ask(Ask::ListUploads { after: after.copied(), limit })? {
            Say::Uploads { next, .. } if after.is_some() && next.is_some() && next.as_ref() <= after => {
                Err(self.circle())
            }
            Say::Uploads { uploads, next } => {
                Ok(UploadPage { uploads: uploads.iter().map(upload).collect(), next })
            }
            other => Err(self.failure(&other)),
        }
    }

    /// Drops an upload; false if the server did not have it.
    pub(crate) fn drop_upload(&self, id: UploadId) -> Result<bool, Error> {
        match self.ask(Ask::DropUpload { upload: id })? {
            Say::Dropped => Ok(true),
            Say::Refused { code: Code::NoSuchUpload, .. } => Ok(false),
            other => Err(self.failure(&other)),
        }
    }

    fn circle(&self) -> Error {
        Error::protocol(&self.site.endpoint, "its list goes in circles")
    }
}

fn listed(blob: &ListedBlob) -> Listed {
    Listed { digest: blob.digest, size: blob.size, published: blob.published }
}

fn upload(upload: &ListedUpload) -> Upload {
    let ListedUpload { id, algorithm, digest, size, verified, used, stored } = *upload;
    Upload { id, algorithm, digest, size, verified, used, stored }
}
