//! Whether a server could begin, asked without one: `serve --check`. A person asks, or a server that is about to begin anew;
//! the latter says what its successor takes over and cannot choose.

use std::env;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use aqueduct_server::{Listeners, Options};
use aqueduct_store::Store;

use crate::fault::Fault;
use crate::text::shown;

/// What a server leaves to its successor.
#[derive(Debug)]
pub(crate) struct Legacy {
    /// Which directory the store is, by whatever path: see [`id`].
    store: String,
    addresses: Vec<SocketAddr>,
    /// Whether there is a socket for ccache.
    serves_crsh: bool,
}

impl Legacy {
    /// Of a server of the store at `directory`, which is open.
    pub(crate) fn new(directory: &Path, addresses: &[SocketAddr], serves_crsh: bool) -> Result<Self, Fault> {
        let store = id(directory).map_err(Fault::local(format!("look at {}", shown(directory))))?;
        Ok(Self { store, addresses: addresses.to_vec(), serves_crsh })
    }

    /// Tells `check`, which is about to be started.
    pub(crate) fn tell(&self, check: &mut Command) {
        let addresses: Vec<_> = self.addresses.iter().map(SocketAddr::to_string).collect();
        check.env(STORE, &self.store).env(ADDRESSES, addresses.join(" "));
        if self.serves_crsh {
            check.env(CRSH, "1");
        } else {
            check.env_remove(CRSH);
        }
    }
}

/// Finds what would keep a server from beginning, as far as that can be told beside one that runs: its flags were read
/// already.
///
/// A store that would be opened would wait for the server that has it, and so would an address.
pub(crate) fn check(directory: &Path, options: &Options, crsh: Option<&Path>) -> Result<(), Fault> {
    // A server may be confined to its store, and what it becomes is, too.
    if env::var(STORE).is_ok_and(|served| id(directory).ok() != Some(served)) {
        let directory = shown(directory);
        let words =
            format!("{directory} is not the store that is served; another one takes a stop and a start");
        return Err(Fault::Usage(words));
    }
    // The one that runs may be confined so that no socket can be made, and so would this one be.
    if env::var_os(STORE).is_some() && crsh.is_some() && env::var_os(CRSH).is_none() {
        return Err(Fault::Usage("--crsh is new; that takes a stop and a start".to_owned()));
    }
    Store::is_at(directory)?;
    let addresses: Vec<_> = match env::var(ADDRESSES) {
        Ok(addresses) => addresses.split(' ').filter_map(|address| address.parse().ok()).collect(),
        Err(_) => options.listen.clone(),
    };
    Ok(Listeners::check(&addresses, options)?)
}

/// A directory, for as long as it is there: inode(7).
fn id(directory: &Path) -> std::io::Result<String> {
    let metadata = directory.metadata()?;
    Ok(format!("{}:{}", metadata.dev(), metadata.ino()))
}

/// These are said by one version to the next: they keep their meaning.
const STORE: &str = "SUCCEEDED_STORE";
const ADDRESSES: &str = "SUCCEEDED_ADDRESSES";
const CRSH: &str = "SUCCEEDED_CRSH";
