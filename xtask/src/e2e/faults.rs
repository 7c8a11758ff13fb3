//! A server whose calls fail: what its peers are told, what it writes down and counts, and that its store is whole afterwards.

mod inject;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::aqueduct::{Aqueduct, NONE};
use super::kills::files_in;
use super::{Ground, Report, agreement};
use crate::filler::{Filler, write_text};
use crate::process;
use crate::server::{Descriptors, Server};
use inject::Injection;
use table::{Ask, Row, Seen, TABLE};

pub(super) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("a server whose calls fail");
    let dir = ground.dir.join("faults");
    fs::create_dir(&dir)?;
    let store = dir.join("store");
    Server::start(ground.program, &store)?.stop()?;
    let clean = files_in(&store)?;
    let mut faults = Faults {
        program: ground.program,
        small: Source::make(&dir.join("small"), SMALL_SIZE, 31)?,
        large: Source::make(&dir.join("large"), LARGE_SIZE, 32)?,
        dir: &dir,
        store: &store,
        clean,
        server: None,
    };
    let mut failed_count = 0;
    for row in TABLE {
        match faults.check(row) {
            Ok(said) => report.ok(&format!("{:?}, {}: {said}", row.ask, row.inject)),
            Err(error) => {
                failed_count += 1;
                eprintln!("no  {:?}, {}: {error:#}", row.ask, row.inject);
                // The next row begins with a store of its own.
                faults.server = None;
                fs::remove_dir_all(&store)?;
            }
        }
    }
    ensure!(failed_count == 0, "{failed_count} of {} rows are otherwise than the table says", TABLE.len());
    faults.stop()?;
    fs::remove_dir_all(&dir)?;
    Ok(())
}

struct Faults<'a> {
    program: &'a Path,
    dir: &'a Path,
    store: &'a Path,
    /// The files of a store without blobs.
    clean: BTreeSet<PathBuf>,
    small: Source,
    large: Source,
    server: Option<Server>,
}

/// A file, and the name of the blob that it is.
struct Source {
    path: PathBuf,
    size: u64,
    digest: String,
}

impl Source {
    fn make(path: &Path, size: u64, seed: u64) -> Result<Self> {
        Filler::new(seed).write_file(path, size)?;
        Ok(Self { path: path.to_owned(), size, digest: agreement::openssl_sum(path)? })
    }
}

impl Faults<'_> {
    /// Has a row happen, and looks at all that it should have come to.
    fn check(&mut self, row: &Row) -> Result<String> {
        let program = self.program;
        let server = match self.server.take() {
            // What waits to be synced is synced by a server without sync alone.
            Some(server) if row.ask != Ask::Settle => server,
            running => {
                running.map_or(Ok(()), Server::stop)?;
                let sync = if row.ask == Ask::Settle { "none" } else { "full" };
                Server::start_by(Command::new(program), self.store, &["--sync", sync])?
            }
        };
        let server = self.prepare(row.ask, server)?;
        let (counted, log) = (self.counts(&server)?, fs::metadata(server.log_path())?.len());
        // Asked how much it holds, as by its metrics, a server opens what stays open from then on.
        let descriptors = server.descriptors()?;
        if row.ask == Ask::EndUpload {
            self.begin_upload(&server)?;
        }
        let told = self.dir.join("strace");
        let injection = Injection::begin(server.pid(), row.inject, &told)?;
        let answer = self.ask(row.ask, &server);
        let failed = injection.end(&told)?;
        ensure!(failed > 0, "no call was made to fail");
        let answer = answer?;
        self.insist_on(row, &answer)?;
        let log = fs::read_to_string(server.log_path())?.split_off(usize::try_from(log)?);
        insist_on_words(row, &log)?;
        let now = self.counts(&server)?;
        for (kind, before) in &counted {
            let after = now.iter().find(|(name, _)| name == kind).context("a kind of fault is gone")?.1;
            let expected = row.counted == Some(kind);
            ensure!((after > *before) == expected, "{kind} was counted {before} times, and is {after} now");
        }
        let server = self.recover(row, server)?;
        self.insist_on_wholeness(&server)?;
        if !row.read_only && row.ask != Ask::Settle {
            insist_on_rest(&server, &descriptors)?;
        }
        self.server = Some(server);
        Ok(match row.seen {
            Seen::Answer(code, "") => format!("exit code {code}"),
            Seen::Answer(status, name) => format!("{status} {name}"),
            Seen::Nothing => "nothing is seen of it".to_owned(),
            Seen::BrokenOff => "it breaks off".to_owned(),
        })
    }

    /// Brings about what is asked of, and a session that has changed something.
    fn prepare(&self, ask: Ask, server: Server) -> Result<Server> {
        let server = match ask {
            Ask::GetSmall | Ask::GetLarge => {
                for source in [&self.small, &self.large] {
                    ensure!(put(source, &server)?.code == 201, "a new blob is created");
                }
                // One that has never opened it.
                server.stop()?;
                Server::start(self.program, self.store)?
            }
            Ask::Remove => {
                ensure!(put(&self.large, &server)?.code == 201, "a new blob is created");
                server
            }
            _ => server,
        };
        // So that the session is on record.
        let probe = self.dir.join("probe");
        write_text(&probe, "so that the session is on record")?;
        let probe = Source { size: 32, digest: agreement::openssl_sum(&probe)?, path: probe };
        ensure!(put(&probe, &server)?.code == 201, "a new blob is created");
        self.aqueduct(&server).remove([&probe.digest])?;
        Ok(server)
    }

    fn ask(&self, ask: Ask, server: &Server) -> Result<Answer> {
        match ask {
            Ask::PutSmall => put(&self.small, server),
            Ask::PutLarge => put(&self.large, server),
            Ask::GetSmall => self.get(&self.small, server),
            Ask::GetLarge => self.get(&self.large, server),
            Ask::Remove => curl(&["--request", "DELETE", &server.blob(&self.large.digest)]),
            Ask::BeginUpload => self.begin_upload(server),
            Ask::EndUpload => self.end_upload(server),
            Ask::NativePut => self.native_put(&self.large, server),
            Ask::NativePutSmall => self.native_put(&self.small, server),
            Ask::Settle => self.wait_until_read_only(server),
        }
    }

    fn native_put(&self, source: &Source, server: &Server) -> Result<Answer> {
        let path = source.path.to_str().context("a path of ours is text")?;
        let ended = self.aqueduct(server).call("put", ["--retry", "0", path])?;
        let code = match ended.code {
            0 => 200,
            code => u32::try_from(code)?,
        };
        Ok(Answer { code, body: ended.stderr, is_whole: true })
    }

    fn get(&self, source: &Source, server: &Server) -> Result<Answer> {
        let got = self.dir.join("got");
        if got.exists() {
            fs::remove_file(&got)?;
        }
        let mut answer = curl(&["--output", &got.to_string_lossy(), &server.blob(&source.digest)])?;
        let bytes = fs::read(&got).unwrap_or_default();
        if answer.code == 200 {
            let right = fs::read(&source.path)?;
            answer.is_whole &= bytes.len() == right.len();
            ensure!(right.starts_with(&bytes), "other bytes than those of the blob");
        } else {
            answer.body = String::from_utf8_lossy(&bytes).into_owned();
        }
        Ok(answer)
    }

    /// Answers the status, and where the upload is.
    fn begin_upload(&self, server: &Server) -> Result<Answer> {
        let length = format!("Upload-Length: {}", self.large.size);
        let place = self.dir.join("place");
        let answer = curl(&[
            "--header",
            TUS,
            "--header",
            &length,
            "--request",
            "POST",
            "--dump-header",
            &place.to_string_lossy(),
            &format!("{}/uploads", server.address()),
        ])?;
        Ok(answer)
    }

    fn end_upload(&self, server: &Server) -> Result<Answer> {
        let head = fs::read_to_string(self.dir.join("place"))?;
        let place = head.lines().find_map(|line| line.strip_prefix("Location: ")).context("no Location")?;
        let url = format!("{}{}", server.address(), place.trim());
        let octets = "Content-Type: application/offset+octet-stream";
        let body = format!("@{}", self.large.path.display());
        curl(&[
            "--header",
            TUS,
            "--header",
            octets,
            "--header",
            "Upload-Offset: 0",
            "--request",
            "PATCH",
            "--data-binary",
            &body,
            &url,
        ])
    }

    /// A server without sync syncs everything every few seconds.
    fn wait_until_read_only(&self, server: &Server) -> Result<Answer> {
        let began = Instant::now();
        let url = format!("{}/healthz", server.address());
        loop {
            let answer = curl(&[&url])?;
            if answer.code != 200 || began.elapsed() > SETTLE_MAX {
                return Ok(answer);
            }
        }
    }

    fn insist_on(&self, row: &Row, answer: &Answer) -> Result<()> {
        let Answer { code, body, is_whole } = answer;
        match row.seen {
            Seen::Answer(expected, name) => {
                ensure!(*code == expected && *is_whole, "answered {code}: {body}");
                ensure!(body.contains(name), "the problem is not {name}: {body}");
            }
            Seen::Nothing => ensure!((200..300).contains(code) && *is_whole, "answered {code}: {body}"),
            Seen::BrokenOff => ensure!(!is_whole, "answered {code}, whole"),
        }
        Ok(())
    }

    /// The same is asked again, by a server that is started anew where that is needed, and nothing is seen of the fault.
    fn recover(&self, row: &Row, server: Server) -> Result<Server> {
        let server = if row.read_only {
            let health = curl(&[&format!("{}/healthz", server.address())])?;
            ensure!(health.code == 503, "{} is answered by a store that takes no changes", health.code);
            let refused = put(&self.small, &server)?;
            ensure!(refused.code == 503, "{} is answered to a put then", refused.code);
            // It cannot be closed as if all were well.
            ensure!(server.stop().is_err(), "it ends as if nothing were wrong");
            Server::start(self.program, self.store)?
        } else {
            server
        };
        for source in [&self.small, &self.large] {
            let answer = put(source, &server)?;
            ensure!([200, 201].contains(&answer.code), "answered {}: {}", answer.code, answer.body);
            let answer = self.get(source, &server)?;
            ensure!(answer.code == 200 && answer.is_whole, "answered {}: {}", answer.code, answer.body);
        }
        Ok(server)
    }

    /// Nothing is left when all blobs and uploads are removed, and until then everything is right.
    fn insist_on_wholeness(&self, server: &Server) -> Result<()> {
        let aqueduct = self.aqueduct(server);
        let listed = aqueduct.list()?;
        for blob in &listed {
            let expected = agreement::openssl_sum(&aqueduct.path_of(&blob.digest)?)?;
            ensure!(expected == blob.digest, "{} holds {expected}", blob.digest);
        }
        aqueduct.remove(listed.iter().map(|blob| blob.digest.as_str()))?;
        let uploads = aqueduct.call("uploads", NONE)?.success()?.stdout;
        for line in uploads.lines() {
            let upload: serde_json::Value = serde_json::from_str(line)?;
            let id = upload["id"].as_str().with_context(|| format!("uploads: {line}"))?;
            aqueduct.call("drop", [id])?.success()?;
        }
        let files = files_in(self.store)?;
        let strays: Vec<_> = files.difference(&self.clean).collect();
        ensure!(strays.is_empty(), "stray files: {strays:?}");
        Ok(())
    }

    /// How often each kind of fault was counted.
    fn counts(&self, server: &Server) -> Result<Vec<(&'static str, u64)>> {
        let page = curl(&[&format!("{}/metrics", server.address())])?.body;
        let count = |kind: &&'static str| {
            let name = format!("aqueduct_faults_total{{kind=\"{kind}\"}} ");
            let value = page.lines().find_map(|line| line.strip_prefix(&name));
            let value = value.with_context(|| format!("no {name}in {page}"))?;
            Ok((*kind, value.parse()?))
        };
        KINDS.iter().map(count).collect()
    }

    fn stop(&mut self) -> Result<()> {
        self.server.take().map_or(Ok(()), Server::stop)?;
        Aqueduct::new(self.program, self.store).call("verify", NONE)?.success().context("verify")?;
        Ok(())
    }

    fn aqueduct(&self, server: &Server) -> Aqueduct {
        // Of uploads only the native protocol tells.
        Aqueduct::remote(self.program, self.store, &native(server))
    }
}

fn native(server: &Server) -> String {
    format!("aqueduct://{}", server.host())
}

/// What came of a question.
struct Answer {
    /// The status, or the exit code; 0 where there was none.
    code: u32,
    body: String,
    /// Whether all came that was announced.
    is_whole: bool,
}

fn put(source: &Source, server: &Server) -> Result<Answer> {
    let path = source.path.to_string_lossy();
    curl(&["--upload-file", &path, &server.blob(&source.digest)])
}

/// Calls curl(1), which need not succeed.
fn curl(arguments: &[&str]) -> Result<Answer> {
    let output = Command::new("curl")
        .args(["--silent", "--noproxy", "*", "--max-time", "60", "--write-out", "\n%{http_code}"])
        .args(arguments)
        .output()
        .context("curl")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let (body, status) = said.rsplit_once('\n').context("curl says no status")?;
    Ok(Answer { code: status.parse()?, body: body.to_owned(), is_whole: output.status.success() })
}

/// A fault of ours is written down, and no peer is blamed for it.
fn insist_on_words(row: &Row, log: &str) -> Result<()> {
    let is_loud = log.contains("ERROR") || log.contains("WARN");
    match row.counted {
        Some(_) => ensure!(is_loud, "the log says nothing: {log}"),
        None if row.seen == Seen::Nothing => ensure!(!is_loud, "the log says: {log}"),
        None => {}
    }
    if log.contains("panicked") {
        bail!("a thread panicked: {log}");
    }
    Ok(())
}

/// Asks until the server has nothing open beyond what it had before.
fn insist_on_rest(server: &Server, before: &Descriptors) -> Result<()> {
    let began = Instant::now();
    loop {
        let now = server.descriptors()?;
        let count = now.count_beyond(before);
        if count == 0 {
            return Ok(());
        }
        ensure!(
            began.elapsed() < REST_MAX,
            "{count} descriptors more than before: {now:?}, and {before:?} before"
        );
        process::run(Command::new("sleep").arg("0.05"))?;
    }
}

const KINDS: [&str; 6] = ["no_space", "quota", "descriptors", "memory", "read_only", "io"];

const TUS: &str = "Tus-Resumable: 1.0.0";

const SMALL_SIZE: u64 = 20_000;

/// Of two segments, so that it has checkpoints.
const LARGE_SIZE: u64 = (4 << 20) + 300_001;

/// A server without sync syncs every five seconds.
const SETTLE_MAX: Duration = Duration::from_secs(30);

/// Far less than any deadline of the server.
const REST_MAX: Duration = Duration::from_secs(10);
