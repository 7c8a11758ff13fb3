//! Blobs whose file had less than it should when it was sent: truncated behind the server's back. Whoever asks next waits until
//! it was hashed, and nobody is sent the wrong bytes twice.

use std::io;

use crate::close::Close;
use crate::find::Found;
use crate::server::Shared;

/// Has a blob hashed from its start if that is why its reply broke off. It goes to quarantine if it is damaged.
pub(crate) fn look_again(shared: &Shared, close: &Close, found: Option<&Found>) {
    let (Close::Fault(error), Some(Found::Open(blob))) = (close, found) else { return };
    // What cannot be read at all is no better known after another try.
    if error.kind() != io::ErrorKind::UnexpectedEof {
        return;
    }
    let digest = blob.digest();
    tracing::error!(%digest, "the file of a blob is shorter than it was; verifying it");
    if let Err(error) = shared.store.doubt(blob) {
        tracing::error!(%error, %digest, "cannot tell which file that was");
        return;
    }
    let store = shared.store.clone();
    shared.checkers.leave(move || match store.blob(&digest) {
        Ok(Some(_)) => {}
        Ok(None) => tracing::error!(%digest, "damaged; moved to quarantine"),
        Err(error) => tracing::error!(%error, %digest, "cannot verify a blob that is in doubt"),
    });
}
