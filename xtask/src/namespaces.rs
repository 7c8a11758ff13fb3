//! Two hosts on one machine: network namespaces, see network_namespaces(7).

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{process, tools};

/// Two hosts and nothing else on their network. They go away with this value, and with a later one of the same name.
pub(crate) struct Hosts {
    pub(crate) left: Host,
    pub(crate) right: Host,
}

impl Hosts {
    /// Makes two hosts that are joined by a pair of veth(4). Takes root.
    pub(crate) fn joined(name: &str) -> Result<Self> {
        let hosts = Self::apart(name)?;
        let Self { left, right } = &hosts;
        let line = ["link", "add", DEVICE, "netns", &left.name, "type", "veth"];
        let peer = ["peer", "name", DEVICE, "netns", &right.name];
        ip(&[&line[..], &peer[..]].concat())?;
        left.bring_up(DEVICE)?;
        right.bring_up(DEVICE)?;
        Ok(hosts)
    }

    /// Makes two hosts with no way between them. Takes root.
    pub(crate) fn apart(name: &str) -> Result<Self> {
        ensure!(
            tools::root_prefix() == Some(&[]),
            "network namespaces are made by root alone: run this as root"
        );
        let [left, right] = [("left", LEFT), ("right", RIGHT)].map(|(side, address)| Host {
            name: format!("aqueduct-{name}-{side}"),
            address: address.to_owned(),
        });
        for host in [&left, &right] {
            // One that a run left which was killed.
            let _ = ip(&["netns", "delete", &host.name]);
            ip(&["netns", "add", &host.name])?;
            ip(&["-netns", &host.name, "link", "set", "lo", "up"])?;
        }
        Ok(Self { left, right })
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in [&self.left, &self.right] {
            if let Err(error) = ip(&["netns", "delete", &host.name]) {
                eprintln!("network namespace {} is left behind: {error:#}", host.name);
            }
        }
    }
}

/// One of them.
pub(crate) struct Host {
    name: String,
    address: String,
}

impl Host {
    /// As the other one reaches it.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A program on this host, ready for its arguments. The process becomes the program's own.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Takes a device from outside.
    pub(crate) fn take(&self, device: &str) -> Result<()> {
        ip(&["link", "set", device, "netns", &self.name])?;
        self.bring_up(device)
    }

    fn bring_up(&self, device: &str) -> Result<()> {
        let address = format!("{}/24", self.address);
        ip(&["-netns", &self.name, "address", "add", &address, "dev", device])?;
        ip(&["-netns", &self.name, "link", "set", device, "up"])
    }
}

/// Whether somebody listens on this TCP port in the network of this process: proc_pid_net(5).
pub(crate) fn is_heard(pid: u32, port: u16) -> bool {
    let is_in = |file| {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{file}")).unwrap_or_default();
        text.lines().skip(1).any(|line| parse_listener(line) == Some(port))
    };
    is_in("tcp") || is_in("tcp6")
}

/// Reads the port of a line such as `0: 020000C0:1C41 00000000:0000 0A ...`, if the state is that of who listens.
fn parse_listener(line: &str) -> Option<u16> {
    let mut words = line.split_whitespace().skip(1);
    let (local, _, state) = (words.next()?, words.next()?, words.next()?);
    let (_, port) = local.rsplit_once(':')?;
    (state == LISTENS).then(|| u16::from_str_radix(port, 16).ok()).flatten()
}

fn ip(arguments: &[&str]) -> Result<()> {
    let Some(program) = tools::find_program("ip") else { bail!("ip is among the tools, and is not there") };
    process::run(Command::new(program).args(arguments)).context("it takes root, and a kernel that has it")?;
    Ok(())
}

/// What the way between them is called on either.
const DEVICE: &str = "way";

const LEFT: &str = "192.0.2.1";
const RIGHT: &str = "192.0.2.2";

/// `TCP_LISTEN` in hexadecimal.
const LISTENS: &str = "0A";

#[cfg(test)]
mod tests;
