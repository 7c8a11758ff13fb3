//! What tests need and no product may have: a disk that loses power ([`SimDisk`]).

#![forbid(unsafe_code)]

mod sim;

pub use sim::{Image, Plan, Sabotage, SimDisk, Slot, Traced};
