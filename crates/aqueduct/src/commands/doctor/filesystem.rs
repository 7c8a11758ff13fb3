//! Which filesystem the store is on.

use super::mounts;
use super::place::Place;
use super::verdict::Verdict;
use crate::text::shown;

pub(super) fn look(place: &Place) -> Verdict {
    match place.directory.as_ref().ok().and_then(mounts::of) {
        Some(mount) => judge(&mount.kind, &shown(&mount.point)),
        None => Verdict::note(
            "unknown: /proc does not say",
            "mount /proc, or see what the store's directory needs",
        ),
    }
}

pub(super) fn judge(kind: &str, point: &str) -> Verdict {
    let found = format!("{kind}, mounted on {point}");
    match kind {
        "tmpfs" | "ramfs" => Verdict::note(found, "blobs here are gone when the machine restarts"),
        "overlay" | "aufs" => {
            Verdict::note(found, "a container's own layer goes with it: mount a volume for the store")
        }
        "nfs" | "nfs4" | "cifs" | "smb3" | "9p" | "ceph" | "afs" | "virtiofs" => {
            Verdict::note(found, "a store needs a local filesystem: another machine may change what is here")
        }
        kind if kind.starts_with("fuse") => {
            Verdict::note(found, "every byte passes through another program: a local filesystem is faster")
        }
        _ => Verdict::good(found),
    }
}
