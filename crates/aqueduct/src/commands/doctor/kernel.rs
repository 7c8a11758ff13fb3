//! Which kernel runs.

use aqueduct_sys::kernel_release;

use super::place::Place;
use super::verdict::Verdict;

pub(super) fn look(_: &Place) -> Verdict {
    judge(kernel_release().as_deref())
}

pub(super) fn judge(release: Option<&str>) -> Verdict {
    let Some(release) = release else {
        return Verdict::note("its release is no text", "see uname -r: Linux 5.8 or newer is wanted");
    };
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    let mut number = || numbers.next().and_then(|digits| digits.parse::<u32>().ok());
    match (number(), number()) {
        (Some(major), Some(minor)) if (major, minor) < SYNCFS_REPORTS => Verdict::note(
            format!("Linux {release}"),
            "5.8 is the first that reports a failed write to a sync of the whole filesystem: use a newer one",
        ),
        _ => Verdict::good(format!("Linux {release}")),
    }
}

/// syncfs(2), VERSIONS.
const SYNCFS_REPORTS: (u32, u32) = (5, 8);
