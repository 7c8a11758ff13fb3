//! The command line.
//!
//! One file a command, twice: `flags` says what it is called with, `commands` does it. What is printed goes through
//! [`output`] (standard output) or [`voice`] (standard error); what went wrong is a [`fault::Fault`], and [`exit`] alone
//! knows which number that is to the shell.

#![forbid(unsafe_code)]

mod checked_send;
mod commands;
mod directories;
mod exit;
mod failures;
mod fault;
mod flags;
mod handed;
mod log;
mod opened;
mod output;
mod progress;
mod remote;
mod routes;
mod sources;
mod successor;
mod supervisor;
mod text;
mod voice;

use std::process::ExitCode;

use crate::flags::Flags;
use crate::voice::Voice;

fn main() -> ExitCode {
    // Usage errors exit here, with 2.
    let flags = Flags::read();
    let voice = Voice::new(&flags.manner);
    match commands::run(&flags, &voice) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            voice.complain(&fault);
            exit::code(&fault).into()
        }
    }
}
