//! Abusers: processes of this program, each from an address of its own, that end when their standard input does.

use std::io::Read;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use super::holder;
use super::rude;
use super::stop::Stop;

/// Those that were started. They end with this process, too.
pub(super) struct Abusers(Vec<Child>);

impl Abusers {
    /// Three of them try to hold nine tenths of the server's descriptors between them; a fourth one is rude in every other way.
    pub(super) fn begin(host: &str, descriptor_limit: usize) -> Result<Self> {
        let share = descriptor_limit * 9 / 10 / HOLDER_COUNT;
        let insisted = (holder::share(descriptor_limit) * 9 / 10).to_string();
        let program = std::env::current_exe()?;
        let start = |kind: &str, source: Ipv4Addr| {
            let mut command = Command::new(&program);
            command.args(["soak-abuse", kind, host, &source.to_string(), &share.to_string(), &insisted]);
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .with_context(|| format!("{command:?}"))
        };
        let mut abusers = Self(Vec::new());
        for number in 0..HOLDER_COUNT {
            abusers.0.push(start("hold", Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(number)?))?);
        }
        abusers.0.push(start("rude", RUDE)?);
        Ok(abusers)
    }

    /// Ends them, and answers what they say of what they did. One that found the server to do what it must not fails.
    pub(super) fn end(mut self) -> Result<String> {
        let mut said = String::new();
        for child in &mut self.0 {
            drop(child.stdin.take());
            let mut stdout = child.stdout.take().context("it was piped")?;
            stdout.read_to_string(&mut said)?;
            let status = child.wait()?;
            ensure!(status.success(), "an abuser: {status}\n{said}");
        }
        Ok(said)
    }
}

impl Drop for Abusers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Most have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What such a process does.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let [kind, host, source, count, insisted] = words else { bail!("this is for cargo xtask soak") };
    let (source, count, insisted): (Ipv4Addr, usize, usize) =
        (source.parse()?, count.parse()?, insisted.parse()?);
    let stop = Arc::new(Stop::default());
    let told = Arc::clone(&stop);
    let abuser = {
        let (kind, host) = ((*kind).to_owned(), (*host).to_owned());
        thread::spawn(move || match kind.as_str() {
            "hold" => holder::run(&host, source, count, insisted, &told),
            _ => rude::run(&host, source, &told),
        })
    };
    // The parent says nothing, and its end is the end of this.
    let _ = std::io::stdin().read(&mut [0]);
    stop.now();
    let said = abuser.join().map_err(|_| anyhow::anyhow!("it panicked"))??;
    println!("{kind:<6}from {source}: {said}");
    Ok(())
}

const HOLDER_COUNT: usize = 3;

const RUDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);
