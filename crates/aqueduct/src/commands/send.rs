//! `send`: files or a tree, to one who receives.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aqueduct_transfer::{Peer, Preserve, Verify, What};

use super::ticket::{listen, ticket_in};
use crate::directories;
use crate::fault::Fault;
use crate::flags::{Send, Verifying, peer};
use crate::output::Output;
use crate::text::shown;
use crate::transfer::{self, Invitation, Side, To};
use crate::voice::Voice;

pub(super) fn run(send: &Send, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    if send.require_verify && send.verify != Verifying::Full {
        return Err(Fault::Usage("--require-verify is about digests, and needs --verify full".to_owned()));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let flags = &send.transfer;
    let (what, named) = what_and_to(&send.words, flags.ticket_file.is_some())?;
    let to = match (named, &flags.ticket_file) {
        (Some(_), Some(_)) => {
            return Err(Fault::Usage(
                "the ticket is in --ticket-file, or the last word: one of them".to_owned(),
            ));
        }
        (None, Some(_)) if what == What::Stdin && flags.reads_stdin() => {
            return Err(Fault::Usage("standard input is what is sent, and cannot hold a ticket".to_owned()));
        }
        (None, Some(path)) => ticket_in(path, voice)?,
        (Some(peer), None) => peer,
        (None, None) => Peer::Listen(listen(flags)?),
    };
    let count = flags.count(&to);
    let side = Side {
        invitation: Invitation::ToReceive {
            is_tree: match &what {
                What::Paths(paths) => paths.len() > 1 || paths.iter().any(|path| path.is_dir()),
                What::Stdin => false,
            },
            is_stream: what == What::Stdin,
            other_count: match &what {
                What::Paths(paths) => paths.len().saturating_sub(1),
                What::Stdin => 0,
            },
            preserve: (flags.preserve.0 != Preserve::default()).then(|| flags.preserve.to_string()),
            count,
        },
        events: json.then_some(To::Stdout),
        name: name(&what),
        print_digests: None,
        limit: flags.bwlimit.map(|limit| limit.0),
        is_dry_run: flags.dry_run,
    };
    let send = aqueduct_transfer::Send {
        what,
        to,
        algorithm: send.digest,
        verify: match send.verify {
            Verifying::Full => Verify::Full,
            Verifying::Wire => Verify::Wire,
            Verifying::None => Verify::None,
        },
        preserve: flags.preserve.0,
        require_verify: send.require_verify,
        count,
        exclude: send.exclude.clone(),
        cache: directories::checkpoint_cache().filter(|_| !send.no_cache),
        options: transfer::options(flags, &stop),
    };
    transfer::run(&side, &stop, voice, output, |gauge, watch| aqueduct_transfer::send(&send, gauge, watch))
}

/// For people: the first name of several.
fn name(what: &What) -> String {
    match what {
        What::Paths(paths) => paths
            .first()
            .and_then(|path| path.file_name())
            .map_or_else(String::new, |name| shown(Path::new(name))),
        What::Stdin => "standard input".to_owned(),
    }
}

/// What the words name: the last one may be whom to send it to, unless that is said elsewhere.
fn what_and_to(words: &[OsString], is_said: bool) -> Result<(What, Option<Peer>), Fault> {
    let named = words.last().and_then(|word| word.to_str()).and_then(peer).transpose();
    let named = named.map_err(|error| Fault::Usage(format!("the last word: {error}; a file is ./NAME")))?;
    let paths = if named.is_some() { &words[..words.len() - 1] } else { words };
    if let Some(Peer::Http(_)) = named {
        return Err(Fault::Usage("over HTTP one can receive, and not send; see aqueduct put".to_owned()));
    }
    let is_stdin = |word: &OsString| word == OsStr::new("-");
    let what = match paths {
        [] => {
            return Err(Fault::Usage(
                "nothing is named that is to be sent: a PATH comes before the TARGET".to_owned(),
            ));
        }
        [word] if is_stdin(word) => What::Stdin,
        paths if paths.iter().any(is_stdin) => {
            return Err(Fault::Usage(
                "standard input (-) is sent alone; a file of that name is ./-".to_owned(),
            ));
        }
        [_, .., last] if named.is_none() && !is_said && is_elsewhere(last) => {
            return Err(Fault::Usage(format!(
                "there is no file {}; to send to another machine, name the ticket that \"aqueduct recv\" prints there, or \
                 raw://HOST:PORT",
                shown(Path::new(last))
            )));
        }
        paths => What::Paths(paths.iter().map(PathBuf::from).collect()),
    };
    Ok((what, named))
}

/// Whether somebody who thinks of scp may mean a place at another machine.
fn is_elsewhere(word: &OsStr) -> bool {
    word.as_encoded_bytes().contains(&b':') && Path::new(word).symlink_metadata().is_err()
}

#[cfg(test)]
mod tests;
