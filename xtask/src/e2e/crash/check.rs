//! A server that was started after a crash, held against what was promised before.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::breach::Breach;
use super::contents::Content;
use super::history::Known;
use super::http::{Body, Http};
use super::load::{Load, Trouble};
use super::pieces::{self, SEGMENT_LEN, TUS};
use crate::e2e::aqueduct::Aqueduct;
use crate::e2e::kills::files_in;

/// What is there after a crash.
pub(super) struct Found {
    /// Whether it is there, of each content.
    pub(super) is_there: Vec<bool>,
    digests: BTreeSet<String>,
}

impl Found {
    pub(super) fn count(&self) -> u64 {
        self.digests.len() as u64
    }
}

/// Nothing wrong is served, listed or said to be there, and, where `at` says up to which moment promises count, nothing
/// promised is missing and nothing removed is back.
pub(super) fn blobs(load: &Load<'_>, host: &str, at: Option<u64>) -> Result<Found> {
    let mut http = Http::new(host);
    // Before anything is asked for, and so hashed if it is in doubt.
    let listed = list(&mut http)?;
    let missing = missing(&mut http, load.contents)?;
    let (mut is_there, mut digests) = (Vec::new(), BTreeSet::new());
    for (content, history) in load.contents.iter().zip(&load.histories) {
        let Content { digest, bytes, .. } = content;
        let told = |what: &str| format!("{digest} of {} bytes {what}", bytes.len());
        let reply = http
            .ask("GET", &format!("/blobs/{digest}"), &[], Body::Nothing)
            .with_context(|| told("breaks off"))?;
        let served = match reply.status {
            200 => true,
            404 => false,
            status => bail!(told(&format!("is answered {status}: {}", String::from_utf8_lossy(&reply.body)))),
        };
        ensure!(!served || reply.body == *bytes, Breach(told("is served with wrong bytes")));
        ensure!(
            served != missing.contains(digest),
            Breach(told("is said to be there, or not to be, against the evidence"))
        );
        if let Some(at) = at {
            let known = history.known(at);
            ensure!(served || known != Known::Present, Breach(told("was promised and is gone")));
            ensure!(!served || known != Known::Absent, Breach(told("was never there, or removed for good")));
        }
        is_there.push(served);
        if served {
            digests.insert(digest.clone());
        }
    }
    let told = || {
        let apart: Vec<_> = listed.symmetric_difference(&digests).collect();
        let (listed, served) = (listed.len(), digests.len());
        format!("the list has {listed} blobs, and {served} are served; one without the other are {apart:?}")
    };
    ensure!(listed == digests, Breach(told()));
    Ok(Found { is_there, digests })
}

/// Every upload that was begun at a moment can be gone on with, and becomes the right blob. Of what was told of it up to
/// then no more than `unmarked_max` bytes and the rest of a segment are lost, if it is there at all: a beginning is not
/// promised to last. Answers how many became blobs.
pub(super) fn uploads(load: &Load<'_>, host: &str, at: u64, unmarked_max: Option<u64>) -> Result<u64> {
    let mut http = Http::new(host);
    let mut count = 0;
    for sent in load.pieces.sent().into_iter().filter(|sent| sent.begun <= at) {
        let content = &load.contents[sent.index];
        let told: u64 =
            sent.told.iter().filter(|(when, _)| *when <= at).map(|(_, offset)| *offset).max().unwrap_or(0);
        let whole = told / SEGMENT_LEN * SEGMENT_LEN;
        let promised = unmarked_max.map_or(0, |max| whole.saturating_sub(max));
        // Of what became a blob nothing is promised: that may be removed again.
        let promised = if sent.over.is_some_and(|over| over <= at) { 0 } else { promised };
        let reply = http.ask("HEAD", &sent.target, &[TUS], Body::Nothing)?;
        match reply.status {
            404 => {
                let told = || format!("an upload is gone of which {promised} bytes were promised");
                ensure!(promised == 0, Breach(told()));
            }
            // It was about to become one.
            200 if reply.field("location").is_some() => {}
            200 => {
                let offset = pieces::offset(&reply)?;
                let told = || format!("of an upload {promised} bytes were promised, and there are {offset}");
                ensure!(offset >= promised, Breach(told()));
                let start = usize::try_from(offset)?;
                ensure!(
                    start <= content.bytes.len(),
                    Breach("an upload has more bytes than its blob".into())
                );
                finish(&mut http, &sent.target, content, start)?;
                count += 1;
            }
            status => bail!("an upload is answered {status}"),
        }
    }
    Ok(count)
}

fn finish(http: &mut Http, target: &str, content: &Content, start: usize) -> Result<()> {
    let sent = pieces::patch(http, target, start as u64, &content.bytes[start..]);
    let reply = match sent {
        Ok(reply) => reply,
        Err(Trouble::Broken(error) | Trouble::Wrong(error)) => {
            return Err(error.context("an upload cannot be gone on with"));
        }
    };
    let blob = format!("/blobs/{}", content.digest);
    let location = reply.field("location");
    ensure!(location == Some(&blob), Breach(format!("an upload became {location:?}")));
    let reply = http.ask("GET", &blob, &[], Body::Nothing)?;
    ensure!([200, 404].contains(&reply.status), "what an upload became is answered {}", reply.status);
    let is_right = reply.status == 200 && reply.body == content.bytes;
    ensure!(is_right, Breach("an upload became a blob of wrong bytes".into()));
    Ok(())
}

/// In the store's directory there are the blobs, what belongs to them, and uploads: nothing else.
pub(super) fn tree(store: &Aqueduct, found: &Found, upload_count_max: usize) -> Result<()> {
    let root = store.store();
    for name in names(root)? {
        ensure!(TOP.contains(&name.as_str()), "a stray {name} in the store");
    }
    let paths = found.digests.iter().map(|digest| store.path_of(digest)).collect::<Result<BTreeSet<_>>>()?;
    let there: BTreeSet<_> =
        files_in(&root.join("blobs"))?.into_iter().map(|path| root.join("blobs").join(path)).collect();
    let stray = there.symmetric_difference(&paths).collect::<Vec<_>>();
    ensure!(stray.is_empty(), Breach(format!("stray blobs: {stray:?}")));
    let quarantined = files_in(&root.join("quarantine"))?;
    // Somebody asked for it, or put it, before it was looked for here.
    ensure!(quarantined.is_empty(), Breach(format!("in quarantine: {quarantined:?}")));
    let uploads: BTreeSet<String> =
        names(&root.join("uploads"))?.into_iter().map(|name| name.replace(".journal", "")).collect();
    ensure!(
        uploads.len() <= upload_count_max,
        "{} uploads, and {upload_count_max} were begun",
        uploads.len()
    );
    match uploads.iter().find(|id| id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        Some(stray) => bail!("a stray {stray} in uploads"),
        None => Ok(()),
    }
}

fn names(dir: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(dir).with_context(|| dir.display().to_string())?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn list(http: &mut Http) -> Result<BTreeSet<String>> {
    let reply = http.ask("GET", "/blobs?limit=10000", &[], Body::Nothing)?;
    ensure!(reply.status == 200, "list: {}", reply.status);
    digests(&serde_json::from_slice::<Value>(&reply.body)?["blobs"], |blob| blob["digest"].as_str())
}

fn missing(http: &mut Http, contents: &[Content]) -> Result<BTreeSet<String>> {
    let digests_asked: Vec<&str> = contents.iter().map(|content| content.digest.as_str()).collect();
    let question = serde_json::json!({ "digests": digests_asked }).to_string();
    let reply = http.ask("POST", "/blobs/missing", &[], Body::Whole(question.as_bytes()))?;
    ensure!(reply.status == 200, "missing: {}", reply.status);
    digests(&serde_json::from_slice::<Value>(&reply.body)?["missing"], Value::as_str)
}

fn digests(array: &Value, digest: impl Fn(&Value) -> Option<&str>) -> Result<BTreeSet<String>> {
    let array = array.as_array().context("an answer of unknown shape")?;
    array.iter().map(|item| Ok(digest(item).context("an answer of unknown shape")?.to_owned())).collect()
}

/// By docs/store-format.md.
const TOP: &[&str] = &[
    "aqueduct-store",
    "lock",
    "blobs",
    "checkpoints",
    "uploads",
    "quarantine",
    "index.redb",
    "meta.redb",
    "calibration",
];
