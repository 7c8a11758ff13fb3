//! `serve` over a disk that makes a mistake, to show that the trials of `cargo xtask e2e` notice: it is called as
//! `aqueduct serve` is, with the mistake in `AQUEDUCT_MISTAKE`. Without one it is right, which shows that the trials
//! notice nothing else.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use aqueduct_server::Server;
use aqueduct_store::{Absent, Options, RealDisk, Store, SyncPolicy};
use aqueduct_testkit::{Mistake, MistakenDisk};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag);
        at.and_then(|at| arguments.get(at + 1)).ok_or_else(|| format!("{flag} is missing"))
    };
    let mistake = match std::env::var("AQUEDUCT_MISTAKE") {
        Ok(name) => Some(name.parse::<Mistake>()?),
        Err(_) => None,
    };
    let root = PathBuf::from(value("--store")?);
    let sync = if value("--sync")? == "none" { SyncPolicy::None } else { SyncPolicy::Full };
    // Made without a mistake, so that what goes wrong later is a blob or an upload.
    Store::open(&root, Absent::Make, Options::default())?.close()?;
    let disk = MistakenDisk::new(RealDisk::make(&root)?, mistake);
    // One after each segment: what a mark is for shows sooner.
    let options = Options { sync, upload_mark_len: UPLOAD_MARK_LEN, ..Options::default() };
    let store = Store::open_on(Arc::new(disk), Absent::Refuse, options)?;
    let listen = vec![value("--listen")?.parse()?];
    let server =
        Server::bind(store, aqueduct_server::Options { listen, ..aqueduct_server::Options::default() })?;
    for address in server.addresses() {
        println!("listening http://{address}");
    }
    Ok(server.run()?)
}

const UPLOAD_MARK_LEN: u64 = 4 << 20;
