//! A client over HTTP that does what it should, and compares every byte.

use std::collections::VecDeque;
use std::fmt;

use anyhow::{Result, ensure};
use serde_json::json;

use super::http::Http;
use super::stop::Stop;
use crate::filler::Filler;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) request_count: u64,
    /// Of blobs, compared.
    pub(super) len: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.request_count += other.request_count;
        self.len += other.len;
    }

    pub(super) fn count(&mut self, len: usize) {
        self.request_count += 1;
        self.len += len as u64;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests, {} MiB compared", self.request_count, self.len >> 20)
    }
}

/// A blob that is there: it can be made again from its seed.
struct Blob {
    digest: String,
    seed: u64,
    size: usize,
}

/// Puts, reads and deletes until it is told to stop, and leaves nothing behind.
pub(super) fn run(host: &str, number: u64, stop: &Stop) -> Result<Tally> {
    let mut dice = Filler::new(number);
    let mut tally = Tally::default();
    let mut blobs = VecDeque::new();
    loop {
        // Those that come anew shall find room, too.
        let mut http = Http::connect(host, None)?;
        for _ in 0..REQUEST_COUNT {
            let blob = put(&mut http, &mut dice, number, &mut tally)?;
            look(&mut http, &blob, &mut dice, &mut tally)?;
            blobs.push_back(blob);
            if blobs.len() > KEPT_COUNT
                && let Some(oldest) = blobs.pop_front()
            {
                look(&mut http, &oldest, &mut dice, &mut tally)?;
                remove(&mut http, &oldest, &mut tally)?;
            }
        }
        if stop.is_now() {
            for blob in &blobs {
                remove(&mut http, blob, &mut tally)?;
            }
            return Ok(tally);
        }
    }
}

fn put(http: &mut Http, dice: &mut Filler, number: u64, tally: &mut Tally) -> Result<Blob> {
    // No two clients have a blob in common, which one of them would delete.
    let seed = dice.number() >> 16 << 16 | number;
    let size_max = SIZES[usize::try_from(dice.number() % SIZES.len() as u64)?];
    let size = usize::try_from(dice.number() % size_max)? + 8;
    let bytes = bytes(seed, size);
    let digest = match dice.number() % 4 {
        0 => http.post_in_chunks(&bytes, size / 3 + 1)?,
        _ => http.post(&bytes)?,
    };
    tally.count(0);
    Ok(Blob { digest, seed, size })
}

fn look(http: &mut Http, blob: &Blob, dice: &mut Filler, tally: &mut Tally) -> Result<()> {
    let Blob { digest, seed, size } = blob;
    let (target, expected) = (format!("/blobs/{digest}"), bytes(*seed, *size));
    let whole = http.ask("GET", &target, "", &[])?.expect(200)?.body;
    ensure!(whole == expected, "{digest} came with other bytes");
    tally.count(whole.len());
    let start = usize::try_from(dice.number() % *size as u64)?;
    let end = start + usize::try_from(dice.number() % (size - start) as u64)?;
    let range = format!("Range: bytes={start}-{end}\r\n");
    let part = http.ask("GET", &target, &range, &[])?.expect(206)?.body;
    ensure!(part == expected[start..=end], "{digest} came with other bytes from {start} to {end}");
    tally.count(part.len());
    let head = http.ask("HEAD", &target, "", &[])?.expect(200)?;
    ensure!(head.field("content-length") == Some(&size.to_string()), "{}", head.head);
    let absent = format!("sha256:{}", "0".repeat(64));
    let question = json!({ "digests": [digest, absent] }).to_string();
    let answer = http.ask("POST", "/blobs/missing", "", question.as_bytes())?.expect(200)?.json()?;
    ensure!(answer == json!({ "missing": [absent] }), "answered: {answer}");
    http.ask("GET", "/blobs?limit=3", "", &[])?.expect(200)?;
    tally.request_count += 3;
    Ok(())
}

fn remove(http: &mut Http, blob: &Blob, tally: &mut Tally) -> Result<()> {
    let target = format!("/blobs/{}", blob.digest);
    http.ask("DELETE", &target, "", &[])?.expect(204)?;
    http.ask("GET", &target, "", &[])?.expect(404)?;
    tally.request_count += 2;
    Ok(())
}

pub(super) fn bytes(seed: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    Filler::new(seed).fill(&mut bytes);
    bytes
}

/// How large blobs are: mostly small, as they are in life.
const SIZES: [u64; 8] = [1 << 10, 4 << 10, 16 << 10, 60 << 10, 60 << 10, 200 << 10, 1 << 20, 9 << 20];

/// How many blobs are put over one connection.
const REQUEST_COUNT: u32 = 10;

/// How many are there at once.
const KEPT_COUNT: usize = 8;
