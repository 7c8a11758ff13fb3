//! Blobs that go out over the native protocol: whole, as uploads, as streams, and what a server may say in between.

use std::fs::{self, File};
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use aqueduct_blob::{Algorithm, SEGMENT_LEN, UploadId};
use aqueduct_client::{Client, Error, ErrorKind, Options, Source, Uploaded};
use aqueduct_flow::Route;
use aqueduct_wire::native::{Ask, Code, Put, Request, Say, TaskId};
use tempfile::NamedTempFile;

use crate::peer::{Peer, Talk, digest_of, noise, quick};
use crate::speaker::{Blob, speak};

fn file(bytes: &[u8]) -> NamedTempFile {
    let file = NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::write(file.path(), bytes).unwrap();
    file
}

fn source(file: &NamedTempFile) -> Source {
    Source::new(File::open(file.path()).unwrap()).unwrap()
}

/// Puts bytes without a name, and checks that what was told adds up.
fn put(client: &Client, blob: &Blob) -> Result<Uploaded, Error> {
    let mut told = 0;
    let algorithm = blob.digest.algorithm();
    let uploaded = client.put_unnamed(algorithm, &source(&file(&blob.bytes)), &mut |len| told += len)?;
    assert_eq!((uploaded.digest, uploaded.size), (blob.digest, blob.bytes.len() as u64));
    assert!(told <= uploaded.size, "{told}");
    Ok(uploaded)
}

fn stored(blob: &Blob) -> Say {
    let size = blob.bytes.len() as u64;
    Say::Stored { digest: blob.digest, size, is_new: true, received: size }
}

fn refused(code: Code) -> Say {
    Say::Refused { code, message: "Because.".to_owned(), actual: None }
}

/// Hears an upload begin, and says what is there of it.
fn open(talk: &mut Talk, blob: &Blob, verified: impl IntoIterator<Item = Range<u64>>) -> (TaskId, UploadId) {
    let (Request { task, ask }, payload) = talk.hear_frame();
    let Ask::Put(Put { algorithm, digest, size, upload }) = ask else { panic!("{ask:?} is no Put") };
    assert_eq!((algorithm, digest), (blob.digest.algorithm(), None));
    assert_eq!((size, payload.len()), (Some(blob.bytes.len() as u64), 0));
    let upload = upload.expect("large files can be gone on with");
    talk.tell(task, Say::Opened { upload, verified: verified.into_iter().collect() });
    (task, upload)
}

/// Three segments and a bit.
fn large(algorithm: Algorithm) -> Blob {
    Blob::new(algorithm, noise((12 << 20) + 77))
}

#[test]
fn a_small_file_is_one_frame_and_goes_by_sendfile() {
    let blob = Blob::new(Algorithm::Sha256, noise(4 << 20));
    let expected = blob.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        let (Request { task, ask }, payload) = talk.hear_frame();
        let (algorithm, digest, size) = (Algorithm::Sha256, Some(expected.digest), Some(4 << 20));
        assert_eq!(ask, Ask::Put(Put { algorithm, digest, size, upload: None }));
        assert!(payload == expected.bytes);
        talk.tell(task, stored(&expected));
    })]);
    let uploaded = put(&peer.native_client(), &blob).unwrap();
    assert_eq!((uploaded.is_new, uploaded.sent), (true, 4 << 20));
    assert_eq!(uploaded.carried.by(Route::Sendfile), 4 << 20);
    peer.finish();
}

#[test]
fn damage_on_the_way_is_sent_again_and_a_change_is_not() {
    let damaged = |talk: &mut Talk| {
        let (Request { task, .. }, _) = talk.hear_frame();
        let actual = Some(digest_of(b"damaged"));
        talk.tell(task, Say::Refused { code: Code::Mismatch, message: String::new(), actual });
    };
    let blob = Blob::new(Algorithm::Sha256, noise(1000));
    let expected = blob.clone();
    let peer = Peer::new(vec![
        speak(damaged),
        speak(damaged),
        speak(damaged),
        speak(move |talk| {
            let (Request { task, .. }, _) = talk.hear_frame();
            talk.tell(task, stored(&expected));
        }),
    ]);
    assert!(put(&peer.native_client(), &blob).unwrap().is_new);
    peer.finish();
    let peer = Peer::new(vec![speak(damaged), speak(damaged), speak(damaged), speak(damaged)]);
    assert_eq!(put(&peer.native_client(), &blob).unwrap_err().kind(), ErrorKind::Mismatch);
    peer.finish();
    let peer = Peer::new(vec![speak(damaged)]);
    let file = file(b"abc");
    let seen = source(&file);
    fs::write(file.path(), "abd").unwrap();
    let error = peer.native_client().put(&digest_of(b"abc"), &seen, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
    peer.finish();
}

#[test]
fn a_large_file_goes_in_segments_each_behind_its_checkpoint() {
    for algorithm in Algorithm::ALL {
        let blob = large(algorithm);
        let expected = blob.clone();
        let peer = Peer::new(vec![speak(move |talk| {
            open(talk, &expected, None);
            let (task, segments) = talk.hear_upload(&expected);
            assert_eq!(segments, [0, 1, 2, 3]);
            talk.tell(task, stored(&expected));
        })]);
        let uploaded = put(&peer.native_client(), &blob).unwrap();
        assert_eq!((uploaded.is_new, uploaded.sent), (true, uploaded.size));
        assert_eq!(uploaded.carried.by(Route::Sendfile), uploaded.size);
        peer.finish();
    }
}

#[test]
fn what_the_server_has_is_not_sent_again() {
    let blob = large(Algorithm::Sha256);
    let expected = blob.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        let verified = [0..SEGMENT_LEN, 2 * SEGMENT_LEN..3 * SEGMENT_LEN];
        open(talk, &expected, verified);
        let (task, segments) = talk.hear_upload(&expected);
        assert_eq!(segments, [1, 3]);
        talk.tell(task, stored(&expected));
    })]);
    let uploaded = put(&peer.native_client(), &blob).unwrap();
    assert_eq!(uploaded.sent, SEGMENT_LEN + 77);
    peer.finish();
}

#[test]
fn an_upload_that_is_finished_is_not_begun_anew() {
    let blob = large(Algorithm::Sha256);
    let expected = blob.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        let (Request { task, .. }, _) = talk.hear_frame();
        talk.tell(task, stored(&expected));
    })]);
    assert_eq!(put(&peer.native_client(), &blob).unwrap().sent, 0);
    peer.finish();
}

#[test]
fn the_same_file_has_the_same_upload_and_another_one_has_another() {
    let blob = large(Algorithm::Sha256);
    let (same, other) = (file(&blob.bytes), file(&blob.bytes));
    let (tell, told) = mpsc::channel();
    let hear = |tell: mpsc::Sender<UploadId>| {
        speak(move |talk| {
            let (Request { task, ask }, _) = talk.hear_frame();
            let Ask::Put(put) = ask else { panic!("{ask:?} is no Put") };
            tell.send(put.upload.unwrap()).unwrap();
            talk.tell(task, refused(Code::Fault));
        })
    };
    let peer = Peer::new((0..4).map(|_| hear(tell.clone())).collect());
    let client = peer.native_client();
    let of = [
        (&same, Algorithm::Sha256),
        (&same, Algorithm::Sha256),
        (&other, Algorithm::Sha256),
        (&same, Algorithm::Blake3),
    ];
    for (file, algorithm) in of {
        let error = client.put_unnamed(algorithm, &source(file), &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Server);
    }
    let ids: Vec<_> = told.iter().take(4).collect();
    assert!(ids[0] == ids[1] && ids[0] != ids[2] && ids[0] != ids[3] && ids[2] != ids[3], "{ids:?}");
    peer.finish();
}

#[test]
fn a_segment_that_is_asked_for_again_is_sent_again() {
    let blob = large(Algorithm::Sha256);
    let expected = blob.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        let (task, _) = open(talk, &expected, None);
        talk.tell(task, again(vec![1], false));
        let (task, segments) = talk.hear_upload(&expected);
        // Whether it was sent before depends on who is faster.
        assert_eq!(segments.iter().filter(|index| **index == 3).count(), 1);
        talk.tell(task, again(vec![0, 2], true));
        let (task, again) = hear_again(talk, &expected);
        assert_eq!(again, [0, 2]);
        talk.tell(task, stored(&expected));
    })]);
    assert!(put(&peer.native_client(), &blob).unwrap().is_new);
    peer.finish();
}

#[test]
fn a_segment_that_is_asked_for_before_the_end_is_heard_is_sent_once_more_and_not_twice() {
    let blob = large(Algorithm::Sha256);
    let expected = blob.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        open(talk, &expected, None);
        let (task, _) = talk.hear_upload(&expected);
        // This crossed the end on its way, and the second one answers it.
        talk.tell(task, again(vec![2], false));
        talk.tell(task, again(vec![2], true));
        let (task, segments) = hear_again(talk, &expected);
        assert_eq!(segments, [2]);
        talk.tell(task, stored(&expected));
    })]);
    assert!(put(&peer.native_client(), &blob).unwrap().is_new);
    peer.finish();
}

/// The segments that come before the next end, whose checkpoints came before.
fn hear_again(talk: &mut Talk, expected: &Blob) -> (TaskId, Vec<u64>) {
    let mut segments = Vec::new();
    loop {
        let (Request { task, ask }, payload) = talk.hear_frame();
        match ask {
            Ask::Data { offset } => {
                assert!(payload == expected.part(offset..offset + payload.len() as u64));
                segments.push(offset / SEGMENT_LEN);
            }
            // All is hashed, so that it can be asked whether the rest is needed.
            Ask::Has { .. } => talk.tell(task, Say::Presence { present: vec![false] }),
            Ask::End { .. } => {
                segments.dedup();
                return (task, segments);
            }
            other => panic!("{other:?} is no part of an upload"),
        }
    }
}

fn again(segments: Vec<u64>, after_end: bool) -> Say {
    Say::Again { segments, checkpoints: false, after_end }
}

#[test]
fn checkpoints_that_are_asked_for_again_come_from_the_first_on() {
    let blob = large(Algorithm::Sha256);
    let expected = blob.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        open(talk, &expected, None);
        let (task, _) = talk.hear_upload(&expected);
        talk.tell(task, Say::Again { segments: vec![3], checkpoints: true, after_end: true });
        let (task, segments) = talk.hear_upload(&expected);
        assert_eq!(segments, [3]);
        talk.tell(task, stored(&expected));
    })]);
    assert!(put(&peer.native_client(), &blob).unwrap().is_new);
    peer.finish();
}

#[test]
fn a_server_that_asks_again_for_ever_is_given_up() {
    for segments in [vec![1], vec![4], vec![u64::MAX]] {
        let blob = large(Algorithm::Sha256);
        let expected = blob.clone();
        let peer = Peer::new(vec![speak(move |talk| {
            let (task, _) = open(talk, &expected, None);
            for _ in 0..17 {
                talk.tell(task, again(segments.clone(), false));
            }
            talk.hear_all();
        })]);
        assert_eq!(put(&peer.native_client(), &blob).unwrap_err().kind(), ErrorKind::Protocol);
        peer.finish();
    }
}

#[test]
fn after_a_break_the_same_upload_goes_on_with_what_is_missing() {
    let blob = large(Algorithm::Sha256);
    let (first, second) = (blob.clone(), blob.clone());
    let (tell, told) = mpsc::channel();
    let peer = Peer::new(vec![
        speak(move |talk| {
            let (_, upload) = open(talk, &first, None);
            tell.send(upload).unwrap();
            let (_, segments) = talk.hear_upload(&first);
            assert_eq!(segments, [0, 1, 2, 3]);
        }),
        speak(move |talk| {
            // What was on its way when the line broke is lost.
            let (_, upload) = open(talk, &second, Some(0..2 * SEGMENT_LEN));
            assert_eq!(upload, told.recv().unwrap());
            let (task, segments) = talk.hear_upload(&second);
            assert_eq!(segments, [2, 3]);
            talk.tell(task, stored(&second));
        }),
    ]);
    let uploaded = put(&peer.native_client(), &blob).unwrap();
    assert!(uploaded.is_new && uploaded.sent > uploaded.size);
    peer.finish();
}

#[test]
fn an_upload_that_was_dropped_meanwhile_begins_anew() {
    let blob = large(Algorithm::Sha256);
    let (first, second) = (blob.clone(), blob.clone());
    let peer = Peer::new(vec![
        speak(move |talk| {
            let (task, _) = open(talk, &first, Some(0..SEGMENT_LEN));
            talk.tell(task, refused(Code::NoSuchUpload));
            talk.hear_all();
        }),
        speak(move |talk| {
            open(talk, &second, None);
            let (task, segments) = talk.hear_upload(&second);
            // What was there the first time is asked for at the end.
            if segments.contains(&0) {
                assert_eq!(segments, [0, 1, 2, 3]);
            } else {
                talk.tell(task, again(vec![0], true));
                while !matches!(talk.hear_frame().0.ask, Ask::End { .. }) {}
            }
            talk.tell(task, stored(&second));
        }),
    ]);
    assert!(put(&peer.native_client(), &blob).unwrap().is_new);
    peer.finish();
}

#[test]
fn an_upload_of_something_else_under_the_same_id_is_dropped() {
    let blob = large(Algorithm::Sha256);
    let expected = blob.clone();
    let peer = Peer::new(vec![
        speak(move |talk| {
            let (Request { task, .. }, _) = talk.hear_frame();
            talk.tell(task, refused(Code::Conflict));
            open(talk, &expected, None);
            let (task, _) = talk.hear_upload(&expected);
            talk.tell(task, stored(&expected));
        }),
        speak(|talk| {
            let (Request { task, ask }, _) = talk.hear_frame();
            assert!(matches!(ask, Ask::DropUpload { .. }), "{ask:?}");
            talk.tell(task, Say::Dropped);
        }),
    ]);
    assert!(put(&peer.native_client(), &blob).unwrap().is_new);
    peer.finish();
}

#[test]
fn a_blob_that_is_there_after_the_end_is_no_blob_that_was_there_before() {
    let blob = Blob::new(Algorithm::Sha256, noise(5 << 20));
    let expected = blob.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        let (put, _) = open(talk, &expected, None);
        let mut question = None;
        loop {
            let (Request { task, ask }, _) = talk.hear_frame();
            match ask {
                Ask::Has { .. } => question = Some(task),
                Ask::End { .. } => break,
                _ => {}
            }
        }
        // The answers cross: what was asked before is answered after the end was heard, and before it is answered.
        if let Some(question) = question {
            talk.tell(question, Say::Presence { present: vec![true] });
        }
        talk.tell(put, stored(&expected));
    })]);
    assert!(put(&peer.native_client(), &blob).unwrap().is_new);
    peer.finish();
}

#[test]
fn a_server_that_stored_something_else_is_a_mismatch() {
    let blob = large(Algorithm::Sha256);
    let expected = blob.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        open(talk, &expected, None);
        let (task, _) = talk.hear_upload(&expected);
        let say = Say::Stored { digest: digest_of(b"abc"), size: 3, is_new: true, received: 3 };
        talk.tell(task, say);
    })]);
    assert_eq!(put(&peer.native_client(), &blob).unwrap_err().kind(), ErrorKind::Mismatch);
    peer.finish();
}

#[test]
fn an_early_refusal_ends_it_before_everything_is_sent() {
    for (code, kind) in [(Code::NoSpace, ErrorKind::NoSpace), (Code::NeedsWriteToken, ErrorKind::Refused)] {
        let blob = Blob::new(Algorithm::Blake3, noise(64 << 20));
        let expected = blob.clone();
        let peer = Peer::new(vec![speak(move |talk| {
            let (task, _) = open(talk, &expected, None);
            talk.hear_frame();
            talk.tell(task, refused(code));
            talk.hang();
        })]);
        let began = Instant::now();
        let error = put(&peer.native_client(), &blob).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().ends_with("Because."), "{error}");
        assert!(began.elapsed() < Duration::from_secs(15), "it was not the timeout");
        peer.finish();
    }
}

#[test]
fn a_server_that_reads_nothing_is_given_up_in_time() {
    let blob = Blob::new(Algorithm::Blake3, noise(64 << 20));
    let expected = blob.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        open(talk, &expected, None);
        talk.hang();
    })]);
    let options = Options { timeout: Duration::from_millis(300), retry_count_max: 0, ..quick() };
    let error = put(&peer.native_client_with(options), &blob).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    peer.finish();
}

#[test]
fn a_source_that_shrinks_is_a_change() {
    let file = file(&noise(12 << 20));
    let source = source(&file);
    File::options().write(true).open(file.path()).unwrap().set_len(5 << 20).unwrap();
    let (tell, told) = mpsc::channel();
    let peer = Peer::new(vec![
        speak(move |talk| {
            let (Request { task, ask }, _) = talk.hear_frame();
            let Ask::Put(put) = ask else { panic!("{ask:?} is no Put") };
            let upload = put.upload.unwrap();
            talk.tell(task, Say::Opened { upload, verified: Vec::new() });
            tell.send(upload).unwrap();
            talk.hear_all();
        }),
        // What came of it is of no use to anybody. That this fails is not what is told.
        speak(move |talk| {
            let task = talk.hear_ask(&Ask::DropUpload { upload: told.recv().unwrap() });
            talk.tell(task, refused(Code::Fault));
        }),
    ]);
    let error = peer.native_client().put_unnamed(Algorithm::Sha256, &source, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
    peer.finish();
}

#[test]
fn a_change_is_told_although_nobody_answers_that_what_came_is_dropped() {
    let (timeout, answer_timeout) = (Duration::from_millis(300), Duration::from_secs(120));
    let file = file(&noise(12 << 20));
    let source = source(&file);
    File::options().write(true).open(file.path()).unwrap().set_len(5 << 20).unwrap();
    let peer = Peer::new(vec![
        speak(|talk| {
            let (Request { task, ask }, _) = talk.hear_frame();
            let Ask::Put(put) = ask else { panic!("{ask:?} is no Put") };
            talk.tell(task, Say::Opened { upload: put.upload.unwrap(), verified: Vec::new() });
            talk.hear_all();
        }),
        speak(|talk| {
            assert!(matches!(talk.hear_frame().0.ask, Ask::DropUpload { .. }));
            talk.hang();
        }),
    ]);
    let began = Instant::now();
    let client = peer.native_client_with(Options { timeout, answer_timeout, ..quick() });
    let error = client.put_unnamed(Algorithm::Sha256, &source, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
    assert!(began.elapsed() < answer_timeout / 2);
    peer.finish();
}

#[test]
fn nothing_is_dropped_where_nothing_was_opened_or_all_is_stored() {
    for is_stored in [false, true] {
        let blob = Blob::new(Algorithm::Sha256, noise(5 << 20));
        let file = file(&blob.bytes);
        let source = source(&file);
        // Other bytes would be another failure.
        file.as_file().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let question = speak(|talk| {
            let task = talk.hear_ask(&Ask::Stat { digest: digest_of(b"abc") });
            talk.tell(task, refused(Code::Absent));
        });
        let put = speak(move |talk| {
            if is_stored {
                open(talk, &blob, None);
                let (task, _) = talk.hear_upload(&blob);
                talk.tell(task, stored(&blob));
            } else {
                let (Request { task, .. }, _) = talk.hear_frame();
                talk.tell(task, refused(Code::NeedsWriteToken));
            }
        });
        let peer = Peer::new(vec![put, question]);
        let client = peer.native_client();
        let error = client.put_unnamed(Algorithm::Sha256, &source, &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
        assert_eq!(client.size(&digest_of(b"abc")).unwrap(), None);
        peer.finish();
    }
}

#[test]
fn answers_that_come_for_ever_and_ask_for_nothing_are_no_answers() {
    let blob = large(Algorithm::Sha256);
    for is_of_question in [false, true] {
        let expected = blob.clone();
        let peer = Peer::new(vec![speak(move |talk| {
            let (put, _) = open(talk, &expected, Some(0..12 << 20));
            if !is_of_question {
                talk.tell(put, again(Vec::new(), false));
            }
            while let Some((Request { task, ask }, _)) = talk.hear_frame_if_any() {
                if is_of_question && matches!(ask, Ask::Has { .. }) {
                    for _ in 0..2 {
                        talk.tell(task, Say::Presence { present: vec![false] });
                    }
                }
            }
        })]);
        // It is hashed before it is sent to its end.
        let error = put(&peer.native_client(), &blob).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{is_of_question}");
        peer.finish();
    }
}

#[test]
fn a_server_that_forgets_and_finds_the_same_again_makes_no_progress() {
    let blob = large(Algorithm::Sha256);
    let opened = |verified: Option<Range<u64>>| {
        let expected = blob.clone();
        speak(move |talk| {
            open(talk, &expected, verified);
        })
    };
    // Once, and three times more.
    let found = || opened(Some(0..SEGMENT_LEN));
    let peer = Peer::new(vec![found(), opened(None), found(), opened(None)]);
    assert_eq!(put(&peer.native_client(), &blob).unwrap_err().kind(), ErrorKind::Lost);
    peer.finish();
}

#[test]
fn large_files_that_go_at_once_share_the_lines_there_may_be() {
    let blobs = [0, 1].map(|number| {
        let mut bytes = noise(64 << 20);
        bytes[0] = number;
        Blob::new(Algorithm::Blake3, bytes)
    });
    let both_are_open = Arc::new(Barrier::new(2));
    let conversation = || {
        let (blobs, both_are_open) = (blobs.clone(), Arc::clone(&both_are_open));
        speak(move |talk| {
            let (Request { task, ask }, _) = talk.hear_frame();
            let Ask::Put(put) = ask else { panic!("{ask:?} is no Put") };
            both_are_open.wait();
            talk.tell(task, Say::Opened { upload: put.upload.unwrap(), verified: Vec::new() });
            let digest = loop {
                match talk.hear_frame() {
                    (Request { ask: Ask::End { digest }, .. }, _) => break digest,
                    (Request { task, ask: Ask::Has { .. } }, _) => {
                        talk.tell(task, Say::Presence { present: vec![false] });
                    }
                    _ => {}
                }
            };
            talk.tell(task, stored(blobs.iter().find(|blob| Some(blob.digest) == digest).unwrap()));
        })
    };
    let question = speak(|talk| {
        let (Request { task, ask }, _) = talk.hear_frame();
        assert!(matches!(ask, Ask::Stat { .. }), "a third line puts: {ask:?}");
        talk.tell(task, refused(Code::Absent));
    });
    let peer = Peer::new(vec![conversation(), conversation(), question]);
    let client = peer.native_client_with(Options { stream_count: NonZeroUsize::new(2).unwrap(), ..quick() });
    thread::scope(|scope| {
        for blob in &blobs {
            scope.spawn(|| put(&client, blob).unwrap());
        }
    });
    assert_eq!(peer.native_client().size(&digest_of(b"abc")).unwrap(), None);
    peer.finish();
}

/// A blob of so many segments, which costs little to make and is told apart by its size.
fn blank(segment_count: u64) -> Blob {
    Blob::new(Algorithm::Blake3, vec![0; usize::try_from(segment_count * SEGMENT_LEN).unwrap()])
}

/// Hears an upload begin and opens it, calling `asked` before and `opened` with its size after, and takes it to its end, or
/// as far as this line has a part in it.
fn take_one_of(talk: &mut Talk, blobs: &[Blob], asked: impl FnOnce(), opened: impl FnOnce(u64)) {
    let (Request { task: put, ask }, _) = talk.hear_frame();
    let Ask::Put(Put { size, upload, .. }) = ask else { panic!("{ask:?} is no Put") };
    asked();
    talk.tell(put, Say::Opened { upload: upload.unwrap(), verified: Vec::new() });
    opened(size.unwrap());
    loop {
        let (Request { task, ask }, _) = talk.hear_frame();
        match ask {
            Ask::End { digest } => {
                let blob = blobs.iter().find(|blob| Some(blob.digest) == digest).unwrap();
                return talk.tell(put, stored(blob));
            }
            Ask::Leave => return talk.tell(put, Say::Done),
            Ask::Has { .. } => talk.tell(task, Say::Presence { present: vec![false] }),
            _ => {}
        }
    }
}

#[test]
fn a_large_file_has_its_second_line_when_another_one_ends() {
    let blobs = [blank(16), blank(40)];
    let both_are_asked_for = Arc::new(Barrier::new(2));
    let larger_is_shared = Arc::new(Barrier::new(2));
    let conversation = |both: Option<Arc<Barrier>>| {
        let (blobs, larger_is_shared) = (blobs.clone(), Arc::clone(&larger_is_shared));
        speak(move |talk| {
            let asked = || {
                both.iter().for_each(|both| _ = both.wait());
            };
            take_one_of(talk, &blobs, asked, |size| {
                // The larger one goes no further before it has two lines.
                if size == blobs[1].bytes.len() as u64 {
                    larger_is_shared.wait();
                }
            });
        })
    };
    let both = || Some(Arc::clone(&both_are_asked_for));
    let peer = Peer::new(vec![conversation(both()), conversation(both()), conversation(None)]);
    put_at_once(peer, &blobs);
}

/// Puts blobs at the same time, all over two lines together.
fn put_at_once(peer: Peer, blobs: &[Blob]) {
    let client = peer.native_client_with(Options { stream_count: NonZeroUsize::new(2).unwrap(), ..quick() });
    thread::scope(|scope| {
        for blob in blobs {
            scope.spawn(|| put(&client, blob).unwrap());
        }
    });
    peer.finish();
}

#[test]
fn a_file_that_is_not_to_be_shared_takes_no_line_from_one_that_is() {
    let blobs = [blank(3), blank(40)];
    let all_are_open = Arc::new(Barrier::new(3));
    let conversation = || {
        let (blobs, all_are_open) = (blobs.clone(), Arc::clone(&all_are_open));
        speak(move |talk| {
            let opened = |_| _ = all_are_open.wait();
            take_one_of(talk, &blobs, || {}, opened);
        })
    };
    let peer = Peer::new((0..3).map(|_| conversation()).collect());
    put_at_once(peer, &blobs);
}

#[test]
fn a_file_whose_put_failed_is_sent_by_whoever_waited_for_it() {
    let blob = large(Algorithm::Blake3);
    let file = file(&blob.bytes);
    let (refuse, is_refused) = mpsc::channel();
    let expected = blob.clone();
    let peer = Peer::new(vec![
        speak(move |talk| {
            let (Request { task, .. }, _) = talk.hear_frame();
            refuse.send(()).unwrap();
            talk.tell(task, refused(Code::Fault));
            talk.hear_all();
        }),
        speak(move |talk| {
            is_refused.try_recv().expect("both are sent at once");
            open(talk, &expected, None);
            let (task, _) = talk.hear_upload(&expected);
            talk.tell(task, stored(&expected));
        }),
    ]);
    let client = peer.native_client();
    let put = || client.put_unnamed(Algorithm::Blake3, &source(&file), &mut |_| {});
    let outcomes = thread::scope(|scope| {
        [scope.spawn(put), scope.spawn(put)].map(|thread| thread.join().unwrap().map_err(|it| it.kind()))
    });
    assert!(outcomes.iter().any(|it| it.as_ref().is_ok_and(|it| it.digest == blob.digest)), "{outcomes:?}");
    assert!(outcomes.iter().any(|it| it.as_ref().is_err_and(|it| *it == ErrorKind::Server)), "{outcomes:?}");
    peer.finish();
}

#[test]
fn the_same_file_put_twice_at_once_is_sent_once() {
    let blob = large(Algorithm::Blake3);
    let file = file(&blob.bytes);
    let expected = blob.clone();
    let is_stored = Arc::new(AtomicBool::new(false));
    let is_first_stored = Arc::clone(&is_stored);
    let again = blob.clone();
    let peer = Peer::new(vec![
        speak(move |talk| {
            open(talk, &expected, None);
            let (task, _) = talk.hear_upload(&expected);
            is_stored.store(true, Ordering::SeqCst);
            talk.tell(task, stored(&expected));
        }),
        speak(move |talk| {
            let (Request { task, .. }, _) = talk.hear_frame();
            assert!(is_first_stored.load(Ordering::SeqCst), "both are sent at once");
            talk.tell(task, stored(&again));
        }),
    ]);
    let client = peer.native_client();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| client.put_unnamed(Algorithm::Blake3, &source(&file), &mut |_| {}).unwrap());
        }
    });
    peer.finish();
}

#[test]
fn a_stream_goes_in_frames_and_its_end_has_the_digest() {
    let blob = Blob::new(Algorithm::Sha256, noise((1 << 20) + 1));
    let expected = blob.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        let (Request { task: put, ask }, _) = talk.hear_frame();
        let algorithm = Algorithm::Sha256;
        assert_eq!(ask, Ask::Put(Put { algorithm, digest: None, size: None, upload: None }));
        let mut bytes = Vec::new();
        loop {
            let (Request { task, ask }, payload) = talk.hear_frame();
            assert_eq!(task, put);
            match ask {
                Ask::Data { offset } => {
                    assert_eq!(offset, bytes.len() as u64);
                    bytes.extend(payload);
                }
                Ask::End { digest } => {
                    assert_eq!(digest, Some(expected.digest));
                    break;
                }
                other => panic!("{other:?} is no part of a stream"),
            }
        }
        assert!(bytes == expected.bytes);
        talk.tell(put, stored(&expected));
    })]);
    let mut told = 0;
    let client = peer.native_client();
    let uploaded =
        client.put_stream(Algorithm::Sha256, &mut &blob.bytes[..], &mut |len| told += len).unwrap();
    assert_eq!((uploaded.digest, uploaded.size, told), (blob.digest, told, uploaded.size));
    peer.finish();
}

#[test]
fn a_stream_that_is_not_read_is_not_waited_for_as_long_as_an_answer() {
    let peer = Peer::new(vec![speak(|talk| talk.hang())]);
    let (timeout, answer_timeout) = (Duration::from_millis(300), Duration::from_secs(60));
    let client = peer.native_client_with(Options { timeout, answer_timeout, ..quick() });
    let began = Instant::now();
    let error = client.put_stream(Algorithm::Sha256, &mut io::repeat(7), &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(began.elapsed() < answer_timeout / 2);
    peer.finish();
}

#[test]
fn a_stream_stops_where_the_server_refuses_and_is_not_begun_again_where_it_breaks() {
    struct Endless;
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            Ok(buffer.len())
        }
    }
    let peer = Peer::new(vec![
        speak(|talk| {
            let (Request { task, .. }, _) = talk.hear_frame();
            talk.tell(task, refused(Code::TooLarge));
            talk.hang();
        }),
        speak(|talk| drop(talk.hear_frame())),
    ]);
    let client = peer.native_client();
    for kind in [ErrorKind::TooLarge, ErrorKind::Lost] {
        let error = client.put_stream(Algorithm::Sha256, &mut Endless, &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), kind);
    }
    peer.finish();
}
