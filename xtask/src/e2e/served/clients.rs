//! What people type, on real files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::curl::{self, curl};
use crate::e2e::aqueduct::{Aqueduct, NONE};
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::process;
use crate::server::Server;

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("clients");
    let Ground { program, dir } = *ground;
    let dir = dir.join("clients");
    fs::create_dir(&dir)?;
    let server = Server::start(program, &dir.join("store"))?;
    let aqueduct = Aqueduct::remote(program, server.store(), server.address());
    let visit = Visit { aqueduct: &aqueduct, server: &server, dir: &dir };
    let libraries = visit.put_libraries(report)?;
    visit.fetch_libraries(&libraries, report)?;
    let file = dir.join("file");
    Filler::new(8).write_file(&file, SIZE)?;
    let digest = agreement::openssl_sum(&file)?;
    visit.upload(&file, &digest, report)?;
    visit.download(&file, &digest, report)?;
    visit.carry(report)?;
    visit.remove(&digest, report)?;
    server.stop()?;
    fs::remove_dir_all(&dir)?;
    Ok(())
}

struct Visit<'a> {
    aqueduct: &'a Aqueduct,
    server: &'a Server,
    dir: &'a Path,
}

/// The digest of each library.
type Libraries = BTreeMap<PathBuf, String>;

impl Visit<'_> {
    fn put_libraries(&self, report: &mut Report) -> Result<Libraries> {
        let lines = self.put_by_glob()?;
        let libraries = parse_lines(&lines).context("put printed lines of unknown shape")?;
        ensure!(libraries.len() >= LIBRARY_COUNT_MIN, "only {} libraries", libraries.len());
        let paths: Vec<PathBuf> = libraries.keys().cloned().collect();
        let sums = agreement::sha256sums(&paths)?;
        for (path, digest) in &libraries {
            ensure!(
                sums.get(path) == Some(digest),
                "{}: {:?}, and not {digest}",
                path.display(),
                sums.get(path)
            );
        }
        report.ok(&format!("put {GLOB}: sha256sum gives all {} files the same names", libraries.len()));
        ensure!(self.put_by_glob()? == lines, "put again prints other lines");
        let blobs = self.aqueduct.list()?;
        let listed: BTreeSet<&str> = blobs.iter().map(|blob| blob.digest.as_str()).collect();
        ensure!(listed == libraries.values().map(String::as_str).collect(), "ls lists others");
        report.ok(&format!("put again prints the same; ls lists their {} blobs", listed.len()));
        let answer = self.aqueduct.call("has", &listed)?.success().context("has")?;
        ensure!(answer.stdout.lines().count() == listed.len(), "has: {}", answer.stdout);
        ensure!(!self.aqueduct.has(ABSENT)?, "has knows what was never put");
        report.ok(&format!("has knows all {}, and not another", listed.len()));
        Ok(libraries)
    }

    /// As typed: the shell fills in the names.
    fn put_by_glob(&self) -> Result<String> {
        let line = format!(r#"exec "$0" put {GLOB}"#);
        let mut command = Command::new("bash");
        command
            .args(["-c", &line])
            .arg(self.aqueduct.program())
            .env("AQUEDUCT_SERVER", self.server.address());
        Ok(process::run(&mut command).context("put")?.stdout)
    }

    fn fetch_libraries(&self, libraries: &Libraries, report: &mut Report) -> Result<()> {
        let out = self.dir.join("out");
        fs::create_dir(&out)?;
        let out_text = out.to_str().context("the target directory's path is not UTF-8")?;
        let digests: BTreeSet<&str> = libraries.values().map(String::as_str).collect();
        self.aqueduct
            .call("get", ["--output", out_text].into_iter().chain(digests))?
            .success()
            .context("get")?;
        for (path, digest) in libraries {
            agreement::same_bytes(path, &out.join(digest.replace(':', "-")))?;
        }
        report.ok(&format!("cmp finds no difference between {} files and what get wrote", libraries.len()));

        let (path, digest) = libraries.first_key_value().context("there are some")?;
        self.fetch_to_stdout(digest, &out.join("whole"))?;
        agreement::same_bytes(path, &out.join("whole"))?;
        self.fetch_to_stdout(&format!("{digest}/1-4"), &out.join("part"))?;
        ensure!(fs::read(out.join("part"))? == fs::read(path)?[1..5], "get of a range");
        report.ok("get writes a blob, and a range of one, to standard output");
        Ok(())
    }

    fn fetch_to_stdout(&self, wanted: &str, target: &Path) -> Result<()> {
        let mut command = Command::new(self.aqueduct.program());
        command.args(["get", wanted, "--server", self.server.address()]);
        let status = command.stdin(Stdio::null()).stdout(File::create(target)?).status()?;
        ensure!(status.success(), "get {wanted}: {status}");
        Ok(())
    }

    fn upload(&self, file: &Path, digest: &str, report: &mut Report) -> Result<()> {
        let url = self.server.blob(digest);
        ensure!(curl::put(file, &url)? == 201, "a new blob is created");
        ensure!(curl::put(file, &url)? == 200, "one that is there is not");
        let blob = self.aqueduct.path_of(digest)?;
        ensure!(agreement::openssl_sum(&blob)? == digest, "{}", blob.display());
        agreement::same_bytes(file, &blob)?;
        report.ok(&format!("curl -T of {SIZE} bytes: 201, again: 200; openssl and cmp agree"));
        Ok(())
    }

    fn download(&self, file: &Path, digest: &str, report: &mut Report) -> Result<()> {
        let url = self.server.blob(digest);
        let place = self.place("curl-oj")?;
        process::run(curl().args(["-O", "-J", &url]).current_dir(&place))?;
        let name = only_file(&place)?;
        agreement::same_bytes(file, &name)?;
        report.ok(&format!("curl -OJ writes {}, and cmp agrees", name.strip_prefix(&place)?.display()));

        let place = self.place("curl-c")?;
        let part = self.leave_part(file, &place, "out")?;
        let said = process::run(
            curl()
                .args(["-C", "-", "--write-out", "%{size_download}", "-o", "out", &url])
                .current_dir(&place),
        )?;
        ensure!(said.stdout.parse() == Ok(SIZE - PART_LEN), "curl -C - fetched {} bytes", said.stdout);
        agreement::same_bytes(file, &part)?;
        report.ok("curl -C - fetches what is missing and no more, and cmp agrees");

        let place = self.place("wget-c")?;
        let part = self.leave_part(file, &place, digest)?;
        process::run(Command::new("wget").args(["-q", "--no-proxy", "-c", &url]).current_dir(&place))?;
        agreement::same_bytes(file, &part)?;
        ensure!(only_file(&place)? == part, "wget -c began another file");
        report.ok("wget -c fetches the rest, and cmp agrees");

        let place = self.place("aria2c")?;
        let mut aria2c = Command::new("aria2c");
        aria2c
            .args(["-q", "--no-conf", "-x4", "-s4", "-k1M", "-o", "out", &url])
            .env("no_proxy", "127.0.0.1");
        process::run(aria2c.current_dir(&place))?;
        agreement::same_bytes(file, &place.join("out"))?;
        report.ok("aria2c -x4 fetches four ranges at once, and cmp agrees");
        Ok(())
    }

    /// The kernel moves the bytes at our client's end, too.
    fn carry(&self, report: &mut Report) -> Result<()> {
        let (file, copy) = (self.dir.join("carried"), self.dir.join("carried-copy"));
        Filler::new(12).write_file(&file, SIZE)?;
        let json = self.aqueduct.call("put", [&file])?.success().context("put")?.json()?;
        let sent = json["carried"].to_string();
        ensure!(json["carried"]["sendfile"] == SIZE, "put: carried by {sent}");
        let digest = json["files"][0]["digest"].as_str().context("put: no digest")?;
        let copy_text = copy.to_str().context("the target directory's path is not UTF-8")?;
        let json =
            self.aqueduct.call("get", [digest, "--output", copy_text])?.success().context("get")?.json()?;
        let carried = &json["files"][0]["carried"];
        let spliced = carried["splice"].as_u64().unwrap_or(0);
        ensure!(SIZE.saturating_sub(spliced) <= READ_WITH_HEAD_MAX, "get: carried by {carried}");
        agreement::same_bytes(&file, &copy)?;
        report
            .ok(&format!("put sends {SIZE} bytes by {sent}, get receives them by {carried}, and cmp agrees"));
        Ok(())
    }

    fn remove(&self, digest: &str, report: &mut Report) -> Result<()> {
        let blobs = self.aqueduct.list()?;
        self.aqueduct.remove(blobs.iter().map(|blob| blob.digest.as_str())).context("rm")?;
        ensure!(self.aqueduct.call("ls", NONE)?.success()?.stdout.is_empty(), "rm left blobs");
        ensure!(!self.aqueduct.has(digest)?, "has knows what was removed");
        let again = self.aqueduct.call("rm", [digest])?;
        ensure!(again.code == 3, "rm of what is not there: exit code {}\n{}", again.code, again.stderr);
        report.ok(&format!("rm removes all {}: ls is empty, has says no", blobs.len()));
        Ok(())
    }

    fn place(&self, name: &str) -> Result<PathBuf> {
        let place = self.dir.join(name);
        fs::create_dir(&place)?;
        Ok(place)
    }

    /// Leaves the beginning of a file, as a download that was broken off does.
    fn leave_part(&self, file: &Path, place: &Path, name: &str) -> Result<PathBuf> {
        let part = place.join(name);
        let mut head = Command::new("head");
        head.args(["--bytes", &PART_LEN.to_string()]).arg(file).stdin(Stdio::null());
        let status = head.stdout(File::create(&part)?).current_dir(self.dir).status()?;
        ensure!(status.success(), "head: {status}");
        Ok(part)
    }
}

/// The one file in a directory.
fn only_file(dir: &Path) -> Result<PathBuf> {
    let mut entries = fs::read_dir(dir)?;
    let (first, second) = (entries.next(), entries.next());
    ensure!(second.is_none(), "{} has more than one file", dir.display());
    Ok(first.with_context(|| format!("{} is empty", dir.display()))??.path())
}

/// Reads `sha256:<64 hex digits>  <path>`, a line a file.
fn parse_lines(text: &str) -> Option<Libraries> {
    let parse = |line: &str| line.split_once("  ").map(|(digest, path)| (path.into(), digest.to_owned()));
    text.lines().map(parse).collect()
}

const GLOB: &str = "/usr/lib/*-linux-gnu/*.so*";

/// A system that has a shell and a C compiler has many more.
const LIBRARY_COUNT_MIN: usize = 20;

/// The digest of no bytes at all, which no library has.
const ABSENT: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Not a whole number of anything, and large enough for four connections.
const SIZE: u64 = (96 << 20) + 12_345;

/// What comes in one read with the head of the answer.
const READ_WITH_HEAD_MAX: u64 = 64 << 10;

const PART_LEN: u64 = (33 << 20) + 1;
