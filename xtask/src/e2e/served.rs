//! The program as a server, asked by the clients that people have.

pub(super) mod clients;
pub(super) mod curl;
pub(super) mod cut_off;
pub(super) mod many;
pub(super) mod memory;
pub(super) mod ports;
pub(super) mod sendfile;
pub(super) mod stops;
pub(super) mod trace;
mod uploads;
