//! Whether two files can share their blocks.

use std::fs::File;

use aqueduct_sys::{reflink, stat};

use super::{LEN, Tried};
use crate::uninterrupted;

/// Makes `target`, which is empty, share what `source` has.
pub(super) fn reflinked(source: &File, target: &File) -> Tried {
    let found = match uninterrupted(|| reflink(source, target)) {
        Ok(()) => stat(target),
        refused => return Tried::of(refused, |()| false),
    };
    found.map_or_else(
        |error| Tried::Untried(error.errno()),
        |found| if found.size == LEN as u64 { Tried::Works } else { Tried::Lies },
    )
}
