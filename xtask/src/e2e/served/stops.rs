//! A server that is asked to stop finishes what is in flight.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::curl::{self, curl};
use crate::e2e::aqueduct::Aqueduct;
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::server::Server;

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("stop under load");
    let Ground { program, dir } = *ground;
    let (file, other, store) = (dir.join("served-file"), dir.join("late-file"), dir.join("stopped"));
    Filler::new(9).write_file(&file, SIZE)?;
    Filler::new(10).write_file(&other, SIZE)?;
    let (digest, late) = (agreement::openssl_sum(&file)?, agreement::openssl_sum(&other)?);
    let server = Server::start(program, &store)?;
    curl::put(&file, &server.blob(&digest))?;

    let mut downloads =
        (0..DOWNLOAD_COUNT).map(|_| Download::begin(&server.blob(&digest))).collect::<Result<Vec<_>>>()?;
    let mut upload = Upload::begin(&other, &server.blob(&late))?;
    for download in &mut downloads {
        download.take(FIRST_LEN)?;
    }
    let address = server.address().strip_prefix("http://").context("that is how it begins")?.to_owned();
    server.ask_to_stop()?;
    let began = Instant::now();
    // What is asked now is refused, while what was asked before goes on.
    while TcpStream::connect(&address).is_ok() {
        ensure!(began.elapsed() < REFUSE_MAX, "it still accepts connections");
    }
    for download in downloads {
        download.finish(&file)?;
    }
    upload.finish()?;
    server.stopped()?;
    let aqueduct = Aqueduct::new(program, &store);
    aqueduct.call("verify", [&digest, &late])?.success().context("verify")?;
    report.ok(&format!(
        "after SIGTERM no connection is accepted, {DOWNLOAD_COUNT} downloads and an upload in flight end whole, \
         and the exit code is 0"
    ));
    for path in [&file, &other] {
        fs::remove_file(path)?;
    }
    fs::remove_dir_all(&store)?;
    Ok(())
}

/// A download that is only read as far as it is told to, so that it is in flight for sure: what is left does not fit
/// into the buffers between.
struct Download {
    curl: Child,
    taken: Vec<u8>,
}

impl Download {
    fn begin(url: &str) -> Result<Self> {
        let curl = curl().arg(url).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        Ok(Self { curl, taken: Vec::new() })
    }

    fn take(&mut self, len: usize) -> Result<()> {
        self.taken.resize(len, 0);
        self.curl.stdout.as_mut().context("it was piped")?.read_exact(&mut self.taken)?;
        Ok(())
    }

    /// Compares the rest too.
    fn finish(mut self, file: &Path) -> Result<()> {
        ensure!(first(File::open(file)?, self.taken.len())? == self.taken, "it begins with other bytes");
        let rest = self.curl.stdout.take().context("it was piped")?;
        let skipped = format!("--ignore-initial=0:{}", self.taken.len());
        let cmp = Command::new("cmp").args([&skipped, "-"]).arg(file).stdin(rest).output()?;
        let status = self.curl.wait()?;
        ensure!(status.success(), "curl: {status}");
        ensure!(cmp.status.success(), "cmp: {}", String::from_utf8_lossy(&cmp.stdout));
        Ok(())
    }
}

/// An upload of which a part is kept back.
struct Upload {
    curl: Child,
    rest: File,
}

impl Upload {
    fn begin(file: &Path, url: &str) -> Result<Self> {
        let mut curl = curl()
            .args(["-T", "-", "--header", "Expect:", "--output", "/dev/null", url])
            .stdin(Stdio::piped())
            .spawn()?;
        let rest = File::open(file)?;
        let begun = first(&rest, SENT_LEN)?;
        curl.stdin.as_mut().context("it was piped")?.write_all(&begun)?;
        Ok(Self { curl, rest })
    }

    fn finish(&mut self) -> Result<()> {
        let mut stdin = self.curl.stdin.take().context("it was piped")?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            match self.rest.read(&mut buffer)? {
                0 => break,
                len => stdin.write_all(&buffer[..len])?,
            }
        }
        drop(stdin);
        let status = self.curl.wait()?;
        ensure!(status.success(), "curl -T: {status}");
        Ok(())
    }
}

fn first(mut file: impl Read, len: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

const DOWNLOAD_COUNT: u32 = 4;

/// Much more than socket buffers hold.
const SIZE: u64 = 256 << 20;

const FIRST_LEN: usize = 1 << 20;

/// More than pipes and sockets hold: once this is written the server has read of it.
const SENT_LEN: usize = 64 << 20;

/// A signal arrives, and listeners close.
const REFUSE_MAX: Duration = Duration::from_secs(10);
