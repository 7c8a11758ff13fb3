//! `M_ARENA_MAX` of mallopt(3).

use std::num::NonZeroUsize;

/// Lets glibc's allocator have so many arenas at most, between which the threads of this process are parted. Those that are
/// there stay: to be called before a second thread begins. Another allocator has none of them, and is left as it is.
pub fn set_arena_count_max(count: NonZeroUsize) {
    #[cfg(target_env = "gnu")]
    {
        let count = libc::c_int::try_from(count.get()).unwrap_or(libc::c_int::MAX);
        // SAFETY: mallopt(3) takes two numbers and touches nothing that was allocated. It is "MT-Unsafe init const:mallopt": it
        // writes a number that other threads read without a lock (attributes(7)). That is one word, and whoever makes an arena at
        // that moment goes by what was there before or by this.
        let is_set = unsafe { libc::mallopt(libc::M_ARENA_MAX, count) };
        debug_assert_eq!(is_set, 1, "any count of at least one is taken");
    }
    #[cfg(not(target_env = "gnu"))]
    let _ = count;
}
