//! Several clients at once, on one store: what they have in common is there once.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::bazel::Bazel;
use super::client::Client;
use super::door::{Door, Key, WRITER};
use super::moon::Moon;
use super::page::Page;
use crate::e2e::served::curl;
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::tools::BuildClients;

pub(super) fn run(
    ground: &Ground<'_>,
    page: &Page,
    clients: &BuildClients,
    report: &mut Report,
) -> Result<()> {
    let dir = ground.dir.join("cache").join("shared");
    fs::create_dir_all(&dir)?;
    builds(
        &Door::make(ground.program, &dir.join("builds"), &page.server_flags()?)?,
        &dir,
        page,
        clients,
        report,
    )?;
    dialects(&Door::make(ground.program, &dir.join("dialects"), &page.server_flags()?)?, &dir, report)?;
    fs::remove_dir_all(&dir)?;
    Ok(())
}

/// Two build systems have a result in common, and each of them much of its own.
fn builds(
    door: &Door<'_>,
    dir: &Path,
    page: &Page,
    clients: &BuildClients,
    report: &mut Report,
) -> Result<()> {
    let (bazel, moon) = (Bazel::new(page, clients)?, Moon::new(page, clients)?);
    let server = door.open()?;
    let build = |client: &dyn Client, name: &str| {
        let dir = dir.join(name);
        fs::create_dir(&dir)?;
        let key = Key { host: server.host().to_owned(), token: WRITER };
        client.build(&dir, &key).with_context(|| client.name())
    };
    let common = build(&bazel, "bazel-1")?.outputs.remove(Path::new("few.txt")).context("Bazel makes it")?;
    let of_bazel = door.blobs()?.len();
    let of_moon = build(&moon, "moon-1")?.outputs.remove(Path::new("few.txt")).context("moon makes it")?;
    ensure!(of_moon == common, "Bazel and moon make other bytes of the same name");
    let count = copies(door, &common)?;
    ensure!(count == 1, "what both made is there {count} times");
    let of_both = door.blobs()?.len();
    for (client, name) in [(&bazel as &dyn Client, "bazel-2"), (&moon, "moon-2")] {
        let hit_count = build(client, name)?.hit_count;
        ensure!(hit_count == client.hit_count(), "{}: {hit_count} hits", client.name());
    }
    ensure!(door.blobs()?.len() == of_both, "a build that was served stored something");
    server.stop()?;
    report.ok(&format!(
        "Bazel puts {of_bazel} blobs, moon {} more; what both made is there once, and both are served",
        of_both - of_bazel
    ));
    Ok(())
}

/// How many blobs have these bytes.
fn copies(door: &Door<'_>, bytes: &[u8]) -> Result<usize> {
    let mut count = 0;
    for path in door.blobs()? {
        count += usize::from(fs::read(path)? == bytes);
    }
    Ok(count)
}

/// The same bytes, under a key of each dialect.
fn dialects(door: &Door<'_>, dir: &Path, report: &mut Report) -> Result<()> {
    let file = dir.join("file");
    Filler::new(90).write_file(&file, SIZE)?;
    let digest = agreement::openssl_sum(&file)?;
    let own = [format!("/blobs/{digest}"), format!("/main/{}", digest.replace("sha256:", "cas/"))];
    let server = door.open()?;
    let targets: Vec<String> = KEYS.iter().map(|&key| key.to_owned()).chain(own).collect();
    let url = |target: &str| format!("http://user:{WRITER}@{}{target}", server.host());
    for target in &targets {
        let status = curl::put(&file, &url(target))?;
        ensure!(matches!(status, 200..=204), "PUT {target}: {status}");
        ensure!(door.blobs()?.len() == 1, "after PUT {target} there are {:?}", door.blobs()?);
    }
    server.stop()?;
    let server = door.open()?;
    let url = |target: &str| format!("http://user:{WRITER}@{}{target}", server.host());
    for target in &targets {
        curl::same_as(&url(target), &file).with_context(|| format!("GET {target}"))?;
    }
    server.stop()?;
    report.ok(&format!("{SIZE} bytes put under {} names of as many dialects are one blob", targets.len()));
    Ok(())
}

/// A name in each dialect that has keys, by docs/doors/build-cache.md.
const KEYS: [&str; 6] = [
    "/main/d14a78ues3nhcev8jkk1oohv3d5ikhlqu",
    "/main/1e/8a6dcd4ec6ab969ffa8f5fc2e2bf961383e4b7",
    "/main/3/b/5/3b5d85e5c1e828530d70e20b55db80a1fb2ef2699b80f41e8bb3280aa4e8617c",
    "/main/feab161b1b7d74e967eed8d571bb229d",
    "/v8/artifacts/245313d12d4e532c?slug=main",
    "/v1/cache/6118011490476817664",
];

/// Not a whole number of anything.
const SIZE: u64 = (3 << 20) + 17;
