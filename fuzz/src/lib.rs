//! What several targets need: an input taken apart, a place for files, blobs to work with, and a server that is rude.

#![forbid(unsafe_code)]

mod blobs;
mod errand;
mod feed;
mod place;
mod rude_server;

pub use blobs::{Known, known};
pub use errand::{client, run_errand};
pub use feed::{Feed, pieces};
pub use place::Place;
pub use rude_server::RudeServer;
