//! A client of resumable uploads that does what it should.

use anyhow::{Context, Result, ensure};

use super::http::Http;
use super::polite::{Tally, bytes};
use super::stop::Stop;
use crate::filler::Filler;

/// Uploads in pieces, over a connection each, until it is told to stop, and leaves nothing behind.
pub(super) fn run(host: &str, number: u64, stop: &Stop) -> Result<Tally> {
    let mut dice = Filler::new(number);
    let mut tally = Tally::default();
    loop {
        let size = usize::try_from(dice.number() % SIZE_MAX)? + 8;
        let blob = bytes(dice.number() >> 16 << 16 | number, size);
        let mut http = Http::connect(host, None)?;
        let fields = format!("{VERSION}Upload-Length: {size}\r\n");
        let begun = http.ask("POST", "/uploads", &fields, &[])?.expect(201)?;
        let place = begun.field("location").context("no place")?.to_owned();
        let mut offset = 0;
        let mut stored = String::new();
        while offset < size {
            let end = (offset + size / 3 + 1).min(size);
            let mut http = Http::connect(host, None)?;
            let look = http.ask("HEAD", &place, VERSION, &[])?.expect(200)?;
            ensure!(look.field("upload-offset") == Some(&offset.to_string()), "{}", look.head);
            let fields = format!(
                "{VERSION}Upload-Offset: {offset}\r\nContent-Type: application/offset+octet-stream\r\n"
            );
            let sent = http.ask("PATCH", &place, &fields, &blob[offset..end])?.expect(204)?;
            stored = sent.field("location").unwrap_or_default().to_owned();
            offset = end;
            tally.request_count += 2;
        }
        let whole = http.ask("GET", &stored, "", &[])?.expect(200)?.body;
        ensure!(whole == blob, "{stored} came with other bytes");
        tally.count(size);
        http.ask("DELETE", &stored, "", &[])?.expect(204)?;
        if stop.is_now() {
            return Ok(tally);
        }
    }
}

pub(super) const VERSION: &str = "Tus-Resumable: 1.0.0\r\n";

/// A few segments.
const SIZE_MAX: u64 = 10 << 20;
