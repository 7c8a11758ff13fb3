//! Everything that would be a shell script: `cargo xtask ci` runs every check, the other commands run a part of it.

#![forbid(unsafe_code)]

mod asan;
mod bench;
mod ci;
mod code;
mod cost;
mod deb;
mod e2e;
mod filler;
mod fuzz;
mod metadata;
mod namespaces;
mod process;
mod proxy;
mod scratch;
mod server;
mod soak;
mod tidy;
mod tools;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::bench::Workload;
use crate::bench::rivals::Options;

const USAGE: &str = "\
cargo xtask ci       install what is missing, then run every check and test
cargo xtask tidy     check the rules that no compiler knows
cargo xtask tools    install what is missing, and nothing else
cargo xtask fuzz [SECONDS]
                     feed what reads what others wrote, each target for so long (5 s)
cargo xtask asan     run the tests of what calls the kernel with each access to memory checked; takes minutes
cargo xtask cost     compare what requests cost a server with what was written down
cargo xtask cost --update
                     write down what they cost now
cargo xtask deb      make a Debian package of the program as it is released
cargo xtask e2e [PART...]
                     put, get, serve, kill and compare gigabytes of real files; takes minutes, 25 GiB and root
cargo xtask pictures take the pictures of the README anew, from a browser; a minute or two
cargo xtask soak [--minutes N]
                     serve polite clients beside peers that abuse the server, 20 minutes unless told otherwise
cargo xtask bench hash|publish|native
                     measure what docs/performance.md says
cargo xtask bench-rivals [--only ROW...] [--rounds N] [--smoke] [--write DIR]
                     measure it beside nginx and others; --write puts plots into DIR/plots
cargo xtask bench-transfer [--only ROW...] [--rounds N] [--size 4g] [--smoke]
                     measure a transfer from host to host beside rsync, scp, nc and others; takes root
cargo xtask bench --smoke
                     try whether all of that works, and measure nothing";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ci"] => root().and_then(|root| ci::run(&root)),
        ["tidy"] => root().and_then(|root| tidy::run(&root)),
        ["tools"] => root().and_then(|root| tools::install(&root)),
        ["fuzz"] => root().and_then(|root| fuzz::run(&root, None)),
        ["fuzz", seconds] => root().and_then(|root| fuzz::run(&root, Some(seconds))),
        ["asan"] => root().and_then(|root| asan::run(&root)),
        ["cost"] => root().and_then(|root| cost::check(&root)),
        ["cost", "--update"] => root().and_then(|root| cost::update(&root)),
        ["deb"] => root().and_then(|root| deb::run(&root)),
        ["e2e", ref parts @ ..] => root().and_then(|root| e2e::run(&root, parts)),
        ["pictures"] => root().and_then(|root| e2e::pictures::run(&root)),
        ["soak", ref words @ ..] => root().and_then(|root| soak::run(&root, words)),
        // What that one starts.
        ["soak-abuse", ref words @ ..] => soak::abuse(words),
        ["bench", "hash"] => root().and_then(|root| bench::run(&root, Workload::Hash)),
        ["bench", "publish"] => root().and_then(|root| bench::run(&root, Workload::Publish)),
        ["bench", "native"] => root().and_then(|root| bench::run(&root, Workload::Native)),
        ["bench-rivals", ref words @ ..] => {
            root().and_then(|root| bench::rivals::run(&root, &Options::parse(words)?))
        }
        ["bench-transfer", ref words @ ..] => {
            root().and_then(|root| bench::transfer::run(&root, &bench::transfer::Options::parse(words)?))
        }
        ["bench", "--smoke"] => root().and_then(|root| bench::smoke(&root)),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's root. Asked of cargo at run time: the path seen at build time is wrong once a clone has moved.
fn root() -> Result<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    let root = Path::new(&package).parent().context("xtask/ has no parent directory")?;
    Ok(root.to_owned())
}
