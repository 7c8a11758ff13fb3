//! Several uploads at once, of several kinds.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::curl::curl;
use crate::e2e::agreement;
use crate::filler::Filler;
use crate::server::Server;

/// What is put: a few large files, and a directory of many small ones.
pub(super) struct Sources {
    large: Vec<(PathBuf, String)>,
    small: PathBuf,
    /// Of all.
    pub(super) digests: BTreeSet<String>,
}

impl Sources {
    pub(super) fn make(dir: &Path) -> Result<Self> {
        let small = dir.join("small");
        fs::create_dir(&small)?;
        let place = |name: String, size, seed| {
            let path = dir.join(name);
            Filler::new(seed).write_file(&path, size).map(|()| path)
        };
        let large: Vec<PathBuf> = (0..LARGE_COUNT)
            .map(|index| place(format!("large-{index}"), LARGE_SIZE, 100 + index))
            .collect::<Result<_>>()?;
        let smalls: Vec<PathBuf> = (0..SMALL_COUNT)
            .map(|index| place(format!("small/{index}"), SMALL_SIZE_STEP * index, 200 + index))
            .collect::<Result<_>>()?;
        let large_digests = agreement::openssl_sums(&large)?;
        let small_digests = agreement::openssl_sums(&smalls)?;
        let digests = large_digests.iter().cloned().chain(small_digests).collect();
        Ok(Self { large: large.into_iter().zip(large_digests).collect(), small, digests })
    }
}

/// Clients at work. Those that are left are killed when the value goes.
pub(super) struct Uploads {
    clients: Vec<Child>,
    /// Disconnected when the last one has ended.
    ended: Receiver<()>,
}

impl Uploads {
    /// Starts a client for each large file, and ours for the small ones.
    pub(super) fn begin(program: &Path, sources: &Sources, server: &Server) -> Result<Self> {
        let mut commands: Vec<Command> = Vec::new();
        for (index, (file, digest)) in sources.large.iter().enumerate() {
            let mut command = curl();
            match index % 3 {
                0 => command.arg("-T").arg(file).arg(server.blob(digest)),
                // From a pipe: chunked, and named by the server.
                1 => command
                    .args(["--request", "POST", "-T", "-"])
                    .arg(format!("{}/blobs", server.address()))
                    .stdin(fs::File::open(file)?),
                _ => {
                    command = Command::new(program);
                    command.arg("put").arg(file).args(["--server", server.address()])
                }
            };
            commands.push(command);
        }
        let mut command = Command::new(program);
        command.arg("put").arg(&sources.small).args(["--server", server.address()]);
        commands.push(command);

        let mut clients = Vec::new();
        let (sender, ended) = channel();
        for mut command in commands {
            let mut client = command
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .with_context(|| format!("{command:?}"))?;
            // It has ended once its standard output is closed.
            let mut stdout = client.stdout.take().context("it was piped")?;
            let sender = sender.clone();
            thread::spawn(move || {
                // What it prints is not looked at: what is in the store is.
                let _ = stdout.read_to_end(&mut Vec::new());
                drop(sender);
            });
            clients.push(client);
        }
        Ok(Self { clients, ended })
    }

    /// Waits until all have ended, or that time has passed. Answers how many are still at work.
    pub(super) fn wait(&mut self, time: Duration) -> u32 {
        match self.ended.recv_timeout(time) {
            Ok(()) => unreachable!("nobody sends"),
            Err(RecvTimeoutError::Disconnected) => 0,
            Err(RecvTimeoutError::Timeout) => {
                let at_work = self
                    .clients
                    .iter_mut()
                    .filter_map(|client| client.try_wait().ok()?.is_none().then_some(()));
                u32::try_from(at_work.count()).expect("there are few")
            }
        }
    }

    /// Kills those that are still at work.
    pub(super) fn kill(mut self) -> Result<()> {
        for client in &mut self.clients {
            client.kill()?;
        }
        for client in &mut self.clients {
            client.wait()?;
        }
        Ok(())
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        for client in &mut self.clients {
            // What has ended already cannot be killed, and needs not to be.
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

const LARGE_COUNT: u64 = 4;
const LARGE_SIZE: u64 = (128 << 20) + 7;

/// From nothing to 6 MiB: some in one segment, some in two.
const SMALL_COUNT: u64 = 60;
const SMALL_SIZE_STEP: u64 = 100_003;
