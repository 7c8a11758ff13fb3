//! Whether a store can be where it is to be.

use std::path::Path;

use aqueduct_store::{OpenError, Store};
use aqueduct_sys::{Errno, Error};

use super::place::{Place, reason};
use super::verdict::Verdict;
use crate::text::{shown, with_causes};

pub(super) fn look(place: &Place) -> Verdict {
    let (wanted, path) = (shown(&place.wanted), shown(&place.path));
    match &place.directory {
        Ok(_) => match Store::is_at(&place.wanted) {
            Ok(true) => Verdict::good(wanted),
            Ok(false) if place.is_wanted() => Verdict::good(format!("{wanted}, empty as yet")),
            Ok(false) => Verdict::note(
                format!("{wanted} does not exist; {path} was tried"),
                "nothing is wrong: serve, and put with --store, make it",
            ),
            Err(refused) => judge_refused(&refused),
        },
        Err(error) if error.errno() == Errno::NOTDIR => {
            Verdict::action(format!("{path} is no directory"), "choose another place with --store DIR")
        }
        Err(error) => Verdict::action(
            format!("{path} cannot be opened: {}", reason(*error)),
            "let this user read it, or run this as the user whose store it is",
        ),
    }
}

/// Why a server would not open what is there.
pub(super) fn judge_refused(refused: &OpenError) -> Verdict {
    let advice = match refused {
        OpenError::NotAStore { .. } => "choose a store, or an empty directory, with --store DIR",
        OpenError::DamagedMarker { .. } | OpenError::DamagedMeta { .. } => "restore that file from a backup",
        OpenError::NewerFormat { .. } => "use a newer aqueduct, or another store with --store DIR",
        _ => "see to it, or choose another place with --store DIR",
    };
    // Names of files may hold anything.
    Verdict::action(shown(Path::new(&with_causes(refused))), advice)
}

pub(super) fn look_unnamed(place: &Place) -> Verdict {
    judge_unnamed(place.file.as_ref().map(drop).map_err(|error| *error))
}

/// A store stages every blob in a file without a name.
pub(super) fn judge_unnamed(opened: Result<(), Error>) -> Verdict {
    let Err(error) = opened else { return Verdict::good("files without a name can be made") };
    let advice = match error.errno() {
        Errno::ROFS => "mount the filesystem for writing, or choose another directory",
        Errno::ACCESS | Errno::PERM => "let this user write there, or run this as the user whose store it is",
        Errno::NOSPC | Errno::DQUOT => "free some space",
        Errno::NOTDIR | Errno::NOENT => "choose a directory",
        Errno::MFILE | Errno::NFILE => "raise the limit on descriptors",
        // EISDIR is how a kernel or filesystem answers that does not know the flag (open(2)).
        _ => "a store needs them: choose a directory on ext4, xfs, btrfs or tmpfs",
    };
    Verdict::action(format!("no file without a name can be made: {}", reason(error)), advice)
}
