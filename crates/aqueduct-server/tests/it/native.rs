//! The native protocol, in frames.

use std::io::Write;
use std::ops::Range;
use std::time::{Duration, Instant};

use aqueduct_blob::{Algorithm, Digest, UploadId};
use aqueduct_flow::ReceiveRoute;
use aqueduct_wire::native::{Ask, Code, Get, Put, Request, Say, TaskId, limits};
use rustix::net::{SendFlags, send};

use crate::fixture::{Fixture, digest};
use crate::frames::{Native, get, put, refused, upload};

#[test]
fn a_small_blob_is_put_and_got_in_one_frame_each() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    let told = native.ask_and_hear(put(None, 3), b"abc");
    let stored = Say::Stored { digest: digest(b"abc"), size: 3, is_new: true, received: 3 };
    assert_eq!(told.say, stored);
    let told = native.ask_and_hear(get(digest(b"abc")), &[]);
    assert_eq!((told.say, &told.payload[..]), (Say::Data { offset: 0, size: 3, end: true }, &b"abc"[..]));
    // The same over HTTP: it is one store.
    assert!(fixture.has(&digest(b"abc")));
}

#[test]
fn a_small_blob_that_was_just_put_is_answered_from_memory_until_it_is_removed() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    let _ = native.ask_and_hear(put(None, 3), b"abc");
    let hex = digest(b"abc").hex();
    let path = fixture.root().join("blobs/sha256").join(&hex[..2]).join(&hex[2..]);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"ab?").unwrap();
    assert_eq!(native.ask_and_hear(get(digest(b"abc")), &[]).payload, b"abc");
    let remove = Ask::Remove { digest: digest(b"abc") };
    assert_eq!(native.ask_and_hear(remove, &[]).say, Say::Removed);
    assert_eq!(refused(&native.ask_and_hear(get(digest(b"abc")), &[])), Code::Absent);
}

#[test]
fn what_a_put_brought_is_not_kept_in_memory_if_it_was_here_before() {
    let fixture = Fixture::new();
    let digest = fixture.put(b"abc");
    let mut native = Native::connect(fixture.address);
    let told = native.ask_and_hear(put(None, 3), b"abc");
    assert_eq!(told.say, Say::Stored { digest, size: 3, is_new: false, received: 3 });
    let hex = digest.hex();
    let path = fixture.root().join("blobs/sha256").join(&hex[..2]).join(&hex[2..]);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"ab?").unwrap();
    // Nobody vouched for the file but the put that made it: it is read, and found wrong.
    assert_eq!(refused(&native.ask_and_hear(get(digest), &[])), Code::Absent);
}

#[test]
fn the_empty_blob_is_put_and_got() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    let told = native.ask_and_hear(put(Some(digest(b"")), 0), &[]);
    assert_eq!(told.say, Say::Stored { digest: digest(b""), size: 0, is_new: true, received: 0 });
    let task = native.ask(get(digest(b"")), &[]);
    assert!(native.bytes(task).is_empty());
}

#[test]
fn a_put_of_a_blob_that_is_there_takes_nothing_in() {
    let fixture = Fixture::new();
    fixture.put(b"abc");
    let mut native = Native::connect(fixture.address);
    let told = native.ask_and_hear(put(Some(digest(b"abc")), 3), b"abc");
    assert_eq!(told.say, Say::Stored { digest: digest(b"abc"), size: 3, is_new: false, received: 0 });
}

#[test]
fn a_blob_in_many_frames_of_any_len_arrives_whole() {
    let fixture = Fixture::new();
    let bytes = noise(3_000_001);
    let mut native = Native::connect(fixture.address);
    let (first, rest) = bytes.split_at(100_000);
    let task = native.ask(put(None, bytes.len()), first);
    let mut offset = first.len();
    for piece in rest.chunks(700_000) {
        native.say(task, Ask::Data { offset: offset as u64 }, piece);
        offset += piece.len();
    }
    let told = native.hear();
    let size = bytes.len() as u64;
    assert_eq!(told.say, Say::Stored { digest: digest(&bytes), size, is_new: true, received: size });
    let task = native.ask(get(digest(&bytes)), &[]);
    assert!(native.bytes(task) == bytes);
}

#[test]
fn an_urgent_byte_is_no_byte_of_a_payload_and_nothing_in_its_way() {
    for route in ReceiveRoute::ALL {
        let fixture = Fixture::with(|options| options.receive_route = route);
        let bytes = noise(3_000_001);
        let mut native = Native::connect(fixture.address);
        let (first, last) = bytes.split_at(1_000_000);
        let mut head = Vec::new();
        let request = Request { task: native.task(), ask: put(None, bytes.len()) };
        request.write(bytes.len() as u64, &mut head);
        native.peer.say_bytes(&head);
        native.peer.say_bytes(first);
        assert_eq!(send(&native.peer.stream, b"!", SendFlags::OOB).unwrap(), 1);
        native.peer.say_bytes(last);
        let Say::Stored { digest: stored, .. } = native.hear().say else { panic!("{route}: it is stored") };
        assert_eq!(stored, digest(&bytes), "{route}");
        assert_eq!(native.ask_and_hear(Ask::Remove { digest: stored }, &[]).say, Say::Removed);
    }
}

#[test]
fn a_blob_of_unknown_size_ends_where_its_sender_says() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    let ask = Ask::Put(Put { algorithm: Algorithm::Blake3, digest: None, size: None, upload: None });
    let task = native.ask(ask, b"ab");
    native.say(task, Ask::Data { offset: 2 }, b"c");
    native.say(task, Ask::End { digest: None }, &[]);
    let Say::Stored { digest, size: 3, .. } = native.hear().say else { panic!("it is stored") };
    assert_eq!(digest.hex(), blake3_of_abc().hex());
}

#[test]
fn bytes_of_another_digest_are_refused_and_the_connection_lives() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    let told = native.ask_and_hear(put(Some(digest(b"abd")), 3), b"abc");
    let Say::Refused { code: Code::Mismatch, actual, .. } = told.say else { panic!("{told:?}") };
    assert_eq!(actual, Some(digest(b"abc")));
    let large = noise(200_000);
    let told = native.ask_and_hear(put(Some(digest(b"abd")), large.len()), &large);
    assert_eq!(refused(&told), Code::Mismatch);
    let told = native.ask_and_hear(get(digest(b"abd")), &[]);
    assert_eq!(refused(&told), Code::Absent);
}

#[test]
fn a_thousand_small_puts_in_one_write_are_all_stored() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    let mut bytes = Vec::new();
    let blobs: Vec<_> = (0..1000).map(|index| format!("blob {index}").into_bytes()).collect();
    for blob in &blobs {
        let task = native.task();
        let ask = put(Some(digest(blob)), blob.len());
        aqueduct_wire::native::Request { task, ask }.write(blob.len() as u64, &mut bytes);
        bytes.extend_from_slice(blob);
    }
    native.peer.say_bytes(&bytes);
    let mut answered: Vec<_> = blobs
        .iter()
        .map(|_| match native.hear() {
            told if matches!(told.say, Say::Stored { is_new: true, .. }) => told.task,
            told => panic!("{told:?}"),
        })
        .collect();
    answered.sort();
    answered.dedup();
    assert_eq!(answered.len(), blobs.len());
    let digests: Vec<_> = blobs.iter().map(|blob| digest(blob)).chain([digest(b"absent")]).collect();
    let Say::Presence { present } = native.ask_and_hear(Ask::Has { digests }, &[]).say else {
        panic!("presence")
    };
    assert!(present[..1000].iter().all(|present| *present) && !present[1000]);
    let tasks: Vec<_> = blobs.iter().map(|blob| (native.ask(get(digest(blob)), &[]), blob)).collect();
    for _ in &tasks {
        let told = native.hear();
        let (_, blob) = tasks.iter().find(|(task, _)| *task == told.task).unwrap();
        assert_eq!(told.payload, **blob);
    }
}

#[test]
fn of_small_blobs_that_are_asked_for_together_a_damaged_one_is_not_here_and_the_others_come() {
    let fixture = Fixture::new();
    let blobs: Vec<_> = (0..40).map(|index| format!("blob {index}").into_bytes()).collect();
    let digests: Vec<_> = blobs.iter().map(|blob| fixture.put(blob)).collect();
    let hex = digests[20].hex();
    let path = fixture.root().join("blobs/sha256").join(&hex[..2]).join(&hex[2..]);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"blob ??").unwrap();
    let mut native = Native::connect(fixture.address);
    let mut bytes = Vec::new();
    let tasks: Vec<_> = digests.iter().map(|_| native.task()).collect();
    for (task, digest) in tasks.iter().zip(&digests) {
        aqueduct_wire::native::Request { task: *task, ask: get(*digest) }.write(0, &mut bytes);
    }
    native.peer.say_bytes(&bytes);
    for _ in &tasks {
        let told = native.hear();
        let place = tasks.iter().position(|task| *task == told.task).unwrap();
        match place {
            20 => assert_eq!(refused(&told), Code::Absent),
            _ => assert_eq!(told.payload, blobs[place]),
        }
    }
    assert!(!path.exists(), "it went to quarantine");
}

#[test]
fn ranges_come_in_order_with_their_offsets() {
    let fixture = Fixture::new();
    let bytes = noise(2_500_000);
    fixture.put(&bytes);
    let mut native = Native::connect(fixture.address);
    let ranges: [Range<usize>; 3] = [0..3, 5..1_500_000, 2_499_999..2_500_000];
    let asked = ranges.iter().map(|range| range.start as u64..range.end as u64).collect();
    let ask = Get { digest: digest(&bytes), ranges: asked, checkpoints: false, list_only: false };
    let task = native.ask(Ask::Get(ask), &[]);
    let expected: Vec<u8> = ranges.iter().flat_map(|range| &bytes[range.clone()]).copied().collect();
    assert!(native.bytes(task) == expected);
}

#[test]
fn a_range_past_the_end_is_refused() {
    let fixture = Fixture::new();
    fixture.put(b"abc");
    let mut native = Native::connect(fixture.address);
    let ask = Get { digest: digest(b"abc"), ranges: vec![0..1, 2..4], checkpoints: false, list_only: false };
    assert_eq!(refused(&native.ask_and_hear(Ask::Get(ask), &[])), Code::BadRange);
}

#[test]
fn the_checkpoints_come_before_the_bytes_and_agree_with_them() {
    let fixture = Fixture::new();
    let bytes = noise(9 << 20);
    fixture.put(&bytes);
    let mut hasher = aqueduct_blob::Hasher::new(Algorithm::Sha256);
    hasher.update(&bytes);
    let list = hasher.finish().checkpoints;
    let mut native = Native::connect(fixture.address);
    let ask = Get { digest: digest(&bytes), ranges: Vec::new(), checkpoints: true, list_only: true };
    let task = native.ask(Ask::Get(ask.clone()), &[]);
    assert_eq!(native.hear().say, Say::Found { size: 9 << 20, checkpoint_count: 2 });
    let told = native.hear();
    assert_eq!(told.say, Say::Checkpoints { first: 0, entries: list.entries().to_vec() });
    assert_eq!((native.hear().say, told.task), (Say::Done, task));
    let task = native.ask(Ask::Get(Get { list_only: false, ..ask }), &[]);
    assert!(native.bytes(task) == bytes);
}

#[test]
fn blobs_are_described_listed_and_removed() {
    let fixture = Fixture::new();
    let (first, second) = (fixture.put(b"abc"), fixture.put(b"abcd"));
    let mut native = Native::connect(fixture.address);
    let told = native.ask_and_hear(Ask::Stat { digest: second }, &[]);
    let Say::Described { size: 4, published, checkpoint_count: 0 } = told.say else { panic!("{told:?}") };
    let told = native.ask_and_hear(Ask::List { after: None, limit: 1 }, &[]);
    let Say::Listed { blobs, next: Some(next) } = told.say else { panic!("{told:?}") };
    assert_eq!((blobs.len(), blobs[0].digest), (1, next));
    let told = native.ask_and_hear(Ask::List { after: Some(next), limit: 10 }, &[]);
    let Say::Listed { blobs, next: None } = told.say else { panic!("{told:?}") };
    assert_eq!(blobs.len(), 1);
    assert!(published.abs_diff(blobs[0].published) < 60);
    assert_eq!(native.ask_and_hear(Ask::Remove { digest: first }, &[]).say, Say::Removed);
    assert_eq!(refused(&native.ask_and_hear(Ask::Remove { digest: first }, &[])), Code::Absent);
    assert_eq!(refused(&native.ask_and_hear(Ask::Stat { digest: first }, &[])), Code::Absent);
}

#[test]
fn a_large_get_does_not_keep_a_small_one_waiting() {
    let fixture = Fixture::new();
    let large = noise(64 << 20);
    fixture.put(&large);
    fixture.put(b"small");
    let mut native = Native::connect(fixture.address);
    let first = native.ask(get(digest(&large)), &[]);
    let second = native.ask(get(digest(b"small")), &[]);
    let mut arrived = 0;
    loop {
        let told = native.hear();
        if told.task == second {
            break;
        }
        assert_eq!(told.task, first);
        arrived += told.payload.len();
    }
    assert!(arrived < 16 << 20, "{arrived} bytes came first");
}

#[test]
fn a_large_get_that_is_cancelled_ends_early() {
    let fixture = Fixture::new();
    let large = noise(64 << 20);
    fixture.put(&large);
    let mut native = Native::connect(fixture.address);
    let task = native.ask(get(digest(&large)), &[]);
    native.hear();
    native.say(task, Ask::Cancel, &[]);
    let mut arrived = 0;
    let code = loop {
        let told = native.hear();
        arrived += told.payload.len();
        if let Say::Refused { code, .. } = told.say {
            break code;
        }
    };
    assert_eq!(code, Code::Cancelled);
    assert!(arrived < large.len() / 2, "{arrived} bytes came all the same");
}

#[test]
fn a_put_that_is_cancelled_leaves_nothing_and_what_still_comes_of_it_is_skipped() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    let bytes = noise(300_000);
    let task = native.ask(put(None, bytes.len()), &bytes[..100_000]);
    native.say(task, Ask::Cancel, &[]);
    native.say(task, Ask::Data { offset: 100_000 }, &bytes[100_000..]);
    assert_eq!(refused(&native.hear()), Code::Cancelled);
    assert_eq!(refused(&native.ask_and_hear(get(digest(&bytes)), &[])), Code::Absent);
}

#[test]
fn tokens_decide_what_a_task_may_do() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "read r\nwrite w\n").unwrap();
    let tokens = aqueduct_server::Tokens::load(file.path()).unwrap();
    let fixture = Fixture::with(|options| options.tokens = Some(tokens));
    let mut nobody = Native::connect(fixture.address);
    assert_eq!(refused(&nobody.ask_and_hear(get(digest(b"abc")), &[])), Code::NeedsToken);
    assert_eq!(refused(&nobody.ask_and_hear(put(None, 3), b"abc")), Code::NeedsToken);
    let mut reader = Native::connect_with(fixture.address, Some("r"));
    assert_eq!(refused(&reader.ask_and_hear(get(digest(b"abc")), &[])), Code::Absent);
    assert_eq!(refused(&reader.ask_and_hear(put(None, 3), b"abc")), Code::NeedsWriteToken);
    let mut writer = Native::connect_with(fixture.address, Some("w"));
    assert!(matches!(writer.ask_and_hear(put(None, 3), b"abc").say, Say::Stored { .. }));
    assert_eq!(reader.ask_and_hear(get(digest(b"abc")), &[]).payload, b"abc");
}

#[test]
fn what_breaks_the_protocol_is_told_why_and_closed() {
    let fixture = Fixture::new();
    let mut native = Native::greeted(fixture.address);
    native.ask(get(digest(b"")), &[]);
    native.assert_closing(Code::NoHello);

    let mut native = Native::connect(fixture.address);
    native.ask_and_hear(put(None, 3), b"abc");
    native.say(TaskId(1), put(None, 3), b"abc");
    native.assert_closing(Code::DuplicateTask);

    let mut native = Native::connect(fixture.address);
    native.say(TaskId(7), Ask::Data { offset: 0 }, b"abc");
    native.assert_closing(Code::WrongState);

    let mut native = Native::connect(fixture.address);
    native.peer.say_bytes(&[0; limits::PREAMBLE_LEN]);
    native.assert_closing(Code::BadPreamble);

    let mut peer = fixture.connect();
    peer.say_bytes(b"\x89AQUEDUCT");
    let answer = peer.rest();
    assert!(answer.starts_with(b"\x89AQDUCT\x01"), "{answer:?}");
}

#[test]
fn a_peer_that_ends_its_side_is_still_answered() {
    let fixture = Fixture::new();
    let bytes = noise(5 << 20);
    fixture.put(&bytes);
    let mut native = Native::connect(fixture.address);
    let task = native.ask(get(digest(&bytes)), &[]);
    native.peer.finish();
    assert!(native.bytes(task) == bytes);
    native.peer.assert_closed();
}

#[test]
fn an_upload_comes_in_segments_and_is_named_at_its_end() {
    let fixture = Fixture::new();
    let bytes = noise(10 << 20);
    let mut native = Native::connect(fixture.address);
    let task = open_upload(&mut native, &bytes, 0);
    for index in 0..3 {
        send_segment(&mut native, task, &bytes, index);
    }
    native.say(task, Ask::End { digest: Some(digest(&bytes)) }, &[]);
    let size = bytes.len() as u64;
    let stored = Say::Stored { digest: digest(&bytes), size, is_new: true, received: size };
    assert_eq!(native.hear().say, stored);
    // Whoever did not hear that is told when it asks again.
    let told = native.ask_and_hear(upload([7; 16], None, bytes.len()), &[]);
    assert!(matches!(told.say, Say::Stored { received: 0, .. }), "{told:?}");
    let task = native.ask(get(digest(&bytes)), &[]);
    assert!(native.bytes(task) == bytes);
}

#[test]
fn an_upload_goes_on_where_its_connection_broke() {
    let fixture = Fixture::new();
    let bytes = noise(10 << 20);
    let mut native = Native::connect(fixture.address);
    let task = open_upload(&mut native, &bytes, 0);
    send_segment(&mut native, task, &bytes, 0);
    native.say(task, Ask::Data { offset: SEGMENT }, &bytes[4 << 20..5 << 20]);
    // What was received in the middle of a segment is not.
    native.say(task, Ask::Leave, &[]);
    assert_eq!(native.hear().say, Say::Done);
    drop(native);
    let mut native = Native::connect(fixture.address);
    let task = open_upload(&mut native, &bytes, SEGMENT);
    send_segment(&mut native, task, &bytes, 1);
    send_segment(&mut native, task, &bytes, 2);
    native.say(task, Ask::End { digest: None }, &[]);
    let told = native.hear();
    let Say::Stored { digest: found, received, .. } = told.say else { panic!("{told:?}") };
    assert_eq!((found, received), (digest(&bytes), (6 << 20)));
}

#[test]
fn an_upload_goes_on_after_the_server_was_started_again() {
    let bytes = noise(10 << 20);
    let mut fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    let task = open_upload(&mut native, &bytes, 0);
    send_segment(&mut native, task, &bytes, 0);
    // What comes next is heard when the segment is there.
    let told = native.ask_and_hear(Ask::Stat { digest: digest(&bytes) }, &[]);
    assert_eq!(refused(&told), Code::Absent);
    fixture.control.stop();
    assert_eq!(refused(&native.hear()), Code::Stopping);
    native.assert_closing(Code::Stopped);
    fixture.ended().unwrap();
    let fixture = fixture.again(|_| {});
    let mut native = Native::connect(fixture.address);
    let task = open_upload(&mut native, &bytes, SEGMENT);
    send_segment(&mut native, task, &bytes, 1);
    send_segment(&mut native, task, &bytes, 2);
    native.say(task, Ask::End { digest: None }, &[]);
    assert!(matches!(native.hear().say, Say::Stored { .. }));
    assert!(fixture.has(&digest(&bytes)));
}

#[test]
fn two_connections_send_the_segments_of_one_blob() {
    let fixture = Fixture::new();
    let bytes = noise(18 << 20);
    let entries = checkpoints(&bytes);
    let mut first = Native::connect(fixture.address);
    let mut second = Native::connect(fixture.address);
    let one = open_upload(&mut first, &bytes, 0);
    let other = open_upload(&mut second, &bytes, 0);
    second.say(other, Ask::Checkpoints { first: 0, entries }, &[]);
    for index in [4, 2] {
        send_segment(&mut second, other, &bytes, index);
    }
    second.say(other, Ask::Leave, &[]);
    assert_eq!(second.hear().say, Say::Done);
    for index in [3, 1] {
        send_segment(&mut first, one, &bytes, index);
    }
    first.say(one, Ask::End { digest: Some(digest(&bytes)) }, &[]);
    assert_eq!(first.hear().say, Say::Again { segments: vec![0], checkpoints: false, after_end: true });
    send_segment(&mut first, one, &bytes, 0);
    first.say(one, Ask::End { digest: Some(digest(&bytes)) }, &[]);
    assert!(matches!(first.hear().say, Say::Stored { received, .. } if received == 12 << 20));
}

#[test]
fn a_peer_that_only_hashes_for_a_while_is_waited_for() {
    // On a busy machine this peer itself may be kept from saying anything for a while.
    let body = Duration::from_millis(1500);
    let fixture = Fixture::with(|options| options.deadlines.body = body);
    let bytes = noise(9 << 20);
    let mut native = Native::connect(fixture.address);
    let task = open_upload(&mut native, &bytes, 0);
    let began = Instant::now();
    while began.elapsed() < body * 2 {
        native.say(task, Ask::Checkpoints { first: 0, entries: Vec::new() }, &[]);
        // An answer every time: nothing is said ahead.
        assert_eq!(refused(&native.ask_and_hear(Ask::Stat { digest: digest(&bytes) }, &[])), Code::Absent);
    }
    for index in 0..3 {
        send_segment(&mut native, task, &bytes, index);
    }
    native.say(task, Ask::End { digest: None }, &[]);
    assert!(matches!(native.hear().say, Say::Stored { .. }));
}

#[test]
fn a_damaged_segment_is_asked_for_again_and_alone() {
    let fixture = Fixture::new();
    let bytes = noise(10 << 20);
    let mut native = Native::connect(fixture.address);
    let task = open_upload(&mut native, &bytes, 0);
    let mut damaged = bytes.clone();
    damaged[5 << 20] ^= 1;
    send_segment(&mut native, task, &damaged, 0);
    send_segment(&mut native, task, &damaged, 1);
    native.say(task, Ask::Checkpoints { first: 0, entries: checkpoints(&bytes) }, &[]);
    assert_eq!(native.hear().say, Say::Again { segments: vec![1], checkpoints: false, after_end: false });
    send_segment(&mut native, task, &bytes, 1);
    send_segment(&mut native, task, &bytes, 2);
    native.say(task, Ask::End { digest: Some(digest(&bytes)) }, &[]);
    assert!(matches!(native.hear().say, Say::Stored { .. }));
}

#[test]
fn a_segment_that_is_damaged_every_time_costs_the_list_and_then_the_put() {
    let fixture = Fixture::new();
    let bytes = noise(9 << 20);
    let mut damaged = bytes.clone();
    damaged[0] ^= 1;
    let entries = checkpoints(&bytes);
    let mut native = Native::connect(fixture.address);
    let task = open_upload(&mut native, &bytes, 0);
    for is_list_asked_for in [false, false, false, true, false, false, false] {
        native.say(task, Ask::Checkpoints { first: 0, entries: entries.clone() }, &[]);
        send_segment(&mut native, task, &damaged, 0);
        let expected = Say::Again { segments: vec![0], checkpoints: is_list_asked_for, after_end: false };
        assert_eq!(native.hear().say, expected);
    }
    native.say(task, Ask::Checkpoints { first: 0, entries }, &[]);
    send_segment(&mut native, task, &damaged, 0);
    assert_eq!(refused(&native.hear()), Code::Mismatch);
    // The connection lives.
    assert!(matches!(native.ask_and_hear(put(None, 3), b"abc").say, Say::Stored { .. }));
}

#[test]
fn a_segment_before_its_checkpoint_is_refused() {
    let fixture = Fixture::new();
    let bytes = noise(9 << 20);
    let mut native = Native::connect(fixture.address);
    let task = open_upload(&mut native, &bytes, 0);
    send_segment(&mut native, task, &bytes, 1);
    assert_eq!(refused(&native.hear()), Code::StateUnknown);
    native.ask_and_hear(put(None, 3), b"abc");
}

#[test]
fn a_segment_in_the_wrong_order_is_refused() {
    let fixture = Fixture::new();
    let bytes = noise(9 << 20);
    let mut native = Native::connect(fixture.address);
    let task = open_upload(&mut native, &bytes, 0);
    native.say(task, Ask::Data { offset: 5 }, &bytes[5..10]);
    assert_eq!(refused(&native.hear()), Code::BadOffset);
}

#[test]
fn another_blob_under_the_same_upload_is_refused() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    open_upload(&mut native, &noise(9 << 20), 0);
    assert_eq!(refused(&native.ask_and_hear(upload([7; 16], None, 8 << 20), &[])), Code::Conflict);
}

#[test]
fn uploads_are_listed_and_dropped() {
    let fixture = Fixture::new();
    let bytes = noise(9 << 20);
    let mut native = Native::connect(fixture.address);
    let task = open_upload(&mut native, &bytes, 0);
    send_segment(&mut native, task, &bytes, 0);
    native.say(task, Ask::Leave, &[]);
    assert_eq!(native.hear().say, Say::Done);
    let told = native.ask_and_hear(Ask::ListUploads { after: None, limit: 10 }, &[]);
    let Say::Uploads { uploads, next: None } = told.say else { panic!("{told:?}") };
    assert_eq!((uploads.len(), uploads[0].verified, uploads[0].size), (1, SEGMENT, 9 << 20));
    let id = UploadId::new([7; 16]);
    assert_eq!(native.ask_and_hear(Ask::DropUpload { upload: id }, &[]).say, Say::Dropped);
    assert_eq!(refused(&native.ask_and_hear(Ask::DropUpload { upload: id }, &[])), Code::NoSuchUpload);
    open_upload(&mut native, &bytes, 0);
}

#[test]
fn an_upload_of_which_nothing_comes_expires() {
    let fixture = Fixture::with(|options| options.upload_expiry = Duration::ZERO);
    let mut native = Native::connect(fixture.address);
    let task = open_upload(&mut native, &noise(9 << 20), 0);
    native.say(task, Ask::Leave, &[]);
    assert_eq!(native.hear().say, Say::Done);
    loop {
        let told = native.ask_and_hear(Ask::ListUploads { after: None, limit: 10 }, &[]);
        if matches!(told.say, Say::Uploads { uploads, .. } if uploads.is_empty()) {
            return;
        }
    }
}

#[test]
fn a_hundred_large_blobs_asked_for_at_once_all_come() {
    let fixture = Fixture::new();
    let blobs: Vec<_> = (0..100).map(|index| noise(100_000 + index)).collect();
    let mut native = Native::connect(fixture.address);
    for blob in &blobs {
        native.ask_and_hear(put(None, blob.len()), blob);
    }
    let tasks: Vec<_> = blobs.iter().map(|blob| native.ask(get(digest(blob)), &[])).collect();
    let mut arrived = vec![Vec::new(); blobs.len()];
    let mut left = blobs.len();
    while left > 0 {
        let told = native.hear();
        let place = tasks.iter().position(|task| *task == told.task).unwrap();
        match told.say {
            Say::Found { .. } => {}
            Say::Data { end, .. } => {
                arrived[place].extend(told.payload);
                left -= usize::from(end);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(arrived == blobs);
}

#[test]
fn an_upload_that_is_ended_is_answered_though_the_peer_says_no_more() {
    let fixture = Fixture::new();
    let bytes = noise(5 << 20);
    let mut native = Native::connect(fixture.address);
    let task = open_upload(&mut native, &bytes, 0);
    send_segment(&mut native, task, &bytes, 0);
    send_segment(&mut native, task, &bytes, 1);
    native.say(task, Ask::End { digest: None }, &[]);
    native.peer.finish();
    assert!(matches!(native.hear().say, Say::Stored { .. }));
    native.peer.assert_closed();
}

#[test]
fn a_refusal_is_said_though_the_peer_says_no_more() {
    let fixture = Fixture::new();
    for _ in 0..20 {
        let mut native = Native::connect(fixture.address);
        native.ask(put(None, 2), b"abc");
        native.peer.finish();
        assert_eq!(refused(&native.hear()), Code::SizeMismatch);
        native.peer.assert_closed();
    }
}

#[test]
fn a_small_put_does_not_wait_for_a_payload_that_is_slow() {
    let fixture = Fixture::new();
    let mut native = Native::connect(fixture.address);
    let mut bytes = Vec::new();
    let (first, second) = (native.task(), native.task());
    Request { task: first, ask: put(None, 3) }.write(3, &mut bytes);
    bytes.extend_from_slice(b"abc");
    Request { task: second, ask: put(None, 50_000) }.write(50_000, &mut bytes);
    native.peer.say_bytes(&bytes);
    let told = native.hear();
    assert_eq!(told.task, first);
    native.peer.say_bytes(&[0; 50_000]);
    assert_eq!(native.hear().task, second);
}

#[test]
fn a_peer_that_never_stops_asking_hears_of_the_stop() {
    let mut fixture = Fixture::new();
    fixture.put(b"abc");
    let mut native = Native::connect(fixture.address);
    let asker = native.peer.stream.try_clone().unwrap();
    let (digest, first) = (digest(b"abc"), native.last + 1);
    let asking = std::thread::spawn(move || {
        for task in first.. {
            let mut bytes = Vec::new();
            Request { task: TaskId(task), ask: get(digest) }.write(0, &mut bytes);
            if (&asker).write_all(&bytes).is_err() {
                return;
            }
        }
    });
    native.hear();
    fixture.control.stop();
    // It may be between two questions when it is told.
    let is_told = |say| {
        matches!(say, Say::Refused { code: Code::Stopping, .. } | Say::Closing { code: Code::Stopped, .. })
    };
    while !is_told(native.hear().say) {}
    drop(native.peer.stream.shutdown(std::net::Shutdown::Both));
    asking.join().unwrap();
    fixture.ended().unwrap();
}

/// Opens the upload of these bytes, of which the server has the first `held`.
fn open_upload(native: &mut Native, bytes: &[u8], held: u64) -> TaskId {
    let task = native.ask(upload([7; 16], None, bytes.len()), &[]);
    let told = native.hear();
    assert_eq!(told.task, task);
    let verified = (held > 0).then_some(0..held).into_iter().collect();
    assert_eq!(told.say, Say::Opened { upload: UploadId::new([7; 16]), verified });
    task
}

fn send_segment(native: &mut Native, task: TaskId, bytes: &[u8], index: usize) {
    let segment = index * (4 << 20)..bytes.len().min((index + 1) * (4 << 20));
    let mut offset = segment.start;
    for piece in bytes[segment].chunks(1_500_000) {
        native.say(task, Ask::Data { offset: offset as u64 }, piece);
        offset += piece.len();
    }
}

fn checkpoints(bytes: &[u8]) -> Vec<[u8; 32]> {
    let mut hasher = aqueduct_blob::Hasher::new(Algorithm::Sha256);
    hasher.update(bytes);
    hasher.finish().checkpoints.entries().to_vec()
}

const SEGMENT: u64 = 4 << 20;

fn blake3_of_abc() -> Digest {
    let mut hasher = aqueduct_blob::Hasher::new(Algorithm::Blake3);
    hasher.update(b"abc");
    hasher.finish().digest
}

/// Bytes that repeat nowhere.
fn noise(len: usize) -> Vec<u8> {
    let mut state = len as u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32).to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..len.div_ceil(4)).flat_map(|_| next()[..4].to_vec()).collect();
    bytes.truncate(len);
    bytes
}
