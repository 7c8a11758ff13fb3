//! `get`: a blob, or a part of one, to a file, a directory or standard output.

mod arrival;
mod from_server;
mod from_store;
mod together;

use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aqueduct_client::Landing;
use aqueduct_sys::Placed;
use serde_json::{Value, json};

use crate::failures::Failures;
use crate::fault::Fault;
use crate::flags::{Get, Place, Sync, Wanted};
use crate::opened::{Opening, named, with_store};
use crate::output::Output;
use crate::remote;
use crate::routes::Routes;
use crate::text::{pace, path_members, shown};
use crate::voice::Voice;
use from_server::FromServer;
use from_store::FromStore;

pub(super) fn run(get: &Get, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    let target = Target::of(get)?;
    if json && matches!(target, Target::Stdout) {
        return Err(Fault::Usage(
            "--json and the blob cannot both go to standard output; use -o FILE".to_owned(),
        ));
    }
    let wanted = named(&get.wanted).collect::<Result<Vec<_>, _>>()?;
    if let Target::File(path) = &target
        && wanted.len() > 1
    {
        let advice = format!("several blobs need a directory, and {} is none", shown(path));
        return Err(Fault::Usage(advice));
    }
    match &get.place {
        Place::Store(directory) => with_store(directory, Opening::EXISTING, voice, |store| {
            let from = FromStore::new(store, get, voice);
            match &target {
                Target::Stdout => from.to_stdout(&wanted),
                target => to_files(&wanted, target, json, voice, output, &from),
            }
        }),
        Place::Server(server) => {
            let client = remote::client(server, get.threads)?;
            let from = FromServer::new(&client, get, voice);
            match &target {
                Target::Stdout => from.to_stdout(&wanted),
                target => to_files(&wanted, target, json, voice, output, &from),
            }
        }
    }
}

/// Where blobs come from.
trait Origin {
    /// Fetches one.
    fn fetch(&self, wanted: &Wanted, path: &Path) -> Result<Fetched, Fault>;

    /// Fetches those of some blobs that come faster together; `None` is one that is left.
    fn fetch_together(&self, some: &[(Wanted, PathBuf)]) -> Vec<Option<Result<Fetched, Fault>>> {
        some.iter().map(|_| None).collect()
    }
}

enum Target {
    Stdout,
    /// A path that is no directory: a file, one to be, or a device or pipe.
    File(PathBuf),
    Directory(PathBuf),
}

impl Target {
    fn of(get: &Get) -> Result<Self, Fault> {
        let Some(path) = &get.output else {
            if io::stdout().is_terminal() {
                let advice = "standard output is a terminal; use -o FILE, or -o - if you mean it";
                return Err(Fault::Usage(advice.to_owned()));
            }
            return Ok(Self::Stdout);
        };
        if path.as_os_str() == "-" {
            Ok(Self::Stdout)
        } else if path.is_dir() {
            Ok(Self::Directory(path.clone()))
        } else if path.as_os_str().as_bytes().ends_with(b"/") {
            Err(Fault::Usage(format!("{} is no directory", shown(path))))
        } else {
            Ok(Self::File(path.clone()))
        }
    }

    fn path(&self, wanted: &Wanted) -> PathBuf {
        match self {
            Self::Stdout => PathBuf::from("-"),
            Self::File(path) => path.clone(),
            Self::Directory(path) => path.join(file_name(wanted)),
        }
    }
}

/// Without a colon, which scp(1) and rsync(1) take for the end of a host's name.
fn file_name(wanted: &Wanted) -> String {
    let Wanted { digest, range } = wanted;
    let name = format!("{}-{}", digest.algorithm(), digest.hex());
    range.map_or(name.clone(), |range| format!("{name}-bytes-{range}"))
}

/// What is at a path now.
struct Fetched {
    len: u64,
    /// `None` if the path held the very blob before.
    routes: Option<Routes>,
    /// A part that came from a server is what that server sent.
    is_verified: bool,
}

fn to_files(
    wanted: &[Wanted],
    target: &Target,
    json: bool,
    voice: &Voice,
    output: &mut Output<'_>,
    origin: &impl Origin,
) -> Result<(), Fault> {
    let mut failures = Failures::new(voice, wanted.len());
    let mut files = Vec::new();
    let mut last = None;
    'all: for some in wanted.chunks(TOGETHER_COUNT) {
        let mut began = Instant::now();
        let some: Vec<_> = some.iter().map(|wanted| (*wanted, target.path(wanted))).collect();
        for ((wanted, path), fetched) in some.iter().zip(origin.fetch_together(&some)) {
            let fetched = fetched.unwrap_or_else(|| {
                began = Instant::now();
                origin.fetch(wanted, path)
            });
            match fetched {
                Ok(fetched) => {
                    if voice.verbosity().is_some() {
                        voice.say(&sentence(&fetched, path, began));
                    }
                    if json {
                        files.push(members(&fetched, wanted, path));
                    }
                }
                Err(fault) if fault.is_out_of_reach() => {
                    last = Some(fault);
                    break 'all;
                }
                Err(fault) => failures.add(fault),
            }
        }
    }
    // What was fetched before a failure is told all the same.
    if json {
        output.json(&json!({ "files": files }))?;
    }
    last.map_or_else(|| failures.finish(), Err)
}

fn sentence(fetched: &Fetched, path: &Path, began: Instant) -> String {
    let path = shown(path);
    let Some(routes) = &fetched.routes else { return format!("{path} is this very blob already") };
    let (pace, verified) = (pace(fetched.len, began.elapsed()), verified(fetched.is_verified));
    match routes.summary() {
        summary if summary.is_empty() => format!("{path}: {verified}, {pace}"),
        summary => format!("{path}: {verified}, {pace}; carried by {summary}"),
    }
}

fn verified(is_verified: bool) -> &'static str {
    if is_verified { "verified" } else { "not verified" }
}

fn members(fetched: &Fetched, wanted: &Wanted, path: &Path) -> Value {
    let carried = fetched.routes.as_ref().map_or_else(|| json!({}), Routes::json);
    let mut file = json!({
        "digest": wanted.digest.to_string(),
        "size": fetched.len,
        "new": fetched.routes.is_some(),
        "verified": fetched.is_verified,
        "carried": carried,
    });
    if let Some(range) = wanted.range {
        file["range"] = json!(range.to_string());
    }
    path_members(&mut file, path);
    file
}

/// The bytes that are meant, of a blob of `size` bytes.
fn resolve(wanted: &Wanted, size: u64) -> Result<std::ops::Range<u64>, Fault> {
    match wanted.range {
        None => Ok(0..size),
        Some(range) => range.resolve(size).ok_or(Fault::OutOfRange { digest: wanted.digest, size }),
    }
}

/// A file to arrive at `path`.
fn begin(path: &Path) -> Result<Landing, Fault> {
    Landing::begin(path).map_err(|source| Fault::Landing { path: shown(path), source })
}

/// Gives a file that has arrived its name.
fn land(landing: Landing, path: &Path, get: &Get) -> Result<(), Fault> {
    let landed = landing.land(get.sync == Sync::Full, get.force);
    match landed.map_err(|source| Fault::Landing { path: shown(path), source })? {
        Placed::New => Ok(()),
        Placed::NameTaken => Err(exists(path)),
    }
}

/// Whether anything has the name, a dangling link included.
fn is_taken(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn exists(path: &Path) -> Fault {
    Fault::Exists { path: shown(path) }
}

/// Whether a path leads to something that is written to and not replaced: a device, a pipe.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| {
        let kind = found.file_type();
        kind.is_char_device() || kind.is_block_device() || kind.is_fifo() || kind.is_socket()
    })
}

/// Blobs fetched before the first of them is told of: so many that it does not count how lines begin and end.
const TOGETHER_COUNT: usize = 16 << 10;
