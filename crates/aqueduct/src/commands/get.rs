//! `get`: a blob, or a part of one, to a file, a directory or standard output.

mod arrive;

use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aqueduct_store::{Blob, Store};
use serde_json::{Value, json};

use crate::checked_send::{self, Sent};
use crate::failures::Failures;
use crate::fault::Fault;
use crate::flags::{Get, Wanted};
use crate::opened::{Opening, cores, with_store};
use crate::output::Output;
use crate::progress::{self, Meter};
use crate::routes::Routes;
use crate::text::{pace, path_members, shown};
use crate::voice::Voice;
use arrive::{Arrival, Arrived};

pub(super) fn run(get: &Get, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    let target = Target::of(get)?;
    if json && matches!(target, Target::Stdout) {
        return Err(Fault::Usage(
            "--json and the blob cannot both go to standard output; use -o FILE".to_owned(),
        ));
    }
    with_store(&get.place, Opening::EXISTING, voice, |store| match target {
        Target::Stdout => to_stdout(get, store, voice),
        Target::File(path) => to_files(get, json, store, voice, output, |_| path.clone()),
        Target::Directory(path) => {
            to_files(get, json, store, voice, output, |wanted| path.join(file_name(wanted)))
        }
    })
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
        } else if get.wanted.len() > 1 {
            Err(Fault::Usage(format!("several blobs need a directory, and {} is none", shown(path))))
        } else {
            Ok(Self::File(path.clone()))
        }
    }
}

/// Without a colon, which scp(1) and rsync(1) take for the end of a host's name.
fn file_name(wanted: &Wanted) -> String {
    let Wanted { digest, range } = wanted;
    let name = format!("{}-{}", digest.algorithm(), digest.hex());
    range.map_or(name.clone(), |range| format!("{name}-bytes-{range}"))
}

fn to_stdout(get: &Get, store: &Store, voice: &Voice) -> Result<(), Fault> {
    let began = Instant::now();
    // All are looked up before the first byte leaves.
    let blobs = get.wanted.iter().map(|wanted| {
        let blob = find(store, wanted)?;
        let range = resolve(wanted, &blob)?;
        Ok((blob, range))
    });
    let blobs = blobs.collect::<Result<Vec<_>, Fault>>()?;
    let size = blobs.iter().map(|(_, range)| range.end - range.start).sum();
    let mut routes = Routes::default();
    let threads = get.threads.unwrap_or_else(cores);
    progress::during(voice, "get", size, |meter| -> Result<(), Fault> {
        for (blob, range) in blobs {
            let len = range.end - range.start;
            match checked_send::send(store, &blob, range, threads, io::stdout(), "standard output", meter)? {
                Sent::All(carried) => routes.add(&carried, len),
                // Whoever read it has enough.
                Sent::Refused => return Ok(()),
            }
        }
        Ok(())
    })?;
    voice.detail(|| format!("verified, {}; carried by {}", pace(size, began.elapsed()), routes.summary()));
    Ok(())
}

fn to_files(
    get: &Get,
    json: bool,
    store: &Store,
    voice: &Voice,
    output: &mut Output<'_>,
    path_of: impl Fn(&Wanted) -> PathBuf,
) -> Result<(), Fault> {
    let mut failures = Failures::new(voice, get.wanted.len());
    let mut files = Vec::new();
    for wanted in &get.wanted {
        let path = path_of(wanted);
        match to_file(get, store, voice, wanted, &path) {
            Ok(file) => files.push(file),
            Err(fault) => failures.add(fault),
        }
    }
    if json {
        output.json(&json!({ "files": files }))?;
    }
    failures.finish()
}

fn to_file(get: &Get, store: &Store, voice: &Voice, wanted: &Wanted, path: &Path) -> Result<Value, Fault> {
    let began = Instant::now();
    let blob = find(store, wanted)?;
    let range = resolve(wanted, &blob)?;
    let len = range.end - range.start;
    let arrival = Arrival { store, blob: &blob, path, threads: get.threads.unwrap_or_else(cores), get };
    let arrived = progress::during(voice, "get", len, |meter: &Meter| {
        if is_special(path) {
            arrival.special(range, meter)
        } else if wanted.range.is_some() {
            arrival.part(range, meter)
        } else {
            arrival.whole(meter)
        }
    })?;
    let mut routes = Routes::default();
    let is_new = match arrived {
        Arrived::AlreadyThere => false,
        Arrived::New(carried) => {
            routes.add(&carried, len);
            true
        }
    };
    let path_shown = shown(path);
    if is_new {
        let pace = pace(len, began.elapsed());
        let carried = match routes.summary() {
            summary if summary.is_empty() => String::new(),
            summary => format!("; carried by {summary}"),
        };
        voice.say(&format!("{path_shown}: verified, {pace}{carried}"));
    } else {
        voice.say(&format!("{path_shown} is this very blob already"));
    }
    let mut file = json!({
        "digest": wanted.digest.to_string(), "size": len, "new": is_new, "carried": routes.json(),
    });
    if let Some(range) = wanted.range {
        file["range"] = json!(range.to_string());
    }
    path_members(&mut file, path);
    Ok(file)
}

fn find(store: &Store, wanted: &Wanted) -> Result<Blob, Fault> {
    store.blob(&wanted.digest)?.ok_or(Fault::Absent(wanted.digest))
}

fn resolve(wanted: &Wanted, blob: &Blob) -> Result<std::ops::Range<u64>, Fault> {
    let size = blob.size();
    match wanted.range {
        None => Ok(0..size),
        Some(range) => range.resolve(size).ok_or(Fault::OutOfRange { digest: wanted.digest, size }),
    }
}

/// Whether a path leads to something that is written to and not replaced: a device, a pipe.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| {
        let kind = found.file_type();
        kind.is_char_device() || kind.is_block_device() || kind.is_fifo() || kind.is_socket()
    })
}
