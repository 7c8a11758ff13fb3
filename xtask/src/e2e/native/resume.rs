//! A large put, cut at random points, by turns: the client killed, the server killed, every connection reset.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::client::{Client, TIME_MAX};
use super::receipts::Receipts;
use super::sockets;
use crate::e2e::aqueduct::Aqueduct;
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::proxy::{BUFFER_LEN, Direction, Proxy};
use crate::server::Server;

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("a large put over the native protocol, cut");
    let Ground { program, dir } = *ground;
    let (file, store) = (dir.join("cut-file"), dir.join("cut"));
    Filler::new(12).write_file(&file, SIZE)?;
    let digest = agreement::openssl_sum(&file)?;
    for connection_count in [1, 2] {
        let seed = 40 + connection_count;
        let trial =
            Trial { program, dir, file: &file, store: &store, digest: &digest, connection_count, seed };
        trial.run(report).with_context(|| format!("-j {connection_count}, seed {seed}"))?;
        fs::remove_dir_all(&store)?;
    }
    fs::remove_file(&file)?;
    Ok(())
}

struct Trial<'a> {
    program: &'a Path,
    dir: &'a Path,
    file: &'a Path,
    store: &'a Path,
    digest: &'a str,
    connection_count: u64,
    seed: u64,
}

impl Trial<'_> {
    fn run(&self, report: &mut Report) -> Result<()> {
        let mut server = self.serve()?;
        let proxy = Proxy::start(server.host(), |_| Box::new(|_| {}))?;
        let mut client = self.put(&proxy)?;
        let mut receipts = Receipts::default();
        let (mut held, mut kill_count) = (0, 0);
        for (index, point) in self.points().into_iter().enumerate() {
            let cut = CUTS[index % CUTS.len()];
            proxy
                .wait_for(Direction::ToServer, point, TIME_MAX)
                .with_context(|| format!("the client says: {}", client.said()))?;
            proxy.hold();
            held += sockets::held(&[proxy.address().port(), port(&server)?])?;
            match cut {
                // What the kernel still has of it goes on to the server, while the next one begins.
                Cut::Client => {
                    client.kill()?;
                    proxy.release();
                    client = self.put(&proxy)?;
                }
                Cut::Server => {
                    let log = server.log_path().to_owned();
                    server.kill()?;
                    kill_count += 1;
                    receipts.add(&fs::read_to_string(log)?)?;
                    server = self.serve()?;
                    proxy.aim(server.host())?;
                    proxy.reset();
                }
                Cut::Connections => proxy.reset(),
            }
        }
        let printed = client.finish()?;
        let log = server.log_path().to_owned();
        server.stop()?;
        receipts.add(&fs::read_to_string(log)?)?;
        self.insist_on_bytes(printed["files"][0]["digest"].as_str().context("put: no digest")?)?;
        report.ok(&format!(
            "-j {}: put {SIZE} bytes, cut {CUT_COUNT} times (seed {}): the right digest, and verify passes",
            self.connection_count, self.seed
        ));
        self.insist_on_receipts(&receipts, kill_count, report)?;
        let passed = proxy.passed();
        // After each cut there are as many again, but where the next cut came before that.
        let connection_count_min = u64::from(self.connection_count > 1) * CUT_COUNT + CUT_COUNT / 2;
        ensure!(
            u64::from(passed.connection_count) >= connection_count_min,
            "only few connections: {passed:?}"
        );
        self.insist_on_taking(passed.to_server, held, report)
    }

    fn insist_on_bytes(&self, digest: &str) -> Result<()> {
        ensure!(digest == self.digest, "put says {digest}, openssl {}", self.digest);
        let aqueduct = Aqueduct::new(self.program, self.store);
        let sums = agreement::sha256sums(&[aqueduct.path_of(digest)?])?;
        ensure!(sums.values().all(|sum| sum == digest), "{digest}: {sums:?}");
        aqueduct.call("verify", [digest])?.success().context("verify")?;
        Ok(())
    }

    /// Nothing was received or hashed twice but segments in flight. What a server was at when it was killed it could
    /// not write down: that counts as much as it can have been.
    fn insist_on_receipts(&self, receipts: &Receipts, kill_count: u64, report: &mut Report) -> Result<()> {
        let unsaid_count = kill_count * self.connection_count;
        let (unsaid, more_max) = (unsaid_count * SEGMENT_LEN, self.in_flight_count() * SEGMENT_LEN);
        for (what, len) in [("received", receipts.received), ("hashed", receipts.hashed)] {
            let sum = len + unsaid;
            let more =
                sum.checked_sub(SIZE).with_context(|| format!("of the blob {sum} bytes were {what}"))?;
            ensure!(more <= more_max, "{more} bytes too many were {what}, and {more_max} at most may be");
            report.ok(&format!(
                "-j {}: by the server's log {:.1} MiB more than the blob were {what}, and {:.1} MiB at most with what it \
                 could not write down at {kill_count} kills; a segment for each cut and connection is {} MiB",
                self.connection_count,
                mib(len) - mib(SIZE),
                mib(more),
                more_max >> 20
            ));
        }
        let missing_count = receipts.missing_count(SIZE.div_ceil(SEGMENT_LEN));
        ensure!(missing_count <= unsaid_count, "{missing_count} segments were never whole");
        // What a cut left on its way may be hashed to its end while it comes again already: in flight twice.
        let (repeated_count, superseded_count) = (receipts.repeated_count(), receipts.superseded_count);
        ensure!(
            superseded_count <= self.in_flight_count(),
            "{superseded_count} segments were whole when they were superseded"
        );
        ensure!(
            repeated_count <= superseded_count,
            "{repeated_count} times a segment was hashed whole again, and {superseded_count} were superseded"
        );
        report.ok(&format!(
            "-j {}: no segment was hashed whole twice, but {repeated_count} that came again before they were whole",
            self.connection_count
        ));
        Ok(())
    }

    /// What was sent again were segments in flight, and what sockets held: the receiver had not seen that, and a killed
    /// client's successor cannot know that it is on its way.
    fn insist_on_taking(&self, taken: u64, held: u64, report: &mut Report) -> Result<()> {
        let segments = self.in_flight_count() * (SEGMENT_LEN + BUFFER_LEN as u64);
        let more = taken.checked_sub(SIZE).context("fewer bytes than the blob has")?;
        let more_max = segments + held + HEADS_LEN_MAX;
        ensure!(more <= more_max, "{more} bytes more than the blob, and {more_max} at most should be");
        report.ok(&format!(
            "-j {}: by the proxy's count {:.1} MiB more than the blob went to the server; a segment and a buffer for \
             each cut and connection are {} MiB, sockets held {} MiB at the cuts",
            self.connection_count,
            mib(more),
            segments >> 20,
            held >> 20
        ));
        Ok(())
    }

    /// How many segments were in flight at the cuts, at most.
    fn in_flight_count(&self) -> u64 {
        CUT_COUNT * self.connection_count
    }

    /// With a log that tells of each segment, and of little else.
    fn serve(&self) -> Result<Server> {
        Server::start_by(Command::new(self.program), self.store, &["-vv"])
    }

    fn put(&self, proxy: &Proxy) -> Result<Client> {
        let mut command = Command::new(self.program);
        command
            .args(["put", "--json", "--no-cache", "--retry", "100", "--server"])
            .arg(format!("aqueduct://{}", proxy.address()))
            .args(["-j", &self.connection_count.to_string()])
            .arg(self.file);
        Client::start(command, &self.dir.join("cut-words"))
    }

    /// After how many bytes each cut comes, in order.
    fn points(&self) -> Vec<u64> {
        let mut filler = Filler::new(self.seed);
        let mut points: Vec<u64> = (0..CUT_COUNT).map(|_| filler.number() % SIZE).collect();
        points.sort_unstable();
        points
    }
}

/// What is cut.
#[derive(Clone, Copy)]
enum Cut {
    Client,
    Server,
    Connections,
}

const CUTS: [Cut; 3] = [Cut::Client, Cut::Server, Cut::Connections];

fn port(server: &Server) -> Result<u16> {
    let (_, port) = server.host().rsplit_once(':').context("an address has a port")?;
    Ok(port.parse()?)
}

fn mib(len: u64) -> f64 {
    len as f64 / f64::from(1 << 20)
}

/// And no multiple of a segment.
const SIZE: u64 = (5 << 30) + 12_345;

const SEGMENT_LEN: u64 = 4 << 20;

const CUT_COUNT: u64 = 20;

/// Of all frames some 40 bytes for each MiB, and of the checkpoint list 32 for each segment, after each cut again.
const HEADS_LEN_MAX: u64 = (SIZE >> 20) * 128 + (CUT_COUNT + 1) * (SIZE / SEGMENT_LEN) * 64;
