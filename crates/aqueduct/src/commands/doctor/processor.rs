//! What the processor has for hashing.

use super::place::Place;
use super::verdict::Verdict;

pub(super) fn look_sha(_: &Place) -> Verdict {
    judge_sha(has_sha())
}

pub(super) fn look_avx512(_: &Place) -> Verdict {
    judge_avx512(has_avx512())
}

/// `None` where nobody can tell.
pub(super) fn judge_sha(has: Option<bool>) -> Verdict {
    match has {
        Some(true) => Verdict::good("the processor has instructions for SHA-256"),
        Some(false) => Verdict::note("the processor has no instructions for SHA-256, which is slow without")
            .advise("put --digest blake3 names blobs by a digest that needs none"),
        None => Verdict::note("unknown on this architecture"),
    }
}

pub(super) fn judge_avx512(has: Option<bool>) -> Verdict {
    match has {
        Some(true) => {
            Verdict::good("the processor has it: BLAKE3 uses it, and SHA-256 of several blobs at once may")
        }
        Some(false) => Verdict::note("the processor has none: hashing takes what there is"),
        None => Verdict::note("only x86-64 has it"),
    }
}

#[cfg(target_arch = "x86_64")]
fn has_sha() -> Option<bool> {
    Some(std::arch::is_x86_feature_detected!("sha"))
}

#[cfg(target_arch = "aarch64")]
fn has_sha() -> Option<bool> {
    Some(std::arch::is_aarch64_feature_detected!("sha2"))
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn has_sha() -> Option<bool> {
    None
}

/// What BLAKE3 needs of it; several chains of SHA-256 at once need some more.
#[cfg(target_arch = "x86_64")]
fn has_avx512() -> Option<bool> {
    Some(std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512vl"))
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> Option<bool> {
    None
}
