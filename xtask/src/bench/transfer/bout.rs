//! One tool after the other over the same way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::side::Side;
use super::tool::{BARE, First, Load, Row, Tool};
use super::{Options, Programs, Series, Table};
use crate::bench::figures::gib;
use crate::bench::{Extent, machine, run};
use crate::filler::{self, Filler};
use crate::namespaces::{Host, Hosts};
use crate::{process, tools};

/// The way, and what goes over it.
pub(super) struct Bout<'a> {
    programs: &'a Programs,
    hosts: Hosts,
    /// With the configurations of daemons, and all that is sent.
    dir: &'a Path,
    /// Where everything arrives.
    arrived: PathBuf,
    size: u64,
    small_count: u64,
    /// The next run's.
    port: AtomicU16,
}

/// What one run took, of so many GiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    gib: f64,
    wall: f64,
    sender_cpu: f64,
    receiver_cpu: f64,
}

impl Cost {
    /// CPU seconds are the sender's and the receiver's.
    pub(super) fn of(gib: f64, wall: f64, [sender_cpu, receiver_cpu]: [f64; 2]) -> Self {
        Self { gib, wall, sender_cpu, receiver_cpu }
    }

    /// GiB a second.
    pub(super) fn speed(&self) -> f64 {
        self.gib / self.wall
    }

    /// CPU seconds for each GiB.
    pub(super) fn sender(&self) -> f64 {
        self.sender_cpu / self.gib
    }

    pub(super) fn receiver(&self) -> f64 {
        self.receiver_cpu / self.gib
    }

    pub(super) fn total(&self) -> f64 {
        self.sender() + self.receiver()
    }

    /// What the cores of this machine can do, if both ends of the bare loop hash besides.
    fn bound(bare: &Self, hash_cpu: f64) -> Self {
        let [sender_cpu, receiver_cpu] = [bare.sender_cpu, bare.receiver_cpu].map(|cpu| cpu + hash_cpu);
        let wall = (sender_cpu + receiver_cpu) / machine::core_count() as f64;
        Self::of(bare.gib, wall, [sender_cpu, receiver_cpu])
    }
}

impl<'a> Bout<'a> {
    /// Makes the hosts, and what goes from one to the other.
    pub(super) fn prepare(programs: &'a Programs, dir: &'a Path, options: &Options) -> Result<Self> {
        let small_count = if options.extent == Extent::Full { 100_000 } else { 100 };
        let arrived = dir.join("arrived");
        fs::create_dir(&arrived)?;
        let bout = Self {
            programs,
            hosts: Hosts::joined("bench")?,
            dir,
            arrived,
            size: options.size,
            small_count,
            port: AtomicU16::new(PORT_FIRST),
        };
        let has = |load| options.rows.iter().any(|row| row.load == load);
        if has(Load::File) {
            Filler::new(31).write_file(&bout.source(Load::File), bout.size)?;
        }
        if has(Load::Tree) {
            bout.plant()?;
        }
        bout.configure_rsync()?;
        if programs.sshd.is_some() {
            bout.configure_ssh()?;
        }
        Ok(bout)
    }

    fn source(&self, load: Load) -> PathBuf {
        self.dir.join(if load == Load::File { "file" } else { "tree" })
    }

    /// Makes the tree: a thousand files a directory.
    fn plant(&self) -> Result<()> {
        let mut filler = Filler::new(32);
        for number in 0..self.small_count {
            let dir = self.source(Load::Tree).join(format!("{:03}", number / 1000));
            if number % 1000 == 0 {
                fs::create_dir_all(&dir)?;
            }
            filler.write_file(&dir.join(format!("{number:06}")), SMALL_SIZE)?;
        }
        Ok(())
    }

    fn configure_rsync(&self) -> Result<()> {
        let text = format!(
            "use chroot = no\nuid = 0\ngid = 0\n[arrived]\npath = {}\nread only = no\n",
            self.arrived.display()
        );
        filler::write_text(&self.dir.join("rsyncd.conf"), &text)
    }

    fn configure_ssh(&self) -> Result<()> {
        for name in ["key", "host-key"] {
            let key = self.dir.join(name);
            process::run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(key))?;
        }
        let dir = self.dir.display();
        let text = format!(
            "HostKey {dir}/host-key\nAuthorizedKeysFile {dir}/key.pub\nStrictModes no\nPermitRootLogin yes\nPidFile none\n\
             UsePAM no\nSubsystem sftp internal-sftp\n"
        );
        // Where sshd leaves its rights behind.
        fs::create_dir_all("/run/sshd")?;
        filler::write_text(&self.dir.join("sshd.conf"), &text)
    }

    /// Runs every tool of a row that is there and works, in every round.
    pub(super) fn measure(&self, row: &'static Row, round_count: usize) -> Result<Table> {
        let (mut there, mut failed) = (Vec::new(), Vec::new());
        for tool in row.tools {
            if let Some(missing) = self.lacks(tool) {
                println!("{}: left out, since {missing} is not installed", tool.name);
            } else if let Err(error) = self.run(row.load, tool, None) {
                println!("{}: left out, since it failed: {error:#}", tool.name);
                failed.extend(tool.is_ours().then_some(tool.name));
            } else {
                there.push(tool);
            }
        }
        // In every round the hash beside the tools: the last arm.
        let hash = there.len();
        let arm_count = hash + usize::from(row.load == Load::File);
        let taken = run::alternate(arm_count, round_count, |arm, round| match there.get(arm) {
            Some(tool) => {
                self.run(row.load, tool, Some(round)).with_context(|| format!("{}, round {round}", tool.name))
            }
            None => self.hash(),
        })?;
        let mut series: Vec<_> = there
            .iter()
            .zip(&taken)
            .map(|(tool, costs)| Series { name: tool.name, verified: tool.verified, costs: costs.clone() })
            .collect();
        let bare = series.iter().find(|series| series.name == BARE);
        if let (Some(bare), Some(hashes)) = (bare, taken.get(hash)) {
            let costs = bare.costs.iter().zip(hashes).map(|(bare, hash)| Cost::bound(bare, hash.sender_cpu));
            let costs = costs.collect();
            series.push(Series { name: BOUND, verified: "", costs });
        }
        Ok(Table { row, series, failed })
    }

    /// What is missing for a tool.
    fn lacks(&self, tool: &Tool) -> Option<&'static str> {
        let is_there = |name| match name {
            "sshd" => self.programs.sshd.is_some(),
            "wormhole" => self.programs.wormhole.is_some(),
            "sendme" => self.programs.sendme.is_some(),
            _ => tools::find_program(name).is_some(),
        };
        tool.needs.iter().copied().find(|name| !is_there(name))
    }

    /// Runs it in a round, or to try whether it works.
    fn run(&self, load: Load, tool: &Tool, round: Option<usize>) -> Result<Cost> {
        let source = self.source(load);
        // A new port each time: not everybody takes one that connections were at a moment ago.
        let port = self.port.fetch_add(1, Ordering::Relaxed);
        // A new name each time: ext4 is slow for a while to make files where many were removed.
        let number = round.map_or_else(|| "trial".to_owned(), |round| round.to_string());
        let target = self.arrived.join(format!("{number}-{}", tool.name.replace([' ', ',', '.'], "-")));
        // What was hashed in an earlier round is forgotten.
        let cache = self.dir.join("cache");
        if cache.exists() {
            fs::remove_dir_all(&cache)?;
        }
        process::settle(self.dir)?;
        let Hosts { left, right } = &self.hosts;
        let sender_listens = matches!(tool.first, First::SendingDaemon | First::SendingDaemonWithTicket);
        let listener = if sender_listens { left } else { right };
        let text = |path: &Path| path.display().to_string();
        let mut variables = vec![
            ("SOURCE", text(&source)),
            ("TARGET", text(&target)),
            ("ADDRESS", listener.address().to_owned()),
            ("PORT", port.to_string()),
            ("SIZE", self.size.to_string()),
            ("DIR", text(self.dir)),
            ("AQUEDUCT", text(&self.programs.aqueduct)),
            ("BENCH", text(&self.programs.bench)),
            ("SSHD", self.programs.sshd.as_deref().map(text).unwrap_or_default()),
            ("WORMHOLE", self.programs.wormhole.as_deref().map(text).unwrap_or_default()),
            ("SENDME", self.programs.sendme.as_deref().map(text).unwrap_or_default()),
            ("XDG_CACHE_HOME", text(&cache)),
            ("XDG_STATE_HOME", text(&cache)),
            ("AQUEDUCT_CONFIG", "/dev/null".to_owned()),
        ];
        let start = |host: &Host, line, variables: &[_], name| {
            Side::start(host, line, variables, self.dir, name).with_context(|| name)
        };
        let (wall, sender_cpu, receiver_cpu);
        if sender_listens {
            let mut sender = start(left, tool.send, &variables, "sender")?;
            if tool.first == First::SendingDaemonWithTicket {
                variables.push(("TICKET", sender.ticket()?));
            } else {
                sender.wait_until_heard(port)?;
            }
            let began = Instant::now();
            receiver_cpu =
                start(right, tool.receive, &variables, "receiver")?.finish().context("receiver")?;
            wall = began.elapsed().as_secs_f64();
            sender_cpu = sender.stop()?;
        } else {
            let mut receiver = start(right, tool.receive, &variables, "receiver")?;
            if tool.first == First::ReceiverWithTicket {
                variables.push(("TICKET", receiver.ticket()?));
            }
            receiver.wait_until_heard(port)?;
            let began = Instant::now();
            sender_cpu = start(left, tool.send, &variables, "sender")?.finish().context("sender")?;
            if tool.first == First::ReceivingDaemon {
                wall = began.elapsed().as_secs_f64();
                receiver_cpu = receiver.stop()?;
            } else {
                receiver_cpu = receiver.finish().context("receiver")?;
                wall = began.elapsed().as_secs_f64();
            }
        }
        self.compare(load, &source, &target, round)?;
        let size = if load == Load::File { self.size } else { self.small_count * SMALL_SIZE };
        Ok(Cost::of(gib(size), wall, [sender_cpu, receiver_cpu]))
    }

    /// Insists that it arrived: to the byte when it is tried.
    fn compare(&self, load: Load, source: &Path, target: &Path, round: Option<usize>) -> Result<()> {
        if round.is_none() {
            let differences = process::run(Command::new("diff").args(["-r", "-q"]).args([source, target]))?;
            ensure!(differences.stdout.is_empty(), "{}", differences.stdout);
        }
        if load == Load::File {
            let size = fs::metadata(target)?.len();
            ensure!(size == self.size, "{size} bytes arrived");
            fs::remove_file(target)?;
        }
        Ok(())
    }

    /// What SHA-256 of the file takes on one core.
    fn hash(&self) -> Result<Cost> {
        let source = self.source(Load::File);
        let program = self.programs.bench.as_os_str();
        let taken = run::figures(&[program, "hash".as_ref(), source.as_os_str()])?.taken()?;
        Ok(Cost::of(gib(self.size), taken.wall, [taken.cpu; 2]))
    }
}

/// Both cores at the bare loop and at SHA-256 of either end.
pub(super) const BOUND: &str = "bound: bare loop and SHA-256 at both ends, on all cores";

const SMALL_SIZE: u64 = 4 << 10;

/// Below those that the kernel gives to who connects, and far from those that have a name.
const PORT_FIRST: u16 = 20_000;
