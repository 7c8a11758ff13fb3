//! What each command does. None decides an exit code, and none knows how another is called.

mod bench;
mod completions;
mod crsh;
mod doctor;
mod drop;
mod entries;
mod forget;
mod fsck;
mod get;
mod has;
mod ls;
mod man;
mod pins;
mod put;
mod recv;
mod rm;
mod scrub;
mod send;
mod serve;
mod show_config;
mod status;
mod ticket;
mod uploads;
mod verify;

use crate::fault::Fault;
use crate::flags::{Command, CommandLine, Crsh, Read};
use crate::output::Output;
use crate::voice::Voice;

/// Does what `read` says. What `line` says stays the same while it is done, and what files say may not.
pub(crate) fn run(line: &CommandLine, read: &Read, voice: &Voice) -> Result<(), Fault> {
    let mut output = Output::new(voice);
    let json = read.manner.json;
    if read.manner.show_config {
        return show_config::run(read, json, &mut output).and(output.flush());
    }
    let flags = read.flags()?;
    let done = match &flags.command {
        Command::Send(send) => send::run(send, json, voice, &mut output),
        Command::Recv(recv) => recv::run(recv, json, voice, &mut output),
        Command::Put(put) => put::run(put, json, voice, &mut output),
        Command::Get(get) => get::run(get, json, voice, &mut output),
        Command::Has(has) => has::run(has, json, voice, &mut output),
        Command::Ls(ls) => ls::run(ls, json, voice, &mut output),
        Command::Rm(rm) => rm::run(rm, json, voice, &mut output),
        Command::Pin(pin) => pins::pin(pin, json, voice, &mut output),
        Command::Unpin(unpin) => pins::unpin(unpin, json, voice, &mut output),
        Command::Pins(pins) => pins::list(pins, json, voice, &mut output),
        Command::Uploads(uploads) => uploads::run(uploads, json, voice, &mut output),
        Command::Drop(drop) => drop::run(drop, json, voice, &mut output),
        Command::Entries(entries) => entries::run(entries, json, voice, &mut output),
        Command::Forget(forget) => forget::run(forget, json, voice, &mut output),
        Command::Verify(verify) => verify::run(verify, json, voice, &mut output),
        Command::Scrub(scrub) => scrub::run(scrub, json, voice, &mut output),
        Command::Fsck(fsck) => fsck::run(fsck, json, voice, &mut output),
        Command::Serve(serve) => serve::run(serve, line, read, voice, &mut output),
        Command::Crsh(Crsh {}) => crsh::run(),
        Command::Status(status) => status::run(status, json, &mut output),
        Command::Bench(bench) => bench::run(bench, json, voice, &mut output),
        Command::Doctor(doctor) => doctor::run(doctor, json, voice, &mut output),
        Command::Completions(completions) => completions::run(completions, &mut output),
        Command::Man(man) => man::run(man, &mut output),
    };
    // What was printed before a failure is true all the same.
    let flushed = output.flush();
    done.and(flushed)
}
