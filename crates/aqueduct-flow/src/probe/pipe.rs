//! How large a pipe gets.

use aqueduct_sys::{Result, set_pipe_len};

use crate::pipe_pool::PIPE_LEN;

/// How large the pipes are that movers splice through, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipeLen {
    /// What they ask for.
    pub wanted: usize,
    /// What they have: as the pipe was made where the kernel refused to enlarge it.
    pub len: usize,
}

/// Opens a pipe as a mover does.
///
/// # Errors
///
/// EMFILE and ENFILE at the limits on descriptors. See pipe(7).
pub fn pipe() -> Result<PipeLen> {
    let (_read_end, write_end) = aqueduct_sys::pipe()?;
    let _ = set_pipe_len(&write_end, PIPE_LEN);
    Ok(PipeLen { wanted: PIPE_LEN, len: aqueduct_sys::pipe_len(&write_end)? })
}
