//! `aqueduct send` and `aqueduct recv`: two processes, what is between them, and other programs at either end.

pub(super) mod changes;
pub(super) mod clients;
pub(super) mod damage;
mod end;
pub(super) mod far;
pub(super) mod full;
pub(super) mod kills;
pub(super) mod shapes;
pub(super) mod sparse;
mod ticket;
mod twin;
