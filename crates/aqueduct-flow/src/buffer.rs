//! Buffers that belong to the thread, not to a connection.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// A buffer of [`BUFFER_LEN`] bytes, borrowed from this thread's pool and returned when dropped. Its content is whatever
/// its last user left.
pub(crate) struct Buffer(Box<[u8]>);

impl Buffer {
    pub(crate) fn take() -> Self {
        let pooled = POOL.with_borrow_mut(Vec::pop);
        Self(pooled.unwrap_or_else(|| vec![0; BUFFER_LEN].into_boxed_slice()))
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.0);
        // At thread exit the pool may be gone first: then the buffer is simply freed.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < POOL_COUNT_MAX {
                pool.push(buffer);
            }
        });
    }
}

thread_local! {
    static POOL: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// Long enough that the calls cost little beside the copying, short enough to stay in the second-level cache.
pub(crate) const BUFFER_LEN: usize = 256 * 1024;

/// A step uses one buffer; a second is in use only while an observer steps another mover.
const POOL_COUNT_MAX: usize = 2;
