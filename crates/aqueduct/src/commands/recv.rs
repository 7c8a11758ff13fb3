//! `recv`: files or a tree, from one who sends.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aqueduct_transfer::{Existing, Peer, Receive, Sync, Where};

use super::ticket::{listen, ticket_in};
use crate::fault::Fault;
use crate::flags::{Flush, Recv, Source};
use crate::output::Output;
use crate::text::shown;
use crate::transfer::{self, Invitation, Prefix, Side, To};
use crate::voice::Voice;

pub(super) fn run(recv: &Recv, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    let stop = Arc::new(AtomicBool::new(false));
    let flags = &recv.transfer;
    let to = place(recv.output.as_deref())?;
    if to == Where::Stdout && recv.print_digest {
        let text = "the bytes and their digest cannot both go to standard output; use -o FILE";
        return Err(Fault::Usage(text.to_owned()));
    }
    let from = match (&recv.source, &flags.ticket_file) {
        (Some(_), Some(_)) => {
            return Err(Fault::Usage(
                "the ticket is in --ticket-file, or the SOURCE: one of them".to_owned(),
            ));
        }
        (Some(Source::Peer(peer)), None) => peer.clone(),
        (Some(Source::Stdin), None) => ticket_in(Path::new("-"), voice)?,
        (None, Some(path)) => ticket_in(path, voice)?,
        (None, None) => Peer::Listen(listen(flags)?),
    };
    let count = flags.count(&from);
    let side = Side {
        invitation: Invitation::ToSend { place: words(&to), is_stream: to == Where::Stdout, count },
        events: json.then_some(if to == Where::Stdout { To::Stderr } else { To::Stdout }),
        name: String::new(),
        print_digests: recv.print_digest.then(|| prefix(&to)),
        limit: flags.bwlimit.map(|limit| limit.0),
        is_dry_run: flags.dry_run,
    };
    let receive = Receive {
        from,
        to,
        existing: existing(recv),
        preserve: flags.preserve.0,
        sync: match recv.sync {
            Flush::None => Sync::None,
            Flush::Data => Sync::Data,
            Flush::Full => Sync::Full,
        },
        recheck: recv.recheck,
        resume: !recv.no_resume,
        count,
        expected: recv.expect,
        expected_size: recv.size.map(|size| size.0),
        options: transfer::options(flags, &stop),
    };
    transfer::run(&side, &stop, voice, output, |gauge, watch| aqueduct_transfer::recv(&receive, gauge, watch))
}

fn place(output: Option<&Path>) -> Result<Where, Fault> {
    let Some(path) = output else { return Ok(Where::Directory(PathBuf::from("."))) };
    Ok(match path {
        _ if path == Path::new("-") => Where::Stdout,
        _ if path.is_dir() => Where::Directory(path.to_owned()),
        // As cp(1) has it: only a directory's name ends so.
        _ if path.as_os_str().as_encoded_bytes().ends_with(b"/") => {
            return Err(Fault::Usage(format!("{} is no directory", shown(path))));
        }
        _ => Where::Path(path.to_owned()),
    })
}

fn existing(recv: &Recv) -> Existing {
    if recv.force {
        Existing::Replace
    } else if recv.keep_both {
        Existing::KeepBoth
    } else if recv.skip_existing {
        Existing::Skip
    } else {
        Existing::Refuse
    }
}

/// For people.
fn words(to: &Where) -> String {
    match to {
        Where::Directory(path) if path == Path::new(".") => "this directory".to_owned(),
        Where::Directory(path) | Where::Path(path) => shown(path),
        Where::Stdout => "standard output".to_owned(),
    }
}

/// As paths are printed with their digests.
fn prefix(to: &Where) -> Prefix {
    match to {
        Where::Directory(path) if path != Path::new(".") => Prefix::Below(path.clone()),
        Where::Path(path) => Prefix::InPlaceOfFirst(path.clone()),
        Where::Directory(_) | Where::Stdout => Prefix::Below(PathBuf::new()),
    }
}
