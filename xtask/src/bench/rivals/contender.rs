//! A server that is measured.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::daemon::Daemon;
use super::found::Found;
use super::layout::Layout;
use super::rival::Rival;
use crate::bench::machine;
use crate::bench::meter::Meter;
use crate::bench::stream::Stream;
use crate::filler;
use crate::process;
use crate::server::Server;

/// Whom to start.
#[derive(Clone, Copy)]
pub(super) enum Who {
    /// With its `--sync`.
    Ours(&'static str),
    Other(&'static Rival),
}

impl Who {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours(_) => OURS,
            Self::Other(rival) => rival.name,
        }
    }
}

/// A running server, and what it takes. Ended when the value goes.
pub(super) struct Contender {
    running: Running,
    address: String,
    meter: Meter,
    layout: Layout,
}

enum Running {
    Ours(Server),
    Other(#[expect(dead_code, reason = "it runs as long as this is kept")] Daemon),
}

impl Contender {
    /// Starts a server over `root`; `dir` is for what else it writes. It is told by way of `wrap` how to begin, for those
    /// who want it inside of something.
    pub(super) fn start(
        found: &Found,
        who: Who,
        root: &Path,
        dir: &Path,
        wrap: impl FnOnce(Command) -> Command,
    ) -> Result<Self> {
        fs::create_dir_all(dir)?;
        match who {
            Who::Ours(sync) => {
                let server = Server::start_by(wrap(found.ours()), root, &["--sync", sync])?;
                let address = server.address().to_owned();
                let meter = Meter::of(server.pid())?;
                Ok(Self { running: Running::Ours(server), address, meter, layout: Layout::Blobs })
            }
            Who::Other(rival) => {
                fs::create_dir_all(root)?;
                let (program, command) = found.command(rival)?;
                let places = Places::choose(rival, program, root, dir)?;
                let config = dir.join("config");
                filler::write_text(&config, &places.fill(rival.config))?;
                let config = config.to_str().context("its path is not UTF-8")?;
                let mut command = wrap(command);
                command.args(rival.arguments.iter().map(|word| places.fill(word).replace("CONFIG", config)));
                // Caddy keeps things for later in its user's home, unless it is told where else.
                command.envs(["XDG_CONFIG_HOME", "XDG_DATA_HOME"].map(|name| (name, dir)));
                let daemon = Daemon::start(command, &places.address, dir)?;
                let meter = Meter::of(daemon.pid())?;
                let address = format!("http://{}", places.address);
                Ok(Self { running: Running::Other(daemon), address, meter, layout: rival.layout })
            }
        }
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn connect(&self) -> Result<Stream> {
        Stream::connect(&self.address)
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Ends it, and insists that ours ends well.
    pub(super) fn stop(self) -> Result<()> {
        match self.running {
            Running::Ours(server) => server.stop(),
            Running::Other(_) => Ok(()),
        }
    }
}

/// What is filled in where a configuration has a name between two @.
struct Places {
    address: String,
    pairs: Vec<(&'static str, String)>,
}

impl Places {
    fn choose(rival: &Rival, program: &Path, root: &Path, dir: &Path) -> Result<Self> {
        let text = |path: &Path| {
            path.to_str().map(str::to_owned).context("the target directory's path is not UTF-8")
        };
        // Few can be told to take any port: the one that was free a moment ago will do.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut pairs = vec![
            ("@ADDRESS@", address.to_string()),
            ("@PORT@", address.port().to_string()),
            ("@CORES@", machine::core_count().to_string()),
            ("@ROOT@", text(root)?),
            ("@DIR@", text(dir)?),
            ("@MODULES@", text(&modules(rival, program))?),
            ("@USER@", user(rival)?.to_owned()),
        ];
        pairs.extend(rival.own.iter().map(|&(place, value)| (place, value.to_owned())));
        Ok(Self { address: address.to_string(), pairs })
    }

    fn fill(&self, text: &str) -> String {
        self.pairs.iter().fold(text.to_owned(), |text, (place, value)| text.replace(place, value))
    }
}

/// Debian keeps them beside `usr/sbin`, unpacked or installed.
fn modules(rival: &Rival, program: &Path) -> std::path::PathBuf {
    let usr = program.parent().and_then(Path::parent).unwrap_or(Path::new("/usr"));
    usr.join("lib").join(if rival.name == "apache" { "apache2/modules" } else { rival.name })
}

/// Who it is to be if it is started as root.
fn user(rival: &Rival) -> Result<&'static str> {
    let said = process::run(Command::new("id").args(["--user", "--name"]))?;
    if said.stdout.trim() != "root" {
        return Ok("");
    }
    Ok(match rival.name {
        "apache" => "User #65534\nGroup #65534",
        _ => "user root;",
    })
}

/// Ours, as the tables name it.
pub(super) const OURS: &str = "aqueduct";

#[cfg(test)]
mod tests;
