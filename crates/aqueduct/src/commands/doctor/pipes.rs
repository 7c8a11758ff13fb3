//! How large the pipes get that bytes are spliced through: pipe(7).

use std::fs;

use aqueduct_flow::probe::{PipeLen, pipe};
use aqueduct_sys::Error;

use super::place::{Place, reason};
use super::verdict::Verdict;
use crate::text::size;

pub(super) fn look(_: &Place) -> Verdict {
    let limit = |name| fs::read_to_string(format!("/proc/sys/fs/{name}")).ok()?.trim().parse().ok();
    judge(pipe(), limit("pipe-max-size"), limit("pipe-user-pages-soft"))
}

/// `len_max` is what one pipe may have, and `page_count` what all of a user may; 0 is no limit.
pub(super) fn judge(
    opened: Result<PipeLen, Error>,
    len_max: Option<u64>,
    page_count: Option<u64>,
) -> Verdict {
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) => {
            return Verdict::action(
                format!("none can be opened: {}", reason(error)),
                "raise the limit on descriptors",
            );
        }
    };
    let limit = |limit: Option<u64>| limit.map_or_else(|| "unknown".to_owned(), |limit| limit.to_string());
    let found = format!(
        "{} each (pipe-max-size {}, pipe-user-pages-soft {})",
        size(opened.len as u64),
        limit(len_max),
        limit(page_count)
    );
    if opened.len >= opened.wanted {
        Verdict::good(found)
    } else if len_max.is_some_and(|max| max < opened.wanted as u64) {
        Verdict::note(found, format!("sysctl fs.pipe-max-size={} makes uploads cheaper", opened.wanted))
    } else {
        Verdict::note(found, "this user's pipes have all pages they may: raise fs.pipe-user-pages-soft")
    }
}
