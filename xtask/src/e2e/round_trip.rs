//! Everything in, looked at, everything out, and everything gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::aqueduct::{Answer, Aqueduct, NONE};
use super::corpus::{Corpus, SPARSE_EDGE_LEN};
use super::{Ground, Report, agreement, kills};

pub(super) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("files in, files out");
    let Ground { program, dir } = *ground;
    let aqueduct = &Aqueduct::new(program, &dir.join("store"));
    let source = dir.join("source");
    let corpus = Corpus::make(&source)?;
    println!("    {} files: {} libraries", corpus.files.len(), corpus.library_count);
    let out = dir.join("out");
    fs::create_dir(&out)?;
    let trip = Trip { aqueduct, corpus: &corpus, out: &out };
    let names = trip.put(report)?;
    trip.look(&names, report)?;
    trip.get(&names, report)?;
    trip.remove(report)?;
    fs::remove_dir_all(&out)?;
    fs::remove_dir_all(aqueduct.store())?;
    fs::remove_dir_all(source)?;
    Ok(())
}

struct Trip<'a> {
    aqueduct: &'a Aqueduct,
    corpus: &'a Corpus,
    out: &'a Path,
}

/// The digest that `put` printed for each path.
type Names = BTreeMap<PathBuf, String>;

impl Trip<'_> {
    fn put(&self, report: &mut Report) -> Result<Names> {
        let answer = self.aqueduct.call("put", [&self.corpus.dir])?.success().context("put")?;
        let json = answer.json()?;
        let names = parse_names(&json).context("put: an answer of unknown shape")?;
        ensure!(
            names.len() == self.corpus.files.len(),
            "put: {} files of {}",
            names.len(),
            self.corpus.files.len()
        );
        report.ok(&format!("put named {} files; carried by {}", names.len(), json["carried"]));
        bounded("put", &answer, report)?;

        let sums = agreement::sha256sums(&self.corpus.files)?;
        for (path, sum) in &sums {
            ensure!(names.get(path) == Some(sum), "{}: {:?}, and not {sum}", path.display(), names.get(path));
        }
        report.ok(&format!("sha256sum gives {} files the names that put gave them", sums.len()));
        Ok(names)
    }

    fn look(&self, names: &Names, report: &mut Report) -> Result<()> {
        let digests: BTreeSet<&String> = names.values().collect();
        let blobs = digests.iter().map(|digest| self.aqueduct.path_of(digest)).collect::<Result<Vec<_>>>()?;
        let sums = agreement::sha256sums(&blobs)?;
        for (digest, blob) in digests.iter().zip(&blobs) {
            ensure!(sums.get(blob) == Some(*digest), "{} is {:?}", blob.display(), sums.get(blob));
        }
        report.ok(&format!("sha256sum gives {} blobs the names of their files in the store", blobs.len()));

        let listed = self.aqueduct.list()?;
        let listed_digests: Vec<&String> = listed.iter().map(|blob| &blob.digest).collect();
        ensure!(listed_digests.iter().eq(&digests), "ls: {} blobs of {}", listed.len(), digests.len());
        let sizes: u64 = blobs.iter().map(|blob| Ok(fs::metadata(blob)?.len())).sum::<Result<u64>>()?;
        ensure!(
            listed.iter().map(|blob| blob.size).sum::<u64>() == sizes,
            "ls: sizes differ from the files'"
        );
        report.ok(&format!("ls lists these {} blobs, {sizes} bytes, in order", listed.len()));

        let answer = self.aqueduct.call("has", &digests)?.success().context("has")?;
        ensure!(answer.stdout.lines().count() == digests.len(), "has: {}", answer.stdout);
        report.ok(&format!("has knows all {}", digests.len()));

        let answer = self.aqueduct.call("verify", NONE)?.success().context("verify")?;
        let json = answer.json()?;
        ensure!(
            json["count"] == digests.len() && json["damaged"] == Value::Array(Vec::new()),
            "verify: {json}"
        );
        report.ok(&format!("verify finds all {} intact", digests.len()));
        bounded("verify", &answer, report)
    }

    fn get(&self, names: &Names, report: &mut Report) -> Result<()> {
        let digests: BTreeSet<&str> = names.values().map(String::as_str).collect();
        let out = self.out.to_str().context("the target directory's path is not UTF-8")?;
        let arguments = ["--output", out].into_iter().chain(digests);
        let answer = self.aqueduct.call("get", arguments)?.success().context("get")?;
        bounded("get", &answer, report)?;
        for (path, digest) in names {
            agreement::same_bytes(path, &self.out.join(digest.replace(':', "-")))?;
        }
        report.ok(&format!("cmp finds no difference between {} files and what get wrote", names.len()));

        let sparse = &names[&self.corpus.sparse];
        for copy in [self.aqueduct.path_of(sparse)?, self.out.join(sparse.replace(':', "-"))] {
            let taken = fs::metadata(&copy)?.blocks() * 512;
            ensure!(taken <= SPARSE_TAKEN_MAX, "{} takes {taken} bytes", copy.display());
        }
        report.ok("the sparse file's hole is a hole in the store, and in what get wrote");
        Ok(())
    }

    fn remove(&self, report: &mut Report) -> Result<()> {
        let listed = self.aqueduct.list()?;
        self.aqueduct.remove(listed.iter().map(|blob| blob.digest.as_str())).context("rm")?;
        ensure!(self.aqueduct.list()?.is_empty(), "rm left blobs");
        let left = kills::files_in(self.aqueduct.store())?;
        let blobs = left.iter().filter(|path| path.starts_with("blobs") || path.starts_with("checkpoints"));
        ensure!(blobs.clone().count() == 0, "rm left {:?}", blobs.collect::<Vec<_>>());
        report
            .ok(&format!("rm removed all {}: ls is empty, and so are the store's directories", listed.len()));
        Ok(())
    }
}

/// Insists that memory does not grow with what is moved.
fn bounded(command: &str, answer: &Answer, report: &mut Report) -> Result<()> {
    let kib = answer.memory_kib;
    ensure!(kib <= MEMORY_KIB_MAX, "{command}: {kib} KiB resident, and {MEMORY_KIB_MAX} are allowed");
    report.ok(&format!("{command} had at most {} MiB resident", kib >> 10));
    Ok(())
}

fn parse_names(answer: &Value) -> Option<Names> {
    let parse =
        |file: &Value| Some((PathBuf::from(file["path"].as_str()?), file["digest"].as_str()?.to_owned()));
    answer["files"].as_array()?.iter().map(parse).collect()
}

/// A twentieth of the large file.
const MEMORY_KIB_MAX: u64 = 256 << 10;

/// Both edges, in whole blocks, and what describes them.
const SPARSE_TAKEN_MAX: u64 = 2 * SPARSE_EDGE_LEN + (1 << 20);
