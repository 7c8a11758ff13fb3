//! Which ways of moving bytes there are on the filesystem of the store.

use aqueduct_flow::probe::{Ground, Sending, Tried};

use super::place::Place;
use super::untried::untried;
use super::verdict::Verdict;

pub(super) fn look_sendfile(place: &Place) -> Verdict {
    on_ground(place, |ground| judge_sendfile(ground.served.sendfile))
}

pub(super) fn look_splice(place: &Place) -> Verdict {
    let advice = "uploads are received by copy; another filesystem would spare that";
    on_ground(place, |ground| {
        judge(ground.served.splice, "uploads reach files without a copy through this program", advice)
    })
}

pub(super) fn look_reflink(place: &Place) -> Verdict {
    let advice = "xfs and btrfs let put share a file's blocks instead of copying them";
    on_ground(place, |ground| {
        judge(ground.reflink, "files can share their blocks: a put on this filesystem copies nothing", advice)
    })
}

pub(super) fn look_copy_file_range(place: &Place) -> Verdict {
    let advice = "put and get take the next best way; a newer kernel may spare that";
    on_ground(place, |ground| {
        judge(ground.copy_file_range, "the kernel copies between files by itself", advice)
    })
}

pub(super) fn look_nowait(place: &Place) -> Verdict {
    let advice = "a server reads everything twice to be sure; ext4, xfs and btrfs can tell";
    on_ground(place, |ground| judge(ground.served.nowait, "the kernel tells what is in memory", advice))
}

pub(super) fn look_cachestat(place: &Place) -> Verdict {
    let advice = "nothing to do: nothing rests on it";
    on_ground(place, |ground| judge(ground.cachestat, "pages in memory can be counted", advice))
}

pub(super) fn look_dontcache(place: &Place) -> Verdict {
    let advice = "nothing to do: nothing rests on it";
    on_ground(place, |ground| judge(ground.dontcache, "reads can leave the page cache as it was", advice))
}

pub(super) fn judge_sendfile(found: Sending) -> Verdict {
    match found {
        Sending::ByReference => Verdict::good("by reference: what is sent is not copied first"),
        Sending::ByCopy => Verdict::note(
            "by copy: this kernel copies what it sends",
            "nothing is wrong: the same bytes are sent; another kernel or filesystem may spare the copy",
        ),
        Sending::Refused(_) => Verdict::note(
            format!("refused: {found}"),
            "blobs are sent by copy; another filesystem would spare that",
        ),
        Sending::Untried(errno) => untried(errno),
    }
}

/// `advice` is for where it is not to be had.
pub(super) fn judge(found: Tried, works: &str, advice: &str) -> Verdict {
    match found {
        Tried::Works => Verdict::good(works),
        Tried::Lies => Verdict::note(found.to_string(), advice),
        Tried::Refused(_) => Verdict::note(format!("not here: {found}"), advice),
        Tried::Untried(errno) => untried(errno),
    }
}

fn on_ground(place: &Place, judge: impl FnOnce(&Ground) -> Verdict) -> Verdict {
    match (&place.ground, &place.file) {
        (Ok(ground), _) => judge(ground),
        (Err(_), Err(_)) => Verdict::untried(),
        (Err(error), Ok(_)) => untried(error.errno()),
    }
}
