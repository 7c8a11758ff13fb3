//! What the processor has for hashing.

use aqueduct_blob::Lanes;

use super::place::Place;
use super::verdict::Verdict;

pub(super) fn look_sha(_: &Place) -> Verdict {
    judge_sha(has_sha())
}

pub(super) fn look_avx512(_: &Place) -> Verdict {
    judge_avx512(Lanes::detect().count())
}

/// `None` where nobody can tell.
pub(super) fn judge_sha(has: Option<bool>) -> Verdict {
    let advice = "put --digest blake3 names blobs by a digest that needs none";
    match has {
        Some(true) => Verdict::good("the processor has instructions for SHA-256"),
        Some(false) => {
            Verdict::note("the processor has no instructions for SHA-256, which is slow without", advice)
        }
        None => Verdict::note("unknown on this architecture", advice),
    }
}

/// By how many blobs are hashed at once: sixteen take the AVX-512 of Ice Lake and later.
pub(super) fn judge_avx512(lanes: usize) -> Verdict {
    let advice = "nothing to do: hashing takes what there is";
    match lanes {
        16.. => Verdict::good(format!("the processor has it: SHA-256 of {lanes} blobs at once takes it")),
        2.. => Verdict::note(format!("not here; SHA-256 takes {lanes} blobs at once without it"), advice),
        _ => Verdict::note("not here; SHA-256 takes one blob after the other", advice),
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
