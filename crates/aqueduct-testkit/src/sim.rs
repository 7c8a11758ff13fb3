//! A disk that can lose power at any verb.
//!
//! It wraps a real directory, so that files are real files and every way of moving bytes works on them. Beside it, it
//! keeps a model of the medium: what is durable, and which verbs are still pending, in their order. A sync makes the
//! pending verbs of one file, one directory or everything durable. A power cut leaves what is durable, and of the pending
//! verbs any subset, since a kernel may write them back in any order; of a write that was pending, any of its sectors.
//!
//! - [`SimDisk::plan`] chooses a verb to stop before, or to fail.
//! - [`SimDisk::images`] gives what a power cut at this moment may leave.
//! - [`Slot::mount`] turns such an image into a disk, after a reboot.
//! - [`SimDisk::revive`] gives the disk to the next process of the same boot, after a kill.
//!
//! Its clock stands still unless a test moves it: everything that happens in one second is what the durable mark has to
//! tell apart.

mod disk;
mod image;
mod medium;

pub use disk::{Plan, Sabotage, SimDisk, Traced};
pub use image::{Image, Slot};
