//! The command line.
//!
//! One file a command, twice: `flags` says what it is called with, `commands` does it. What is printed goes through
//! [`output`] (standard output) or [`voice`] (standard error); what went wrong is a [`fault::Fault`], and [`exit`] alone
//! knows which number that is to the shell.

#![forbid(unsafe_code)]

mod caches;
mod check;
mod checked_send;
mod commands;
mod confine;
mod directories;
mod exit;
mod failures;
mod fault;
mod flags;
mod handed;
mod local_socket;
mod log;
mod opened;
mod output;
mod pause;
mod progress;
mod remote;
mod routes;
mod sources;
mod successor;
mod supervisor;
mod text;
mod transfer;
mod voice;

use std::process::ExitCode;

use crate::fault::Fault;
use crate::flags::CommandLine;
use crate::voice::Voice;

fn main() -> ExitCode {
    // Usage errors exit here, with 2.
    let line = CommandLine::read();
    let mut voice = Voice::new(&line.manner);
    let done = line.with_files().and_then(|read| {
        voice = Voice::new(&read.manner);
        commands::run(&line, &read, &voice)
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Fault::Flags(error)) => error.exit(),
        Err(fault) => {
            voice.complain(&fault);
            exit::code(&fault).into()
        }
    }
}
