//! mallopt(3): how glibc's allocator goes about it. Another one has no such settings, and is left as it is.
//!
//! To be called before a second thread begins.

use std::num::NonZeroUsize;

/// Lets it have so many arenas at most (`M_ARENA_MAX`), between which the threads of this process are parted. Those that are
/// there stay.
pub fn set_arena_count_max(count: NonZeroUsize) {
    #[cfg(target_env = "gnu")]
    set(libc::M_ARENA_MAX, count.get());
    #[cfg(not(target_env = "gnu"))]
    let _ = count;
}

/// Has it map what is at least so many bytes on its own, and give it back as soon as it is freed (`M_MMAP_THRESHOLD`).
/// Otherwise the threshold grows to the largest that was freed so far, up to 32 MiB, and the next of that size leaves a gap.
pub fn set_mmap_threshold(len: usize) {
    #[cfg(target_env = "gnu")]
    set(libc::M_MMAP_THRESHOLD, len);
    #[cfg(not(target_env = "gnu"))]
    let _ = len;
}

#[cfg(target_env = "gnu")]
fn set(parameter: libc::c_int, value: usize) {
    let value = libc::c_int::try_from(value).unwrap_or(libc::c_int::MAX);
    // SAFETY: mallopt(3) takes two numbers and touches nothing that was allocated. It is "MT-Unsafe init const:mallopt": it
    // writes a number that other threads read without a lock (attributes(7)). That is one word, and whoever allocates at that
    // moment goes by what was there before or by this.
    let is_set = unsafe { libc::mallopt(parameter, value) };
    debug_assert_eq!(is_set, 1, "the parameter has such values");
}
