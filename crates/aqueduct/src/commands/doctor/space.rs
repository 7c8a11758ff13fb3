//! How much room there is.

use aqueduct_sys::{Error, Room, room};

use super::place::{Place, reason};
use super::verdict::Verdict;
use crate::text::size;

pub(super) fn look_bytes(place: &Place) -> Verdict {
    judge(asked(place), judge_bytes)
}

pub(super) fn look_inodes(place: &Place) -> Verdict {
    judge(asked(place), judge_inodes)
}

fn asked(place: &Place) -> Result<Room, Error> {
    place.directory.as_ref().map_err(|error| *error).and_then(room)
}

fn judge(asked: Result<Room, Error>, judge: fn(&Room) -> Verdict) -> Verdict {
    match asked {
        Ok(room) => judge(&room),
        Err(error) => {
            Verdict::note(format!("unknown: {}", reason(error)), "see what the store's directory needs")
        }
    }
}

pub(super) fn judge_bytes(room: &Room) -> Verdict {
    // A filesystem in memory without a limit, or of the kernel's own, has no blocks to count (statfs(2)).
    let is_counted = room.size > 0;
    let found = match is_counted {
        true => format!("{} free of {}", size(room.available), size(room.size)),
        false => "not counted by this filesystem".to_owned(),
    };
    let advice = "free some space: a put that finds none fails, and leaves nothing behind";
    if room.is_read_only {
        Verdict::action(format!("{found}, read-only"), "mount the filesystem for writing")
    } else if !is_counted {
        Verdict::good(found)
    } else if room.available < AVAILABLE_MIN {
        Verdict::action(found, advice)
    } else if is_scarce(room.available, room.size) {
        Verdict::note(found, advice)
    } else {
        Verdict::good(found)
    }
}

pub(super) fn judge_inodes(room: &Room) -> Verdict {
    if room.inode_count == 0 {
        return Verdict::good("made as they are needed");
    }
    let found = format!("{} free of {}", room.inodes_available, room.inode_count);
    let advice =
        "a blob takes one, and another for its checkpoints: remove files, or make the filesystem with more";
    if room.inodes_available < INODES_MIN {
        Verdict::action(found, advice)
    } else if is_scarce(room.inodes_available, room.inode_count) {
        Verdict::note(found, advice)
    } else {
        Verdict::good(found)
    }
}

/// Less than a twentieth: filesystems slow down, and what grows does not stop.
fn is_scarce(available: u64, of: u64) -> bool {
    available < of / 20
}

/// Less does not hold a new store's own files and a blob worth the name.
const AVAILABLE_MIN: u64 = 64 << 20;

/// A new store's directories alone are some five hundred.
const INODES_MIN: u64 = 1000;
