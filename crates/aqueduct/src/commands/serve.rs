//! `serve`: a store, served until a signal says otherwise.

mod reread;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use aqueduct_flow::Thresholds;
use aqueduct_server::{
    BindError, CalibrationFile, Control, Deadlines, Listeners, Options, Server, TokenError, Tokens,
};
use aqueduct_store::{Absent, Limits, Store, SyncPolicy};
use aqueduct_sys::{set_arena_count_max, set_mmap_threshold};
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tracing::{info, warn};

use self::reread::Reread;
use crate::check::{Legacy, check};
use crate::confine::{Reach, confine};
use crate::directories;
use crate::fault::Fault;
use crate::flags::{CommandLine, Read, Serve, Size, Sync};
use crate::handed::{self, Handed};
use crate::local_socket;
use crate::log::Log;
use crate::output::Output;
use crate::successor::Successor;
use crate::supervisor;
use crate::text::{shown, with_causes};
use crate::voice::Voice;

pub(super) fn run(
    serve: &Serve,
    line: &CommandLine,
    read: &Read,
    voice: &Voice,
    output: &mut Output<'_>,
) -> Result<(), Fault> {
    share_memory();
    let log = Log::start(serve.log_format, serve.access_log, voice);
    for file in read.files.iter().filter(|file| file.is_there) {
        info!("configured by {}", shown(&file.path));
    }
    let tokens = tokens(serve)?;
    let directory = match &serve.store {
        Some(directory) => directory.clone(),
        None => directories::store()?,
    };
    let options = options(serve, tokens);
    if serve.check {
        return check(&directory, &options, serve.crsh.as_deref());
    }
    // Before the store is opened: who connects meanwhile waits.
    let listeners = listeners(serve, &options)?;
    let crsh_paths = listeners.crsh_paths();
    let successor = Arc::new(Successor::new(&listeners)?);
    supervisor::opening();
    let store = open(&directory, serve)?;
    let (thresholds, thresholds_from) = thresholds(serve, &directory);
    let options = Options { thresholds, thresholds_from, ..options };
    let server = Server::new(store, options, listeners).map_err(BindError::Start)?;
    // All that serving needs is open, and no thread was started.
    let reach = Reach {
        store: directory.clone(),
        program: successor.program().to_owned(),
        files: read.files.iter().map(|file| &file.path).chain(&serve.token_file).cloned().collect(),
    };
    let is_confined = confine(serve.landlock, &reach)?;
    let access_log = log.begin_requests();
    // Not while the store opens, which may take its time: a signal ends that as usual. But before anything is printed:
    // whoever reads that may send one.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR2]).map_err(Fault::local("catch signals"))?;
    announce(&directory, &server, &crsh_paths, read.manner.json, output)?;
    let _watched = supervisor::watch(&server.control());
    supervisor::serving(server.addresses());
    let served = Served {
        control: server.control(),
        addresses: server.addresses().to_vec(),
        legacy: Legacy::new(&directory, server.addresses(), !crsh_paths.is_empty())?,
        successor: Arc::clone(&successor),
        reread: Reread::new(line.clone(), read),
    };
    thread::spawn(move || obey(signals, served));
    server.run()?;
    // What was logged of requests is written before another program takes this one's place.
    drop(access_log);
    successor.begin(is_confined)?;
    // Nobody comes after this server.
    if let Some(path) = crsh_path(serve)?.filter(|path| crsh_paths.contains(path)) {
        local_socket::remove(&path);
    }
    Ok(())
}

/// What --crsh says, as ccache can use it in any directory.
fn crsh_path(serve: &Serve) -> Result<Option<PathBuf>, Fault> {
    let doing = "find out where --crsh is";
    serve.crsh.as_deref().map(std::path::absolute).transpose().map_err(Fault::local(doing))
}

/// Sockets that were handed in, or, where there are none of a kind, those of --listen and --crsh.
fn listeners(serve: &Serve, options: &Options) -> Result<Listeners, Fault> {
    let Handed { tcp, local } = handed::take()?;
    let listeners = if tcp.is_empty() {
        Listeners::bind(options)?
    } else {
        let listeners = Listeners::handed(tcp, options)?;
        let addresses: Vec<_> = listeners.addresses().iter().map(SocketAddr::to_string).collect();
        info!("serving {}, which was handed in; --listen does not count", addresses.join(", "));
        listeners
    };
    if local.is_empty() {
        let bound = crsh_path(serve)?.as_deref().map(local_socket::listen).transpose()?;
        return Ok(listeners.with_crsh(bound.into_iter().collect())?);
    }
    let listeners = listeners.with_crsh(local)?;
    let paths: Vec<_> = listeners.crsh_paths().iter().map(|path| shown(path)).collect();
    info!("serving ccache at {}, which was handed in; --crsh does not count", paths.join(", "));
    Ok(listeners)
}

/// An arena for each thread that can run at once is enough. glibc makes eight, since it cannot know that most threads here wait
/// for a disk; and what is free in one is of no use to the others, so that the gaps grow for a long time. So they do where what
/// is large lies among what is small.
fn share_memory() {
    set_arena_count_max(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN));
    set_mmap_threshold(LARGE_LEN);
}

fn open(directory: &Path, serve: &Serve) -> Result<Store, Fault> {
    let sync = match serve.sync {
        Sync::Full => SyncPolicy::Full,
        Sync::None => SyncPolicy::None,
    };
    let options = aqueduct_store::Options { sync, limits: limits(serve), ..Default::default() };
    Ok(Store::open(directory, Absent::Make, options)?)
}

fn limits(serve: &Serve) -> Limits {
    Limits {
        size_max: serve.max_size.map(|size| size.0),
        free_min: Some(serve.min_free.0).filter(|free| *free > 0),
        lease: serve.lease.0,
    }
}

fn tokens(serve: &Serve) -> Result<Option<Tokens>, TokenError> {
    serve.token_file.as_deref().map(Tokens::load).transpose()
}

/// Flags count more than what was measured, and that more than the defaults. What cannot be read keeps nobody from serving.
fn thresholds(serve: &Serve, directory: &Path) -> (Thresholds, String) {
    let (usual, from) = match CalibrationFile::load(directory) {
        Ok(Some(CalibrationFile(measured))) => (measured, "calibration"),
        Ok(None) => (Thresholds::default(), "defaults"),
        Err(error) => {
            warn!("{}; going by the defaults", shown(Path::new(&with_causes(&error))));
            (Thresholds::default(), "defaults")
        }
    };
    let flags = [
        ("--memory-max", serve.memory_max),
        ("--copy-max", serve.copy_max),
        ("--receive-copy-max", serve.receive_copy_max),
    ];
    let given: Vec<_> = flags.iter().filter(|(_, size)| size.is_some()).map(|(flag, _)| *flag).collect();
    let or = |flag: Option<Size>, usual| flag.map_or(usual, |size| size.0);
    let thresholds = Thresholds {
        memory_size_max: or(serve.memory_max, usual.memory_size_max),
        copy_len_max: or(serve.copy_max, usual.copy_len_max),
        receive_copy_len_max: or(serve.receive_copy_max, usual.receive_copy_len_max),
    };
    let from = if given.is_empty() { from.to_owned() } else { format!("{from}, and {}", given.join(", ")) };
    (thresholds, from)
}

fn options(serve: &Serve, tokens: Option<Tokens>) -> Options {
    let usual = Options::default();
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    Options {
        listen: serve.listen.clone(),
        hosts: serve.host.clone(),
        tokens,
        open_to_network: serve.open_to_network,
        upload_expiry: serve.upload_expiry.0,
        scrub_every: Some(serve.scrub_every.0).filter(|every| !every.is_zero()),
        scrub_rate: serve.scrub_rate.0,
        blob_size_max: serve.max_blob_size.0,
        rate_min: serve.min_rate.0,
        connection_count_max: serve.max_connections.map(count),
        connection_count_max_per_address: serve.max_connections_per_address.map(count),
        request_count_max: count(serve.max_requests),
        deadlines: Deadlines { grace: Duration::from_secs(serve.grace), ..usual.deadlines },
        ..usual
    }
}

fn announce(
    directory: &Path,
    server: &Server,
    crsh_paths: &[PathBuf],
    json: bool,
    output: &mut Output<'_>,
) -> Result<(), Fault> {
    if json {
        output.json(&json!({ "store": directory.to_string_lossy() }))?;
    } else {
        output.line(format!("store {}", shown(directory)))?;
    }
    let urls = server.addresses().iter().map(|address| format!("http://{address}"));
    for url in urls.chain(crsh_paths.iter().map(|path| format!("crsh:{}", shown(path)))) {
        if json {
            output.json(&json!({ "listening": url }))?;
        } else {
            output.line(format!("listening {url}"))?;
        }
    }
    output.flush()
}

/// What signals are about.
struct Served {
    control: Control,
    addresses: Vec<SocketAddr>,
    legacy: Legacy,
    successor: Arc<Successor>,
    reread: Reread,
}

/// Does what signals say, as long as the program runs.
fn obey(mut signals: Signals, served: Served) {
    let Served { control, addresses, legacy, successor, mut reread } = served;
    let mut is_stopping = false;
    let (hangups, heard) = mpsc::channel();
    // A file may be where nobody answers, and a stop is to be heard all the same.
    thread::spawn({
        let (control, successor) = (control.clone(), Arc::clone(&successor));
        move || {
            for () in heard {
                supervisor::reloading();
                reread.again(&control);
                if successor.is_undecided() {
                    supervisor::serving(&addresses);
                }
            }
        }
    });
    for signal in &mut signals {
        match signal {
            SIGHUP if successor.is_undecided() => {
                let _ = hangups.send(());
            }
            SIGHUP => info!("files are not read again any more: this server is about to stop or begin anew"),
            SIGUSR2 => {
                if successor.want(&legacy) {
                    supervisor::restarting(control.grace());
                    control.stop();
                }
            }
            _ if is_stopping => {
                // As if it had never been caught; it does not return.
                let _ = emulate_default_handler(signal);
            }
            _ => {
                is_stopping = true;
                successor.exclude();
                supervisor::stopping(control.grace());
                info!("finishing what is in flight; another signal ends that");
                control.stop();
            }
        }
    }
}

/// What glibc begins with. Buffers of that size live as long as their threads.
const LARGE_LEN: usize = 128 << 10;

#[cfg(test)]
mod tests;
