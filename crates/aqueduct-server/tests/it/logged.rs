//! What a server writes down of transfers: what carried them, and what it took in.

use std::io::{self, Write};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aqueduct_wire::native::{Ask, Code, Say};
use tracing_subscriber::filter::LevelFilter;

use crate::fixture::{Fixture, digest, pattern};
use crate::frames::{Native, get, put, refused, upload};

const SEGMENT: usize = 4 << 20;

#[test]
fn puts_and_gets_say_which_route_carried_how_many_bytes() {
    record();
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    let small = pattern(4567);
    native.ask_and_hear(put(None, small.len()), &small);
    assert_eq!(lines(&format!("digest={} size=4567 carried=copy 4567", digest(&small))), ["stored"]);
    let large = pattern(3_210_987);
    let task = native.ask(put(None, large.len()), &[]);
    for (index, piece) in large.chunks(1 << 20).enumerate() {
        native.say(task, Ask::Data { offset: (index as u64) << 20 }, piece);
    }
    assert!(matches!(native.hear().say, Say::Stored { .. }));
    let stored = lines(&format!("digest={} size=3210987 carried=", digest(&large)));
    assert_eq!(stored, ["stored"]);
    let task = native.ask(get(digest(&large)), &[]);
    assert!(native.bytes(task) == large);
    // Written down once all of it has left, which its reader may know before.
    wait_for("carried=sendfile 3210987");
    assert_eq!(lines("carried=sendfile 3210987"), ["sent"]);
}

#[test]
fn the_routes_of_an_upload_are_counted_over_all_its_connections() {
    record();
    let fixture = Fixture::new();
    let bytes = pattern(SEGMENT + 1_234_567);
    let id = [0xc0; 16];
    let mut natives: Vec<_> = (0..2).map(|_| Native::connect(fixture.address)).collect();
    let ask = || upload(id, None, bytes.len());
    let tasks: Vec<_> = natives.iter_mut().map(|native| native.ask_and_hear(ask(), &[]).task).collect();
    send(&mut natives[0], tasks[0], &bytes, 0);
    natives[0].say(tasks[0], Ask::Leave, &[]);
    assert_eq!(natives[0].hear().say, Say::Done);
    send(&mut natives[1], tasks[1], &bytes, 1);
    natives[1].say(tasks[1], Ask::End { digest: None }, &[]);
    assert!(matches!(natives[1].hear().say, Say::Stored { .. }));
    let name = format!("upload={} digest={}", "c0".repeat(16), digest(&bytes));
    let counted = format!("size={0} received={0} hashed={0} carried=", bytes.len());
    assert_eq!(lines(&format!("{name} {counted}")), ["stored"]);
}

#[test]
fn every_segment_that_was_received_is_accounted_for() {
    record();
    let fixture = Fixture::new();
    let bytes = pattern(2 * SEGMENT + 10);
    let mut hasher = aqueduct_blob::Hasher::new(aqueduct_blob::Algorithm::Sha256);
    hasher.update(&bytes);
    let entries = hasher.finish().checkpoints.entries().to_vec();
    let id = [0xc1; 16];
    let mut native = Native::connect(fixture.address);
    let task = native.ask_and_hear(upload(id, None, bytes.len()), &[]).task;
    native.say(task, Ask::Checkpoints { first: 0, entries: vec![entries[0], [7; 32]] }, &[]);
    send(&mut native, task, &bytes, 0);
    send(&mut native, task, &bytes, 1);
    assert!(matches!(native.hear().say, Say::Again { .. }));
    native.say(task, Ask::Data { offset: 2 * SEGMENT as u64 }, &bytes[2 * SEGMENT..][..4]);
    native.say(task, Ask::Cancel, &[]);
    assert_eq!(refused(&native.hear()), Code::Cancelled);
    let segment = |index: u64, len: usize, outcome: &str| {
        let upload = "c1".repeat(16);
        format!("segment upload={upload} index={index} received={len} hashed={len} outcome={outcome:?}")
    };
    // What was cancelled is let go of after that was said.
    wait_for(&segment(2, 4, "broken off"));
    for line in [segment(0, SEGMENT, "held"), segment(1, SEGMENT, "failed"), segment(2, 4, "broken off")] {
        assert_eq!(lines(&line).len(), 1, "{line}");
    }
}

/// Sends a segment in frames.
fn send(native: &mut Native, task: aqueduct_wire::native::TaskId, bytes: &[u8], index: usize) {
    let end = bytes.len().min((index + 1) * SEGMENT);
    for offset in (index * SEGMENT..end).step_by(1 << 20) {
        native.say(task, Ask::Data { offset: offset as u64 }, &bytes[offset..end.min(offset + (1 << 20))]);
    }
}

/// Writes down what every server in this process says from now on.
fn record() {
    static RECORDS: OnceLock<()> = OnceLock::new();
    RECORDS.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .with_writer(|| Record)
            .init();
    });
}

/// Waits for a line that has `part` in it.
fn wait_for(part: &str) {
    let written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    let is_missing = |written: &mut String| !written.lines().any(|line| line.contains(part));
    let waited = GROWN.wait_timeout_while(written, PATIENCE, is_missing);
    let (written, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
    // Others go on writing, whatever comes of this test.
    drop(written);
    assert!(!timeout.timed_out(), "no line says {part:?}");
}

/// The first words of the lines that have `part` in them.
fn lines(part: &str) -> Vec<String> {
    let written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = written.lines().filter(|line| line.contains(part));
    lines.filter_map(|line| Some(line.split_whitespace().nth(1)?.to_owned())).collect()
}

struct Record;

impl Write for Record {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = std::str::from_utf8(bytes).unwrap();
        // Other tests' servers write as well, and much.
        if ["segment", "stored", "sent"].iter().any(|event| line.contains(event)) {
            WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).push_str(line);
            GROWN.notify_all();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

static WRITTEN: Mutex<String> = Mutex::new(String::new());

/// A line was written.
static GROWN: Condvar = Condvar::new();

const PATIENCE: Duration = Duration::from_secs(60);
