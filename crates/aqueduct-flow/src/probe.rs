//! What this kernel and one filesystem really do, found by trying it on files without a name: facts, and no advice.
//!
//! A version of the kernel says little: filesystems differ, distributions patch, containers forbid. Every probe makes
//! its call on a page, which takes far less than a millisecond; only to share blocks may a filesystem write that page
//! first, and a server does not ask for that. A probe is a file here, and a line in [`Ground::of`] or [`Served::of`].

mod cachestat;
mod copy_file_range;
mod dontcache;
mod ground;
mod nowait;
mod pipe;
mod reflink;
mod sendfile;
mod splice;
mod tried;

pub use ground::{Ground, Served};
pub use pipe::{PipeLen, pipe};
pub use sendfile::Sending;
pub use tried::Tried;

/// What is written and moved: as much as a page of most machines.
const LEN: usize = 4096;

/// What every byte of the source of a probe is.
const BYTE: u8 = 0xa5;

#[cfg(test)]
mod tests;
