//! Copying a file to another on this machine.

mod holes;
mod ladder;
mod local_copy;

pub use ladder::CopyLadder;
pub use local_copy::LocalCopy;

#[cfg(test)]
mod tests;
