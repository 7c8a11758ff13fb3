//! How large a pipe gets.

use aqueduct_sys::Result;

use crate::pipe_pool::{PIPE_LEN, Pipe};

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
    Ok(PipeLen { wanted: PIPE_LEN, len: Pipe::open()?.len() })
}
