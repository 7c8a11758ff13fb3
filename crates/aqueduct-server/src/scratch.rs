//! A buffer that belongs to the thread: connections come and go, and those that wait have none.

use std::cell::RefCell;

/// Lends `len` bytes for the time of a job, which lends no other. What they hold means nothing.
pub(crate) fn with_scratch<T>(len: usize, job: impl FnOnce(&mut [u8]) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < len {
            // Zeroed by the kernel: what is never touched costs addresses and no memory.
            *scratch = vec![0; len];
        }
        job(&mut scratch[..len])
    })
}

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
