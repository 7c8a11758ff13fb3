//! The workloads that `cargo xtask bench` measures, one subcommand each.
//!
//! An arm does one thing, once, and prints one line of figures. Who runs it alternates it with its rival, repeats it
//! and judges: nothing of that is here.

#![forbid(unsafe_code)]

mod across;
mod bare;
mod contents;
mod hashing;
mod publishing;
mod serving;
mod stopwatch;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use aqueduct_blob::{Algorithm, Digest};
use aqueduct_store::SyncPolicy;
use bare::Naming;
use clap::{Args, Parser, Subcommand, ValueEnum};
use hashing::AtOnce;

/// One workload of Aqueduct, timed from inside.
///
/// Prints `key=value` pairs on one line; `wall_s` and `cpu_s` are seconds, and leave out what was prepared before.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    arm: Arm,
}

#[derive(Subcommand)]
enum Arm {
    /// Hash a file.
    Hash {
        file: PathBuf,
        #[arg(long, default_value = "sha256")]
        digest: Algorithm,
        #[arg(long, default_value = "1")]
        threads: NonZeroUsize,
        /// Keep the checkpoints in this file, for `verify`.
        #[arg(long, value_name = "FILE")]
        checkpoints: Option<PathBuf>,
    },
    /// Verify a file through its checkpoints.
    Verify {
        file: PathBuf,
        /// The name that the bytes must have.
        #[arg(long)]
        digest: Digest,
        #[arg(long, default_value = "1")]
        threads: NonZeroUsize,
        /// What `hash` kept.
        #[arg(long, value_name = "FILE")]
        checkpoints: PathBuf,
    },
    /// Hash batches of small blobs in memory, by SHA-256.
    Batches {
        /// Batches, in all.
        #[arg(long)]
        count: u64,
        /// Blobs of a batch.
        #[arg(long, default_value = "32")]
        blobs: usize,
        /// Bytes of each.
        #[arg(long, default_value = "4096")]
        size: usize,
        /// Blobs hashed at once.
        #[arg(long, value_enum, default_value = "all")]
        lanes: AtOnce,
    },
    /// Verify a blob in memory through its checkpoints, by SHA-256 on one thread.
    Segments {
        /// Its bytes.
        #[arg(long)]
        size: usize,
        /// Segments hashed at once.
        #[arg(long, value_enum, default_value = "all")]
        lanes: AtOnce,
    },
    /// Publish blobs in a new store.
    Publish {
        /// Where the store is made.
        #[arg(long)]
        store: PathBuf,
        #[command(flatten)]
        load: Load,
    },
    /// Do with bare system calls what publishing needs at the least: create, write, sync, rename, sync the directory.
    Bare {
        /// Where directories are made for the files.
        #[arg(long)]
        dir: PathBuf,
        /// How many directories; with 1 the files lie in `dir` itself.
        #[arg(long, default_value = "256", value_parser = clap::value_parser!(u16).range(1..=256))]
        shards: u16,
        /// Create each file under its name at once, instead of renaming it when it is whole.
        #[arg(long)]
        in_place: bool,
        #[command(flatten)]
        load: Load,
    },
    /// Serve files with bare system calls until somebody ends it: sendfile(2) for GET, splice(2) for PUT.
    Serve {
        #[arg(long)]
        listen: SocketAddr,
        /// Where the files are.
        #[arg(long)]
        root: PathBuf,
    },
    /// Send a file over one connection with sendfile(2).
    Send {
        file: PathBuf,
        /// Where `receive` listens.
        #[arg(long)]
        to: SocketAddr,
    },
    /// Make a file of what comes over one connection with splice(2), its space reserved before.
    Receive {
        #[arg(long)]
        listen: SocketAddr,
        file: PathBuf,
        /// Bytes that come.
        #[arg(long)]
        size: u64,
    },
}

/// Small blobs by several writers.
#[derive(Args, Clone, Copy)]
struct Load {
    /// Blobs, in all.
    #[arg(long)]
    count: u64,
    /// Bytes of each.
    #[arg(long, default_value = "4096")]
    size: usize,
    /// Threads that share them.
    #[arg(long, default_value = "1")]
    writers: NonZeroUsize,
    /// When a blob counts as written.
    #[arg(long, value_enum, default_value = "full")]
    sync: Sync,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sync {
    /// Once it survives a power cut.
    Full,
    /// Once it is visible.
    None,
}

impl From<Sync> for SyncPolicy {
    fn from(sync: Sync) -> Self {
        match sync {
            Sync::Full => Self::Full,
            Sync::None => Self::None,
        }
    }
}

fn main() -> Result<()> {
    match Arguments::parse().arm {
        Arm::Hash { file, digest, threads, checkpoints } => {
            hashing::hash(&file, digest, threads, checkpoints.as_deref())
        }
        Arm::Verify { file, digest, threads, checkpoints } => {
            hashing::verify(&file, &digest, threads, &checkpoints)
        }
        Arm::Batches { count, blobs, size, lanes } => hashing::batches(count, blobs, size, lanes),
        Arm::Segments { size, lanes } => hashing::segments(size, lanes),
        Arm::Publish { store, load } => publishing::publish(&store, load),
        Arm::Bare { dir, shards, in_place, load } => {
            let naming = if in_place { Naming::AtOnce } else { Naming::Last };
            bare::publish(&dir, shards, naming, load)
        }
        Arm::Serve { listen, root } => serving::serve(listen, &root),
        Arm::Send { file, to } => across::send(&file, to),
        Arm::Receive { listen, file, size } => across::receive(listen, &file, size),
    }
}
