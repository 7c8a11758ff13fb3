//! A server under mixed load, killed again and again.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::breach::Breach;
use super::contents::{self, Content};
use super::history::Known;
use super::load::{Load, SIZES};
use super::native::MISMATCH;
use super::{check, seed};
use crate::e2e::aqueduct::{Aqueduct, NONE};
use crate::e2e::{Ground, Report};
use crate::filler::Filler;
use crate::server::Server;

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("a server under mixed load, killed");
    let dir = ground.dir.join("killed-server");
    let seed = seed()?;
    let contents = contents::make(&dir.join("contents"), SIZES, seed)?;
    let serve = || Command::new(ground.program);
    let trial =
        Trial { client: ground.program, serve: &serve, store: &dir.join("store"), contents: &contents, seed };
    let done = trial.run(KILL_COUNT).with_context(|| format!("seed {seed}"))?;
    report.ok(&format!(
        "{} kills of a server at work on {} things (seed {seed}): whatever was acknowledged was there and right, {} times a \
         blob was compared, nothing was listed that was not served, and no upload had lost a segment",
        done.kill_count, done.begun_count, done.compared_count
    ));
    report.ok(&format!(
        "after each kill there were {} to {} open files beside the blobs, and no stray file; verify passed {} times",
        done.descriptor_counts.0, done.descriptor_counts.1, done.verify_count
    ));
    fs::remove_dir_all(&dir)?;
    Ok(())
}

/// One store, and whoever serves it.
pub(super) struct Trial<'a> {
    /// The program that asks.
    pub(super) client: &'a Path,
    /// How the one that answers is called.
    pub(super) serve: &'a dyn Fn() -> Command,
    pub(super) store: &'a Path,
    pub(super) contents: &'a [Content],
    pub(super) seed: u64,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Done {
    pub(super) kill_count: u64,
    pub(super) begun_count: u64,
    /// Blobs after kills.
    pub(super) compared_count: u64,
    pub(super) verify_count: u64,
    /// The fewest and the most.
    pub(super) descriptor_counts: (usize, usize),
}

impl Trial<'_> {
    pub(super) fn run(&self, kill_count: u64) -> Result<Done> {
        let mut random = Filler::new(self.seed);
        let load = Load::new(self.client, self.contents, &|| 0);
        let aqueduct = Aqueduct::new(self.client, self.store);
        let mut done = Done { descriptor_counts: (usize::MAX, 0), ..Done::default() };
        for kill in 1..=kill_count {
            let told = || format!("after kill {}", kill - 1);
            self.round(&load, &aqueduct, &mut random, &mut done).with_context(told)?;
        }
        let server = self.start("full")?;
        self.look(&load, &aqueduct, &server, &mut done).context("after the last kill")?;
        // One that makes mistakes does not know how to stop.
        server.kill()?;
        verify(&aqueduct, &mut done)?;
        Ok(done)
    }

    fn round(
        &self,
        load: &Load<'_>,
        aqueduct: &Aqueduct,
        random: &mut Filler,
        done: &mut Done,
    ) -> Result<()> {
        let server = self.start(["full", "none"][usize::from(random.number() >> 63 == 1)])?;
        self.look(load, aqueduct, &server, done)?;
        let count = server.descriptor_count_beside_blobs()?;
        done.descriptor_counts = (done.descriptor_counts.0.min(count), done.descriptor_counts.1.max(count));
        let (fewest, most) = done.descriptor_counts;
        ensure!(most <= fewest + DESCRIPTOR_SPREAD_MAX, "{fewest} to {most} open files beside the blobs");
        let (host, log) = (server.host().to_owned(), server.log_path().to_owned());
        let begun_count = random.number() % BEGUN_COUNT_MAX + 1;
        let pause = Duration::from_micros(random.number() % PAUSE_MICROS_MAX);
        done.begun_count += load.run(&host, random.number(), begun_count, || {
            // In the middle of what was just begun.
            let (_sender, never) = channel::<()>();
            let _ = never.recv_timeout(pause);
            server.kill()
        })?;
        done.kill_count += 1;
        let said = fs::read_to_string(&log)?;
        ensure!(!said.contains("panicked"), "the server panicked: {said}");
        // The program opens the store, and so is what recovers it this time.
        if done.kill_count.is_multiple_of(VERIFY_EACH) { verify(aqueduct, done) } else { Ok(()) }
    }

    /// What is there is what was promised. What a kill left open is known from here on.
    fn look(&self, load: &Load<'_>, aqueduct: &Aqueduct, server: &Server, done: &mut Done) -> Result<()> {
        let found = check::blobs(load, server.host(), Some(0))?;
        done.compared_count += found.count();
        // The native protocol has one for each large blob at a time; a beginning that nobody heard of is one, too.
        let upload_count_max = load.pieces.sent().len() + 2 * usize::try_from(done.kill_count)? + 2;
        check::tree(aqueduct, &found, upload_count_max)?;
        for (history, is_there) in load.histories.iter().zip(found.is_there) {
            history.found(if is_there { Known::Present } else { Known::Absent }, 0);
        }
        Ok(())
    }

    fn start(&self, sync: &str) -> Result<Server> {
        Server::start_by((self.serve)(), self.store, &["--sync", sync])
    }
}

fn verify(aqueduct: &Aqueduct, done: &mut Done) -> Result<()> {
    let answer = aqueduct.call("verify", NONE)?;
    ensure!(answer.code != MISMATCH, Breach(format!("verify: {}", answer.stderr.trim_end())));
    answer.success().context("verify")?;
    done.verify_count += 1;
    Ok(())
}

const KILL_COUNT: u64 = 300;

/// Between one kill and the next, about.
const BEGUN_COUNT_MAX: u64 = 60;

const PAUSE_MICROS_MAX: u64 = 20_000;

const VERIFY_EACH: u64 = 20;

/// Connections that just ended.
const DESCRIPTOR_SPREAD_MAX: usize = 4;
