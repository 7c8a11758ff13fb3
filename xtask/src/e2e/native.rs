//! The native protocol, between our client and our server.

mod census;
mod client;
pub(super) mod damage;
mod frames;
mod receipts;
pub(super) mod resume;
pub(super) mod sendfile;
mod sockets;
