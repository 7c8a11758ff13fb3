//! Blobs that come in over the native protocol: verified, damaged, broken off, and what a server may send instead.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use aqueduct_blob::{Algorithm, SEGMENT_LEN};
use aqueduct_client::{Client, Error, ErrorKind, Options, Received};
use aqueduct_flow::Route;
use aqueduct_wire::native::{Ask, Code, Request, Say, TaskId};
use tempfile::{NamedTempFile, tempfile_in};

use crate::peer::{Conversation, Peer, Talk, noise, quick};
use crate::speaker::{Blob, speak};

/// Two segments and a bit.
fn large(algorithm: Algorithm) -> Blob {
    Blob::new(algorithm, noise((8 << 20) + 5))
}

fn segment(index: u64) -> Range<u64> {
    index * SEGMENT_LEN..(index + 1) * SEGMENT_LEN
}

/// Receives into a file, and checks that what was told adds up.
fn receive(client: &Client, blob: &Blob) -> Result<Received, Error> {
    let file = NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let download = client.get(&blob.digest, None)?.expect("it is there");
    let target = File::options().read(true).write(true).open(file.path()).unwrap();
    let mut told = 0;
    let received = download.receive(&target, &mut |len| told += len)?;
    assert!(fs::read(file.path()).unwrap() == blob.bytes);
    assert_eq!((told, received.len, received.is_verified), (received.len, blob.bytes.len() as u64, true));
    Ok(received)
}

fn read(client: &Client, blob: &Blob) -> Result<Vec<u8>, Error> {
    let mut download = client.get(&blob.digest, None)?.expect("it is there");
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 100_000];
    loop {
        match download.read(&mut buffer)? {
            0 => break,
            len => bytes.extend_from_slice(&buffer[..len]),
        }
    }
    assert!(download.is_empty());
    Ok(bytes)
}

/// Answers every Get that comes, with damage to the segments that `damage` picks.
fn serve(talk: &mut Talk, blob: &Blob, mut damage: impl FnMut(u64) -> bool) {
    while let Some((request, _)) = talk.hear_frame_if_any() {
        let Ask::Get(get) = request.ask else { panic!("no Get") };
        if get.list_only {
            talk.tell_entries(request.task, blob, &blob.entries);
            continue;
        }
        let range = get.ranges[0].clone();
        let mut damaged = blob.clone();
        for index in range.start / SEGMENT_LEN..range.end.div_ceil(SEGMENT_LEN) {
            if damage(index) {
                damaged.bytes[usize::try_from(index * SEGMENT_LEN).unwrap()] ^= 4;
            }
        }
        talk.tell_range(request.task, &damaged, range);
    }
}

#[test]
fn a_large_blob_comes_in_by_splice_each_segment_verified() {
    for algorithm in Algorithm::ALL {
        let blob = large(algorithm);
        let served = blob.clone();
        let peer = Peer::new(vec![speak(move |talk| serve(talk, &served, |_| false))]);
        let received = receive(&peer.native_client(), &blob).unwrap();
        assert_eq!(received.carried.by(Route::Splice), received.len, "{}", received.carried);
        peer.finish();
    }
}

#[test]
fn blobs_of_every_awkward_size_arrive() {
    for size in [0, 1, 55, 56, 64, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 8 << 20] {
        for algorithm in Algorithm::ALL {
            let blob = Blob::new(algorithm, noise(size));
            let served = blob.clone();
            let peer = Peer::new(vec![speak(move |talk| serve(talk, &served, |_| false))]);
            let client = peer.native_client();
            receive(&client, &blob).unwrap();
            assert!(read(&client, &blob).unwrap() == blob.bytes);
            drop(client);
            peer.finish();
        }
    }
}

#[test]
fn a_damaged_segment_is_asked_for_again_and_no_other() {
    for algorithm in Algorithm::ALL {
        for damaged in 0..3 {
            let blob = large(algorithm);
            let served = blob.clone();
            let peer = Peer::new(vec![speak(move |talk| {
                let mut asked = Vec::new();
                serve(talk, &served, |index| {
                    asked.push(index);
                    index == damaged && asked.iter().filter(|it| **it == index).count() <= 3
                });
                asked.sort_unstable();
                let mut expected = vec![0, 1, 2, damaged, damaged, damaged];
                expected.sort_unstable();
                assert_eq!(asked, expected);
            })]);
            receive(&peer.native_client(), &blob).unwrap();
            peer.finish();
        }
    }
}

#[test]
fn a_blob_of_one_segment_that_is_damaged_is_asked_for_again() {
    let blob = Blob::new(Algorithm::Sha256, noise(100_000));
    let serve_damaged = |times: usize| {
        let served = blob.clone();
        speak(move |talk| {
            let mut left = times;
            serve(talk, &served, |_| {
                left = left.saturating_sub(1);
                left > 0
            });
        })
    };
    let peer = Peer::new(vec![serve_damaged(4)]);
    assert!(receive(&peer.native_client(), &blob).unwrap().is_verified);
    peer.finish();
    // Where it stays so, the list, which says nothing of such a blob but its size, comes again over another line.
    let peer = Peer::new(vec![serve_damaged(100), serve_damaged(0)]);
    assert_eq!(receive(&peer.native_client(), &blob).unwrap_err().kind(), ErrorKind::Mismatch);
    peer.finish();
}

#[test]
fn what_stays_damaged_is_given_up_after_the_list_came_again() {
    let blob = large(Algorithm::Sha256);
    let served = blob.clone();
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let bad = move |talk: &mut Talk| {
        serve(talk, &served, |index| {
            counted.fetch_add(u32::from(index == 1), Ordering::Relaxed);
            index == 1
        });
    };
    // The list comes again over a line of its own.
    let list = blob.clone();
    let peer = Peer::new(vec![speak(bad), speak(move |talk| serve(talk, &list, |_| false))]);
    let error = receive(&peer.native_client(), &blob).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch, "{error:?}");
    peer.finish();
    assert_eq!(count.load(Ordering::Relaxed), 8, "four times for either list");
}

#[test]
fn a_damaged_list_is_replaced_and_costs_nothing_that_was_right() {
    let blob = large(Algorithm::Sha256);
    let (served, list) = (blob.clone(), blob.clone());
    let peer = Peer::new(vec![
        speak(move |talk| {
            let (request, _) = talk.hear_frame();
            let mut entries = served.entries.clone();
            entries[0][5] ^= 1;
            talk.tell_entries(request.task, &served, &entries);
            serve(talk, &served, |_| false);
        }),
        speak(move |talk| serve(talk, &list, |_| false)),
    ]);
    receive(&peer.native_client(), &blob).unwrap();
    peer.finish();
}

#[test]
fn a_trees_list_is_refused_before_a_byte_is_asked_for() {
    let blob = large(Algorithm::Blake3);
    let served = blob.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        let (request, _) = talk.hear_frame();
        let mut entries = served.entries.clone();
        entries[2][5] ^= 1;
        talk.tell_entries(request.task, &served, &entries);
        assert!(talk.hear_frame_if_any().is_none(), "it asks for more");
    })]);
    assert_eq!(receive(&peer.native_client(), &blob).unwrap_err().kind(), ErrorKind::Mismatch);
    peer.finish();
}

#[test]
fn a_lying_server_is_found_out_at_the_end() {
    // A list and bytes that agree with each other, of another blob.
    let blob = large(Algorithm::Sha256);
    let mut other = Blob::new(Algorithm::Sha256, noise((8 << 20) + 6)[1..].to_vec());
    other.digest = blob.digest;
    let (served, list) = (other.clone(), other);
    let peer = Peer::new(vec![
        speak(move |talk| serve(talk, &served, |_| false)),
        speak(move |talk| serve(talk, &list, |_| false)),
    ]);
    let client = peer.native_client();
    assert_eq!(receive(&client, &blob).unwrap_err().kind(), ErrorKind::Mismatch);
    drop(client);
    peer.finish();
}

#[test]
fn a_server_without_a_list_still_serves() {
    let blob = large(Algorithm::Sha256);
    let mut served = blob.clone();
    served.entries.clear();
    let peer = Peer::new(vec![speak(move |talk| serve(talk, &served, |_| false))]);
    let client = peer.native_client();
    receive(&client, &blob).unwrap();
    assert!(read(&client, &blob).unwrap() == blob.bytes);
    drop(client);
    peer.finish();
}

#[test]
fn after_a_break_only_what_is_missing_is_asked_for() {
    let blob = large(Algorithm::Sha256);
    let (first, second) = (blob.clone(), blob.clone());
    let peer = Peer::new(vec![
        speak(move |talk| {
            talk.tell_list(&first);
            let (task, range) = talk.hear_get();
            assert_eq!(range, 0..first.bytes.len() as u64);
            // The whole first segment, and a part of the second one.
            let size = first.bytes.len() as u64;
            talk.tell_bytes(task, 0, size, first.part(segment(0)), false);
            talk.tell_bytes(task, SEGMENT_LEN, size, first.part(SEGMENT_LEN..SEGMENT_LEN + 77), false);
        }),
        speak(move |talk| {
            let mut asked = Vec::new();
            serve(talk, &second, |index| {
                asked.push(index);
                false
            });
            asked.sort_unstable();
            assert_eq!(asked, [1, 2]);
        }),
    ]);
    receive(&peer.native_client(), &blob).unwrap();
    peer.finish();
}

#[test]
fn a_line_that_breaks_without_progress_is_given_up_after_some_tries() {
    let blob = large(Algorithm::Sha256);
    let served = blob.clone();
    let mut conversations: Vec<Conversation> = vec![speak(move |talk| {
        talk.tell_list(&served);
        talk.hear_get();
    })];
    // That this line was closed after its first use does not count.
    for _ in 0..4 {
        conversations.push(speak(|talk| assert!(!talk.hear_get().1.is_empty())));
    }
    let peer = Peer::new(conversations);
    let error = receive(&peer.native_client(), &blob).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Lost, true));
    peer.finish();
}

#[test]
fn large_blobs_share_the_lines_there_may_be_and_take_those_that_others_leave() {
    let blob = |byte, segment_count| {
        Blob::new(Algorithm::Blake3, vec![byte; usize::try_from(segment_count * SEGMENT_LEN).unwrap()])
    };
    let (first, second) = (blob(1, 17), blob(2, 24));
    // Each line waits where it is first asked for bytes of a blob, until others are.
    let first_is_shared = Arc::new(Barrier::new(3));
    let both_are_asked_for = Arc::new(Barrier::new(3));
    let second_is_shared = Arc::new(Barrier::new(2));
    let conversation = |is_third: bool| {
        let served = [first.clone(), second.clone()];
        let barriers = [&first_is_shared, &both_are_asked_for, &second_is_shared].map(Arc::clone);
        speak(move |talk| {
            let [first_is_shared, both_are_asked_for, second_is_shared] = barriers;
            let mut begun = Vec::new();
            while let Some((Request { task, ask }, _)) = talk.hear_frame_if_any() {
                let Ask::Get(get) = ask else { panic!("{ask:?} is no Get") };
                let place = served.iter().position(|blob| blob.digest == get.digest).unwrap();
                if get.list_only {
                    talk.tell_entries(task, &served[place], &served[place].entries);
                    continue;
                }
                if !begun.contains(&place) {
                    begun.push(place);
                    match (place, is_third) {
                        (0, false) => {
                            first_is_shared.wait();
                            both_are_asked_for.wait();
                        }
                        (0, true) => panic!("the first has three lines"),
                        (_, false) => _ = second_is_shared.wait(),
                        (_, true) => {
                            both_are_asked_for.wait();
                            second_is_shared.wait();
                        }
                    }
                }
                talk.tell_range(task, &served[place], get.ranges[0].clone());
            }
        })
    };
    let peer = Peer::new([false, false, true].map(conversation).into());
    let client = peer.native_client_with(Options { stream_count: NonZeroUsize::new(2).unwrap(), ..quick() });
    thread::scope(|scope| {
        scope.spawn(|| receive(&client, &first).unwrap());
        first_is_shared.wait();
        scope.spawn(|| receive(&client, &second).unwrap());
    });
    drop(client);
    peer.finish();
}

#[test]
fn other_bytes_than_were_asked_for_are_no_answer() {
    type Rude = fn(&mut Talk, TaskId, &Blob);
    let rude: [Rude; 10] = [
        |talk, task, blob| talk.tell_bytes(task, 1, blob.bytes.len() as u64, b"abc", false),
        |talk, task, blob| talk.tell_bytes(task, 0, blob.bytes.len() as u64 + 1, b"abc", false),
        |talk, task, blob| talk.tell_bytes(task, 0, blob.bytes.len() as u64, b"abc", true),
        |talk, task, blob| talk.tell_bytes(TaskId(task.0 + 9), 0, blob.bytes.len() as u64, b"abc", true),
        |talk, _, blob| talk.tell_bytes(TaskId::CONNECTION, 0, blob.bytes.len() as u64, b"abc", true),
        |talk, task, _| talk.tell(task, Say::Done),
        |talk, task, _| talk.tell(task, Say::Found { size: 1, checkpoint_count: 0 }),
        |talk, task, _| talk.tell(task, Say::Checkpoints { first: 0, entries: Vec::new() }),
        // Twice what comes once at most.
        |talk, task, blob| {
            for _ in 0..2 {
                talk.tell(task, Say::Found { size: blob.bytes.len() as u64, checkpoint_count: 2 });
            }
        },
        // More than is left, behind what is right.
        |talk, task, blob| {
            let size = blob.bytes.len() as u64;
            for offset in (0..8).map(|number| number << 20) {
                talk.tell_bytes(task, offset, size, blob.part(offset..offset + (1 << 20)), false);
            }
            talk.tell_bytes(task, 8 << 20, size, b"123456", true);
        },
    ];
    for (number, rude) in rude.into_iter().enumerate() {
        for is_streamed in [false, true] {
            let blob = large(Algorithm::Sha256);
            let served = blob.clone();
            let peer = Peer::new(vec![speak(move |talk| {
                talk.tell_list(&served);
                let (task, _) = talk.hear_get();
                rude(talk, task, &served);
                talk.hear_all();
            })]);
            let client = peer.native_client();
            let error = if is_streamed {
                read(&client, &blob).unwrap_err()
            } else {
                receive(&client, &blob).unwrap_err()
            };
            assert_eq!(error.kind(), ErrorKind::Protocol, "{number} {is_streamed}: {error:?}");
            peer.finish();
        }
    }
}

#[test]
fn lists_that_cannot_be_are_no_answer() {
    let entry = [7; 32];
    let says: [Vec<Say>; 6] = [
        vec![Say::Found { size: 9 << 20, checkpoint_count: 3 }],
        vec![Say::Found { size: 5, checkpoint_count: 1 }],
        vec![Say::Checkpoints { first: 0, entries: vec![entry] }],
        vec![
            Say::Found { size: 9 << 20, checkpoint_count: 2 },
            Say::Checkpoints { first: 1, entries: vec![entry] },
        ],
        vec![
            Say::Found { size: 9 << 20, checkpoint_count: 2 },
            Say::Checkpoints { first: 0, entries: vec![entry; 3] },
        ],
        vec![Say::Found { size: 9 << 20, checkpoint_count: 2 }, Say::Done],
    ];
    for (number, says) in says.into_iter().enumerate() {
        let blob = large(Algorithm::Sha256);
        let peer = Peer::new(vec![speak(move |talk| {
            let (request, _) = talk.hear_frame();
            for say in says {
                talk.tell(request.task, say);
            }
            talk.hear_all();
        })]);
        let error = peer.native_client().get(&blob.digest, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{number}: {error:?}");
        peer.finish();
    }
}

#[test]
fn a_blob_whose_list_would_take_all_memory_is_too_large() {
    let blob = large(Algorithm::Sha256);
    let peer = Peer::new(vec![speak(|talk| {
        let (request, _) = talk.hear_frame();
        let (size, checkpoint_count) = (1 << 60, (1 << 38) - 1);
        talk.tell(request.task, Say::Found { size, checkpoint_count });
        talk.hear_all();
    })]);
    let error = peer.native_client().get(&blob.digest, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("1152921504606846976 bytes"), "{error}");
    peer.finish();
}

#[test]
fn a_list_that_comes_again_without_its_entries_is_no_list() {
    let blob = large(Algorithm::Sha256);
    let (served, list) = (blob.clone(), blob.clone());
    let peer = Peer::new(vec![
        speak(move |talk| serve(talk, &served, |index| index == 0)),
        speak(move |talk| {
            let (request, _) = talk.hear_frame();
            talk.tell_entries(request.task, &list, &[]);
        }),
    ]);
    assert_eq!(receive(&peer.native_client(), &blob).unwrap_err().kind(), ErrorKind::Protocol);
    peer.finish();
}

#[test]
fn bytes_of_a_segment_that_is_not_whole_are_progress() {
    let blob = large(Algorithm::Sha256);
    let from = |start: u64, len: u64, blob: Blob| {
        speak(move |talk| {
            if start == 0 {
                talk.tell_list(&blob);
            }
            let (task, range) = talk.hear_get();
            // What was asked for behind it, too, begins anew.
            if range.start == start {
                talk.tell_bytes(task, start, blob.bytes.len() as u64, blob.part(start..start + len), false);
            }
            talk.hear_frame_if_any();
        })
    };
    // More lines break than would be borne without progress.
    let mut conversations: Vec<_> = (0..6).map(|number| from(number * 1000, 1000, blob.clone())).collect();
    let served = blob.clone();
    conversations.push(speak(move |talk| serve(talk, &served, |_| false)));
    let peer = Peer::new(conversations);
    let options = Options { timeout: Duration::from_millis(200), ..quick() };
    let file = tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let client = peer.native_client_with(options);
    let download = client.get(&blob.digest, None).unwrap().unwrap();
    assert!(download.receive(&file, &mut |_| {}).unwrap().is_verified);
    drop(client);
    peer.finish();
}

#[test]
fn what_has_begun_to_come_is_not_waited_for_as_long_as_what_has_not() {
    let blob = large(Algorithm::Sha256);
    let served = blob.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        let (request, _) = talk.hear_frame();
        let size = served.bytes.len() as u64;
        talk.tell(request.task, Say::Described { size, published: 0, checkpoint_count: 2 });
        let (task, _) = talk.hear_get();
        talk.tell_bytes(task, 0, size, served.part(0..10), false);
        talk.hang();
    })]);
    let (timeout, answer_timeout) = (Duration::from_millis(100), Duration::from_secs(60));
    let client = peer.native_client_with(Options { timeout, answer_timeout, retry_count_max: 0, ..quick() });
    let began = Instant::now();
    let mut download = client.get(&blob.digest, Some(&(0..1000))).unwrap().unwrap();
    let mut buffer = [0; 100];
    assert_eq!(download.read(&mut buffer).unwrap(), 10);
    assert_eq!(download.read(&mut buffer).unwrap_err().kind(), ErrorKind::Timeout);
    assert!(began.elapsed() < answer_timeout / 2);
    peer.finish();
}

#[test]
fn a_blob_that_goes_away_meanwhile_is_absent() {
    let blob = large(Algorithm::Sha256);
    let served = blob.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        talk.tell_list(&served);
        let (task, _) = talk.hear_get();
        let message = "It is gone.".to_owned();
        talk.tell(task, Say::Refused { code: Code::Absent, message, actual: None });
    })]);
    let error = receive(&peer.native_client(), &blob).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Absent);
    peer.finish();
}

#[test]
fn what_is_read_was_verified_before_and_damage_is_mended() {
    let blob = large(Algorithm::Sha256);
    let (first, second) = (blob.clone(), blob.clone());
    let peer = Peer::new(vec![
        speak(move |talk| serve(talk, &first, |index| index == 1)),
        speak(move |talk| {
            let (task, range) = talk.hear_get();
            assert_eq!(range, SEGMENT_LEN..second.bytes.len() as u64, "from the damaged segment on");
            talk.tell_range(task, &second, range);
        }),
    ]);
    assert!(read(&peer.native_client(), &blob).unwrap() == blob.bytes);
    peer.finish();
}

#[test]
fn a_part_is_what_was_asked_for_and_goes_on_where_it_broke() {
    let blob = large(Algorithm::Sha256);
    let (first, second) = (blob.clone(), blob.clone());
    let part = 1000..SEGMENT_LEN + 1000;
    let peer = Peer::new(vec![
        speak(move |talk| {
            let (request, _) = talk.hear_frame();
            let size = first.bytes.len() as u64;
            talk.tell(request.task, Say::Described { size, published: 0, checkpoint_count: 2 });
            let (task, range) = talk.hear_get();
            assert_eq!(range, 1000..SEGMENT_LEN + 1000);
            talk.tell_bytes(task, 1000, size, first.part(1000..3000), false);
        }),
        speak(move |talk| {
            let (task, range) = talk.hear_get();
            assert_eq!(range, 3000..SEGMENT_LEN + 1000);
            talk.tell_range(task, &second, range);
        }),
    ]);
    let file = tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let client = peer.native_client();
    let download = client.get(&blob.digest, Some(&part)).unwrap().unwrap();
    let received = download.receive(&file, &mut |_| {}).unwrap();
    assert_eq!((received.len, received.is_verified), (SEGMENT_LEN, false));
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut &file, &mut bytes).unwrap();
    assert!(bytes == blob.part(part));
    peer.finish();
}
