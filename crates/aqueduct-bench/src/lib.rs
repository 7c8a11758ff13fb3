//! Every way of moving bytes, measured on the machine at hand: what `aqueduct bench` runs.
//!
//! An [`Arm`] is one way of doing one kind of work. Adding one is an entry in the list of its [`Group`]'s file, and
//! nothing else. The routes of the product are arms that drive the product's own movers, so that what is measured is what
//! ships; loops of this crate are those that it is held against.
//!
//! [`Bench`] chooses arms and sizes, lets the arms alternate in rounds, and gives a [`Report`], which writes itself as
//! text, JSON, CSV and a page. It looks at no clock but the one that it is given.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod arm;
mod bench;
mod calibration;
mod hash;
mod local;
mod machine;
mod meter;
pub mod noise;
mod pace;
mod pair;
mod pipe;
mod plan;
mod receive;
mod relay;
mod report;
mod send;
mod source;

pub use arm::{Arm, Group, Temperature, arms};
pub use bench::{Bench, BenchError, Clock};
pub use calibration::{Calibration, Finding, calibrate};
pub use machine::Machine;
pub use meter::{Sample, Spent};
pub use plan::{Choice, UnknownWork};
pub use report::{Crossover, Figure, Limit, Report, Skipped, Spread};
