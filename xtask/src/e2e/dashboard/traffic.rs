//! Others who get and put while somebody looks.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::filler::Filler;
use crate::process;
use crate::server::Server;

/// Clients that get a large blob and a small one, and put new ones, again and again until the value goes.
pub(in crate::e2e) struct Traffic {
    clients: Vec<Child>,
    dir: PathBuf,
}

impl Traffic {
    /// `dir` is made for what they put, and goes with the value.
    pub(in crate::e2e) fn begin(server: &Server, dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let large = put(server, &dir.join("large"), LARGE_SIZE)?;
        let small = put(server, &dir.join("small"), SMALL_SIZE)?;
        let address = server.address();
        let scripts = [
            format!("while curl -sf --limit-rate 80M -o /dev/null {large}; do :; done"),
            format!("while curl -sf --limit-rate 4M -o /dev/null '{small}?x=[1-500]'; do :; done"),
            format!(
                "while head -c $((RANDOM * 200)) /dev/urandom > {file} &&
                 curl -sf --limit-rate 20M -o /dev/null --data-binary @{file} -H 'Content-Type: application/octet-stream' \
                 {address}/blobs; do :; done",
                file = dir.join("new").display()
            ),
        ];
        let clients = scripts.iter().map(|script| {
            let mut bash = Command::new("bash");
            // A group of its own, so that what it runs ends with it.
            bash.args(["-c", script]).process_group(0).stdin(Stdio::null()).stderr(Stdio::null());
            bash.spawn().context("bash")
        });
        let clients = clients.collect::<Result<_>>()?;
        Ok(Self { clients, dir: dir.to_owned() })
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        for client in &mut self.clients {
            let group = format!("kill -KILL -- -{}", client.id());
            let _ = Command::new("bash").args(["-c", &group]).status();
            let _ = client.wait();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Puts a file, and says where its blob is.
fn put(server: &Server, path: &Path, size: u64) -> Result<String> {
    Filler::new(size).write_file(path, size)?;
    let digest = crate::e2e::agreement::openssl_sum(path)?;
    let url = server.blob(&digest);
    process::run(Command::new("curl").args(["-sf", "--upload-file"]).arg(path).arg(&url))?;
    Ok(url)
}

/// Large enough to be sent from its file, and small enough to be answered from memory.
const LARGE_SIZE: u64 = 64 << 20;
const SMALL_SIZE: u64 = 20 << 10;
