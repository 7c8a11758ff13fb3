//! Who answers: a server of blobs, over HTTP/1.1.
//!
//! One reactor a core, each with its own listener. A reactor never waits for a disk: whatever may (open, write, hash, sync,
//! link, unlink, a cold page) is done by workers, in bounded turns, and a stalled peer holds none of them. What a
//! peer says becomes an intent by a door; what came of it becomes a reply there too. A door sees no socket, no file
//! and no body.
//!
//! [`Listeners`] listen; [`Server::run`] serves until [`Control::stop`], then drains and closes the store.

#![forbid(unsafe_code)]

mod act;
mod admission;
mod aside;
mod asked;
mod background;
mod body;
mod cache;
mod calibration;
mod close;
mod coding;
mod collect;
mod connection;
mod crsh;
mod deadline;
mod descriptors;
mod discard;
mod door;
mod doubts;
mod entries;
mod farewell;
mod figures;
mod find;
mod guests;
mod hashers;
mod inbox;
mod line;
mod listen;
mod lists;
mod look_again;
mod metrics;
mod native;
mod opened;
mod options;
mod pins;
mod pour;
mod prompt;
mod pulse;
mod reactor;
mod reply;
mod request;
mod residency;
mod resumed;
mod routes;
mod running;
mod scratch;
mod segment;
mod server;
mod spread;
mod staged;
mod status;
mod stored;
mod tokens;
mod trouble;
mod upload;
mod work;
mod workers;

pub use asked::ACCESS_LOG;
pub use calibration::{CalibrationError, CalibrationFile};
pub use listen::{BindError, Listeners};
pub use options::{Deadlines, Options};
pub use server::{Control, RunError, Server};
pub use tokens::{TokenError, Tokens};
