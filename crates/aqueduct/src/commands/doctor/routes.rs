//! Which ways of moving bytes there are on the filesystem of the store.

use aqueduct_flow::probe::{Ground, Sending, Tried};

use super::place::Place;
use super::untried::untried;
use super::verdict::Verdict;

pub(super) fn look_sendfile(place: &Place) -> Verdict {
    on_ground(place, |ground| judge_sendfile(ground.served.sendfile))
}

pub(super) fn look_splice(place: &Place) -> Verdict {
    on_ground(place, |ground| {
        judge(ground.served.splice, "uploads reach files without a copy through this program")
            .advise_unless_good("uploads are received by copy; another filesystem would spare that")
    })
}

pub(super) fn look_reflink(place: &Place) -> Verdict {
    on_ground(place, |ground| {
        judge(ground.reflink, "files can share their blocks: a put on this filesystem copies nothing")
            .advise_unless_good("xfs and btrfs let put share a file's blocks instead of copying them")
    })
}

pub(super) fn look_copy_file_range(place: &Place) -> Verdict {
    on_ground(place, |ground| judge(ground.copy_file_range, "the kernel copies between files by itself"))
}

pub(super) fn look_nowait(place: &Place) -> Verdict {
    on_ground(place, |ground| {
        judge(ground.served.nowait, "the kernel tells what is in memory")
            .advise_unless_good("a server reads everything twice to be sure; ext4, xfs and btrfs can tell")
    })
}

pub(super) fn look_cachestat(place: &Place) -> Verdict {
    on_ground(place, |ground| judge(ground.cachestat, "pages in memory can be counted"))
}

pub(super) fn look_dontcache(place: &Place) -> Verdict {
    on_ground(place, |ground| judge(ground.dontcache, "reads can leave the page cache as it was"))
}

pub(super) fn judge_sendfile(found: Sending) -> Verdict {
    match found {
        Sending::ByReference => Verdict::good("by reference: what is sent is not copied first"),
        Sending::ByCopy => Verdict::note("by copy: this kernel copies what it sends"),
        Sending::Refused(_) => Verdict::note(format!("refused: {found}"))
            .advise("blobs are sent by copy; another filesystem would spare that"),
        Sending::Untried(errno) => untried(errno),
    }
}

pub(super) fn judge(found: Tried, works: &str) -> Verdict {
    match found {
        Tried::Works => Verdict::good(works),
        Tried::Lies => Verdict::note(found.to_string()),
        Tried::Refused(_) => Verdict::note(format!("not here: {found}")),
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
