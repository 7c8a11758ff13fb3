//! What tests need and no product may have: a disk that loses power ([`SimDisk`]), and one that makes a mistake
//! ([`MistakenDisk`]).

#![forbid(unsafe_code)]

mod mistaken;
mod sim;

pub use mistaken::{Mistake, MistakenDisk};
pub use sim::{Image, Plan, Sabotage, SimDisk, Slot, Traced};
