//! Crashes: servers that are killed, devices that lose power, and builds with a mistake that have to be caught.

mod breach;
pub(super) mod broken;
mod check;
mod contents;
mod device;
mod fuse;
mod history;
mod http;
pub(super) mod killed;
mod load;
mod native;
mod pieces;
mod points;
pub(super) mod power;

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

/// What chance begins with: another one each time, or the one that is to be repeated.
fn seed() -> Result<u64> {
    match std::env::var(SEED) {
        Ok(given) => given.parse().context(SEED),
        Err(_) => Ok(u64::from(SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos())),
    }
}

const SEED: &str = "AQUEDUCT_E2E_SEED";
