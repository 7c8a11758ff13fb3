//! The program as it is run: arguments in, bytes, words and an exit code out.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "to prepare and to check, any way will do")]

mod asker;
mod bench;
mod calibration;
mod child;
mod config;
mod confined;
mod crsh;
mod cut_short;
mod damage;
mod doctor;
mod entries;
mod exit_codes;
mod fixture;
mod fsck;
mod interrupted;
mod limits;
mod logs;
mod names;
mod native_breaks;
mod native_damage;
mod overwriting;
mod papers;
mod pins;
mod places;
mod progress;
mod proxy;
mod reread;
mod restart;
mod round_trip;
mod routes;
mod rude_servers;
mod scrub;
mod served;
mod server;
mod status;
mod stopping;
mod store_states;
mod stranger;
mod strangers;
mod streams;
mod supervised;
mod together;
mod tokens;
mod transfer;
mod transfer_flags;
mod tuspy;
mod uploads;
