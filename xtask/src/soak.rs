//! `cargo xtask soak`: polite clients, of which each byte is compared, beside peers that abuse the server in every way that
//! costs them little. The polite shall see no error, and the server shall neither grow nor complain of itself.
//!
//! The abusers are processes of their own, and come from addresses of their own: 127.0.0.2 and on, which are this machine's as
//! 127.0.0.1 is. So they use up their share of the connections, and not that of the others.

mod abuse;
mod gauge;
mod holder;
mod http;
mod lies;
mod metrics;
mod native;
mod polite;
mod rude;
mod smuggling;
mod stop;
mod tus;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

pub(crate) use abuse::run as abuse;

use crate::filler::Filler;
use crate::scratch::Scratch;
use crate::server::Server;
use crate::tools::{self, servers};
use crate::{bench, metadata};
use abuse::Abusers;
use gauge::{Gauge, Sample};
use polite::Tally;
use stop::Stop;

/// Soaks for as long as `words` say.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<()> {
    let time = Duration::from_secs(60 * minutes(words)?);
    let program = bench::build_as_tested(root, "aqueduct")?;
    let scratch = Scratch::make(&metadata::target_dir(root)?.join("soak"))?;
    let promtool = servers::Program::install(root, "promtool", tools::PROMTOOL)?;
    Soak::begin(&program, scratch.dir())?.run(time, promtool.path())
}

/// A server that is to be soaked, and what was found before.
struct Soak {
    server: Server,
    program: PathBuf,
    dir: PathBuf,
    descriptor_limit: usize,
    /// Open when nobody is there any more.
    descriptor_count: usize,
}

impl Soak {
    fn begin(program: &Path, dir: &Path) -> Result<Self> {
        let hard = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
        let hard = hard.map_or(usize::MAX, |hard| usize::try_from(hard).unwrap_or(usize::MAX));
        let descriptor_limit = hard.min(DESCRIPTOR_LIMIT);
        let mut command = Command::new("bash");
        command.args(["-c", &format!("ulimit -n {descriptor_limit}; exec \"$0\" \"$@\"")]).arg(program);
        let share = holder::share(descriptor_limit).to_string();
        let arguments = ["--max-connections-per-address", &share];
        let server = Server::start_by(command, &dir.join("store"), &arguments)?;
        http::Http::connect(server.host(), None)?.post(&large())?;
        let mut soak = Self {
            server,
            program: program.to_owned(),
            dir: dir.to_owned(),
            descriptor_limit,
            descriptor_count: 0,
        };
        // What stays open from its first use on shall be open before it is counted.
        let stop = Stop::after_one_round();
        for client in soak.clients(&stop) {
            client()?;
        }
        soak.look_at_large()?;
        soak.descriptor_count = soak.server.descriptor_count()?;
        Ok(soak)
    }

    fn run(self, time: Duration, promtool: &Path) -> Result<()> {
        println!(
            "a server with {} descriptors, of which {} are open; {} minutes",
            self.descriptor_limit,
            self.descriptor_count,
            time.as_secs() / 60
        );
        let gauge = Gauge::begin(&self.server);
        let abusers = Abusers::begin(self.server.host(), self.descriptor_limit)?;
        let stop = Arc::new(Stop::default());
        let polite: Vec<_> = self.clients(&stop).into_iter().map(thread::spawn).collect();
        // Sooner if one of them has met an error.
        let was_cut_short = stop.wait(time);
        let said = abusers.end();
        let samples = gauge.end();
        if !was_cut_short {
            stop.wait(AFTERWARDS);
        }
        stop.now();
        let mut tally = Tally::default();
        for client in polite {
            let ended = client.join().map_err(|_| anyhow::anyhow!("a client panicked"))?;
            tally.add(&ended.with_context(|| self.server.last_words())?);
        }
        print!("{}", said?);
        println!("polite: {tally}, and no error");
        self.insist_on_flat_memory(&samples, time)?;
        self.insist_on_closed_descriptors(&samples)?;
        self.insist_on_no_blame()?;
        metrics::check(self.server.host(), promtool)?;
        self.server.stop()?;
        println!("the server ended well");
        Ok(())
    }

    /// The polite ones, each for a thread.
    fn clients(&self, stop: &Arc<Stop>) -> Vec<Box<dyn FnOnce() -> Result<Tally> + Send>> {
        let mut clients: Vec<Box<dyn FnOnce() -> Result<Tally> + Send>> = Vec::new();
        for number in 1..=HTTP_COUNT {
            let (host, stop) = (self.server.host().to_owned(), Arc::clone(stop));
            clients.push(Box::new(move || stop.guard(polite::run(&host, number, &stop))));
        }
        for number in 1..=TUS_COUNT {
            let (host, stop) = (self.server.host().to_owned(), Arc::clone(stop));
            clients.push(Box::new(move || stop.guard(tus::run(&host, 1000 + number, &stop))));
        }
        for number in 1..=NATIVE_COUNT {
            let stop = Arc::clone(stop);
            let dir = self.dir.join(format!("native-{number}"));
            let client = native::Client::new(&self.program, self.server.host(), dir, 2000 + number);
            clients.push(Box::new(move || stop.guard(client.run(&stop))));
        }
        clients
    }

    /// So that it is open, as it was when descriptors were counted.
    fn look_at_large(&self) -> Result<()> {
        let mut http = http::Http::connect(self.server.host(), None)?;
        let listed = http.ask("GET", "/blobs?limit=10000", "", &[])?.expect(200)?.json()?;
        let blobs = listed["blobs"].as_array().context("no blobs")?;
        let is_large = |blob: &&serde_json::Value| blob["size"].as_u64() == Some(LARGE_SIZE);
        let digest =
            blobs.iter().find(is_large).and_then(|blob| blob["digest"].as_str()).context("not there")?;
        let body = http.ask("GET", &format!("/blobs/{digest}"), "", &[])?.expect(200)?.body;
        ensure!(body == large(), "the large blob changed");
        Ok(())
    }

    fn insist_on_flat_memory(&self, samples: &[Sample], time: Duration) -> Result<()> {
        let warm_time = (time / 4).min(WARM_TIME_MAX);
        let most = |from: Duration, to: Duration| {
            samples
                .iter()
                .filter(|sample| from <= sample.at && sample.at <= to)
                .map(|sample| sample.kib)
                .max()
        };
        let tenths = (0..10).filter_map(|tenth| most(time * tenth / 10, time * (tenth + 1) / 10));
        let tenths: Vec<_> = tenths.map(|kib| kib.to_string()).collect();
        println!("anonymous memory, at most in each tenth of the time: {} KiB", tenths.join(", "));
        let warm = most(warm_time / 2, warm_time).context("no sample")?;
        let end = most(time.saturating_sub(warm_time), time).context("no sample")?;
        println!("anonymous memory: at most {warm} KiB once warm, {end} KiB at the end");
        let allowed = warm + warm / GROWTH_SHARE + GROWTH_KIB;
        ensure!(end <= allowed, "the server grew from {warm} to {end} KiB, and {allowed} are allowed");
        Ok(())
    }

    fn insist_on_closed_descriptors(&self, samples: &[Sample]) -> Result<()> {
        let most = samples.iter().map(|sample| sample.descriptor_count).max().unwrap_or_default();
        self.look_at_large()?;
        let calm = Stop::default();
        let mut count = 0;
        for _ in 0..CALM_LOOK_COUNT {
            count = self.server.descriptor_count()?;
            if count <= self.descriptor_count + LATE_COUNT {
                break;
            }
            calm.wait(CALM_PAUSE);
        }
        println!(
            "descriptors: at most {most} of {}, {} before and {count} after",
            self.descriptor_limit, self.descriptor_count
        );
        ensure!(count <= self.descriptor_count + LATE_COUNT, "descriptors are left open");
        Ok(())
    }

    /// Peers may do what they like; whatever the server says of itself needs a person.
    fn insist_on_no_blame(&self) -> Result<()> {
        let log = fs::read_to_string(self.server.log_path())?;
        ensure!(log.contains("there are too many connections"), "nobody was turned away");
        let is_blame =
            |line: &&str| ["ERROR", "panicked", "bug of this program"].iter().any(|word| line.contains(word));
        let blames: Vec<_> = log.lines().filter(is_blame).collect();
        ensure!(blames.is_empty(), "the server blames itself:\n{}", blames.join("\n"));
        println!("{} lines in the log, and none that blames the server", log.lines().count());
        Ok(())
    }
}

/// What abusers ask for and do not read.
fn large() -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(LARGE_SIZE).unwrap_or(usize::MAX)];
    Filler::new(1).fill(&mut bytes);
    bytes
}

fn minutes(words: &[&str]) -> Result<u64> {
    match words {
        [] => Ok(MINUTES),
        ["--minutes", count] => {
            count.parse().ok().filter(|count| *count > 0).context("--minutes takes a count")
        }
        _ => bail!("cargo xtask soak [--minutes N]"),
    }
}

/// The two databases are opened by the first who needs them.
const LATE_COUNT: usize = 2;

const MINUTES: u64 = 20;

/// Few, so that taking most of them takes little.
const DESCRIPTOR_LIMIT: usize = 4096;

const LARGE_SIZE: u64 = 16 << 20;

const HTTP_COUNT: u64 = 4;
const TUS_COUNT: u64 = 1;
const NATIVE_COUNT: u64 = 2;

/// How long the polite go on once the others are gone.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// Until buffers and caches are as large as they get.
const WARM_TIME_MAX: Duration = Duration::from_secs(120);

/// What may come and go with the hour: an eighth, and what a few more threads and arenas take.
const GROWTH_SHARE: u64 = 8;
const GROWTH_KIB: u64 = 8 << 10;

/// Longer than any deadline of the server's.
const CALM_LOOK_COUNT: u32 = 1000;
const CALM_PAUSE: Duration = Duration::from_millis(100);
