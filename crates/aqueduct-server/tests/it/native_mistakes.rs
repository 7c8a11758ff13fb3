//! What peers of the native protocol get wrong, or do on purpose.

use std::io::Write;
use std::time::Duration;

use aqueduct_blob::Algorithm;
use aqueduct_wire::native::{Ask, Code, Get, Put, Request, Say, TaskId, limits};

use crate::fixture::{Fixture, digest};
use crate::frames::{Native, get, put, refused};

#[test]
fn a_peer_of_a_newer_version_is_answered_in_this_one() {
    let fixture = Fixture::new();
    let mut peer = fixture.connect();
    peer.say_bytes(b"\x89AQDUCT\x09");
    assert_eq!(peer.take(8), b"\x89AQDUCT\x01");
}

#[test]
fn a_peer_of_version_0_is_told_why_and_closed() {
    let fixture = Fixture::new();
    let mut native = Native { peer: fixture.connect(), last: 0 };
    native.peer.say_bytes(b"\x89AQDUCT\x00");
    assert_eq!(native.peer.take(8), b"\x89AQDUCT\x01");
    native.assert_closing(Code::UnknownVersion);
}

#[test]
fn a_header_over_its_limit_is_not_waited_for() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    native.peer.say_bytes(&preamble(u32::try_from(limits::HEADER_LEN_MAX).unwrap() + 1, 0));
    native.assert_closing(Code::HeaderTooLong);
}

#[test]
fn a_payload_over_its_limit_is_not_waited_for() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    native.peer.say_bytes(&preamble(0, limits::PAYLOAD_LEN_MAX + 1));
    native.assert_closing(Code::PayloadTooLong);
}

#[test]
fn a_flipped_bit_in_a_head_closes_the_connection_and_stores_nothing() {
    let fixture = Fixture::new();
    let mut bytes = Vec::new();
    Request { task: TaskId(1), ask: put(None, 3) }.write(3, &mut bytes);
    let head_len = bytes.len();
    bytes.extend_from_slice(b"abc");
    for place in [0, 5, 13, 18, limits::PREAMBLE_LEN, head_len - 1] {
        let mut native = Native::connect(fixture.address);
        let mut flipped = bytes.clone();
        flipped[place] ^= 1;
        native.peer.say_bytes(&flipped);
        let code = if place < limits::PREAMBLE_LEN { Code::BadPreamble } else { Code::BadHeader };
        native.assert_closing(code);
    }
    assert!(!fixture.has(&digest(b"abc")));
}

#[test]
fn a_message_that_nobody_knows_is_refused_and_its_payload_skipped() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    // Task 9, and field 100, which is none of this version.
    let header = [0x08, 9, 0xa2, 0x06, 0];
    native.peer.say_bytes(&framed(&header, 0));
    let told = native.hear();
    assert_eq!((told.task, refused(&told)), (TaskId(9), Code::UnknownMessage));
    native.last = 9;
    assert!(matches!(native.ask_and_hear(put(None, 3), b"abc").say, Say::Stored { .. }));
}

#[test]
fn a_payload_longer_than_the_blob_is_refused_and_skipped() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    assert_eq!(refused(&native.ask_and_hear(put(None, 2), b"abc")), Code::SizeMismatch);
    let task = native.ask(put(None, 200_000), &[0; 100_000]);
    native.say(task, Ask::Data { offset: 100_000 }, &[0; 100_001]);
    assert_eq!(refused(&native.hear()), Code::SizeMismatch);
    assert!(matches!(native.ask_and_hear(put(None, 3), b"abc").say, Say::Stored { .. }));
}

#[test]
fn a_blob_that_ends_before_its_size_is_refused() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    let task = native.ask(put(None, 200_000), &[0; 100_000]);
    native.say(task, Ask::End { digest: None }, &[]);
    assert_eq!(refused(&native.hear()), Code::SizeMismatch);
}

#[test]
fn a_blob_larger_than_any_may_be_is_refused_before_it_is_sent() {
    let fixture = Fixture::with(|options| options.blob_size_max = 10);
    let mut native = Native::connect(fixture.address);
    assert_eq!(refused(&native.ask_and_hear(put(None, 11), b"hello world")), Code::TooLarge);
    let fixture = Fixture::with(|options| options.blob_size_max = 100_000);
    let mut native = Native::connect(fixture.address);
    assert_eq!(refused(&native.ask_and_hear(put(None, 100_001), &[])), Code::TooLarge);
    // One of unknown size is stopped when it is too long.
    let ask = Ask::Put(Put { algorithm: Algorithm::Sha256, digest: None, size: None, upload: None });
    let task = native.ask(ask, &[0; 90_000]);
    native.say(task, Ask::Data { offset: 90_000 }, &[0; 90_000]);
    assert_eq!(refused(&native.hear()), Code::TooLarge);
    native.ask_and_hear(put(None, 3), b"abc");
}

#[test]
fn ranges_that_overlap_are_refused() {
    let fixture = Fixture::new();
    fixture.put(b"abcdef");
    let mut native = Native::connect(fixture.address);
    // Range { offset 0, len 3 } and { offset 2, len 3 } of a Get, which no honest encoder writes.
    let digest = digest(b"abcdef");
    let ask = Get { digest, ranges: vec![0..3, 3..5], checkpoints: false, list_only: false };
    let mut honest = Vec::new();
    Request { task: TaskId(1), ask: Ask::Get(ask) }.write(0, &mut honest);
    let mut header = honest[limits::PREAMBLE_LEN..].to_vec();
    let place = header.iter().rposition(|byte| *byte == 3).unwrap();
    header[place] = 2;
    native.peer.say_bytes(&framed(&header, 0));
    let code = refused(&native.hear());
    assert_eq!(code, Code::BadRange);
}

#[test]
fn more_tasks_than_there_may_be_are_refused() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    for _ in 0..limits::TASK_COUNT_MAX {
        native.ask(put(None, 2), b"a");
    }
    let one_more = native.ask(put(None, 2), b"a");
    let refusals = (0..).map(|_| native.hear()).find(|told| told.task == one_more).unwrap();
    assert_eq!(refused(&refusals), Code::Busy);
}

#[test]
fn a_peer_that_sends_a_byte_now_and_then_is_cut_off() {
    let fixture = Fixture::with(|options| {
        options.deadlines.head = Duration::from_millis(300);
        options.deadlines.body = Duration::from_millis(300);
    });
    // Half a head.
    let mut native = Native::connect(fixture.address);
    native.peer.say_bytes(&preamble(10, 0)[..7]);
    native.assert_closing(Code::TooSlow);
    // Half a payload, of a small blob and of a large one.
    for size in [50_000, 500_000] {
        let mut native = Native::connect(fixture.address);
        let mut bytes = Vec::new();
        Request { task: TaskId(1), ask: put(None, size) }.write(size as u64, &mut bytes);
        bytes.extend_from_slice(&[0; 1000]);
        native.peer.say_bytes(&bytes);
        native.assert_closing(Code::TooSlow);
    }
    // A put of which nothing more comes.
    let mut native = Native::connect(fixture.address);
    native.ask(put(None, 200_000), &[0; 100_000]);
    native.assert_closing(Code::TooSlow);
}

#[test]
fn a_peer_that_does_not_read_is_cut_off() {
    let fixture = Fixture::with(|options| options.deadlines.send = Duration::from_millis(500));
    let blob = vec![7; 60_000];
    fixture.put(&blob);
    let mut native = Native::connect(fixture.address);
    let mut bytes = Vec::new();
    for _ in 0..limits::TASK_COUNT_MAX {
        let task = native.task();
        Request { task, ask: get(digest(&blob)) }.write(0, &mut bytes);
    }
    native.peer.say_bytes(&bytes);
    // The server closes: in the end writing fails.
    while native.peer.stream.write_all(&bytes[..1]).is_ok() {}
}

#[test]
fn a_peer_that_goes_in_the_middle_of_a_payload_leaves_nothing() {
    let fixture = Fixture::new();
    for size in [1000, 1_000_000] {
        let mut native = Native::connect(fixture.address);
        let mut bytes = Vec::new();
        Request { task: TaskId(1), ask: put(None, size) }.write(size as u64, &mut bytes);
        bytes.extend_from_slice(&[0; 500]);
        native.peer.say_bytes(&bytes);
        native.peer.finish();
        native.peer.assert_closed();
    }
    let mut native = Native::connect(fixture.address);
    let told = native.ask_and_hear(Ask::List { after: None, limit: 10 }, &[]);
    assert!(matches!(told.say, Say::Listed { blobs, .. } if blobs.is_empty()));
}

#[test]
fn a_disk_that_fails_in_the_middle_of_a_payload_costs_the_task_and_not_the_connection() {
    // No file of the process may be longer than 2 MiB: this one runs in a process of its own.
    if std::env::var_os(CHILD).is_none() {
        let limited = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\"";
        let name = "native_mistakes::a_disk_that_fails_in_the_middle_of_a_payload_costs_the_task_and_not_the_connection";
        let mut child = std::process::Command::new("bash");
        child.args(["-c", limited]).arg(std::env::current_exe().unwrap());
        assert!(child.args([name, "--exact"]).env(CHILD, "1").status().unwrap().success());
        return;
    }
    for route in aqueduct_flow::ReceiveRoute::ALL {
        let fixture = Fixture::with(|options| options.receive_route = route);
        let mut native = Native::connect(fixture.address);
        let ask = Ask::Put(Put { algorithm: Algorithm::Sha256, digest: None, size: None, upload: None });
        let task = native.ask(ask, &[]);
        native.say(task, Ask::Data { offset: 0 }, &vec![7; 3 << 20]);
        assert_eq!(refused(&native.hear()), Code::Fault, "{route}");
        assert!(matches!(native.ask_and_hear(put(None, 3), b"abc").say, Say::Stored { .. }), "{route}");
        // The same over HTTP, with a rest that is short enough to be read.
        let mut peer = fixture.connect();
        let len = (2 << 20) + 1000;
        peer.say(&format!("POST /blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n\r\n"));
        peer.say_bytes(&vec![7; len]);
        assert_eq!(peer.reply().status, 500, "{route}");
        peer.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(peer.reply().status, 200, "{route}");
    }
}

const CHILD: &str = "AQUEDUCT_TEST_CHILD";

/// A preamble whose checks are right.
fn preamble(header_len: u32, payload_len: u64) -> Vec<u8> {
    let mut bytes = [&header_len.to_be_bytes()[..], &payload_len.to_be_bytes(), &[0; 4]].concat();
    let check = crc32(&bytes);
    bytes.extend_from_slice(&check.to_be_bytes());
    bytes
}

fn framed(header: &[u8], payload_len: u64) -> Vec<u8> {
    let header_len = u32::try_from(header.len()).unwrap();
    let mut bytes =
        [&header_len.to_be_bytes()[..], &payload_len.to_be_bytes(), &crc32(header).to_be_bytes()].concat();
    let check = crc32(&bytes);
    bytes.extend_from_slice(&check.to_be_bytes());
    bytes.extend_from_slice(header);
    bytes
}

/// CRC-32 of ISO-HDLC, bit by bit: a second one beside the product's.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}
