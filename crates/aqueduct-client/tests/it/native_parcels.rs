//! Small blobs, many at a time.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use aqueduct_blob::Digest;
use aqueduct_client::{Client, ErrorKind, Got, Options, Parcel};
use aqueduct_wire::native::{Ask, Code, Put, Request, Say, TaskId};

use crate::peer::{Peer, Talk, digest_of, noise, quick};
use crate::speaker::speak;

fn parcels(count: usize) -> Vec<Parcel> {
    let bytes = |number: usize| noise(1000 + number);
    (0..count).map(|number| Parcel { digest: digest_of(&bytes(number)), bytes: bytes(number) }).collect()
}

/// What became of each: whether it is new, or what sort of failure it is.
fn put(client: &Client, parcels: &[Parcel]) -> Vec<Result<bool, ErrorKind>> {
    let mut told = BTreeMap::new();
    client.parcels().unwrap().put(parcels, &mut |place, uploaded| {
        let uploaded = uploaded.map(|it| it.is_new).map_err(|error| error.kind());
        assert!(told.insert(place, uploaded).is_none(), "one is told of twice");
    });
    assert!(told.keys().copied().eq(0..parcels.len()), "one is not told of");
    told.into_values().collect()
}

/// The bytes of each, or why there are none.
fn get(client: &Client, digests: &[Digest]) -> Vec<Result<Vec<u8>, String>> {
    let mut told = BTreeMap::new();
    client.parcels().unwrap().get(&mut digests.iter().copied().enumerate(), &mut |place, got| {
        let got = match got {
            Ok(Got::Blob(bytes)) => Ok(bytes.to_vec()),
            Ok(other) => Err(format!("{other:?}")),
            Err(error) => Err(format!("{:?}", error.kind())),
        };
        assert!(told.insert(place, got).is_none(), "one is told of twice");
    });
    assert!(told.keys().copied().eq(0..digests.len()), "one is not told of");
    told.into_values().collect()
}

fn hear_put(talk: &mut Talk) -> (TaskId, Parcel) {
    let (Request { task, ask }, bytes) = talk.hear_frame();
    let Ask::Put(Put { digest, size, upload, .. }) = ask else { panic!("{ask:?} is no Put") };
    assert_eq!((size, upload), (Some(bytes.len() as u64), None));
    (task, Parcel { digest: digest.unwrap(), bytes })
}

fn refused(code: Code) -> Say {
    Say::Refused { code, message: String::new(), actual: None }
}

fn store(talk: &mut Talk, task: TaskId, parcel: &Parcel) {
    let (digest, size) = (parcel.digest, parcel.bytes.len() as u64);
    talk.tell(task, Say::Stored { digest, size, is_new: true, received: size });
}

#[test]
fn all_are_on_their_way_before_the_first_is_answered() {
    let parcels = parcels(64);
    let expected = parcels.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        let heard: Vec<_> = (0..64).map(|_| hear_put(talk)).collect();
        assert!(heard.iter().map(|(_, parcel)| parcel).eq(&expected));
        for (task, parcel) in heard.iter().rev() {
            store(talk, *task, parcel);
        }
    })]);
    assert!(put(&peer.native_client(), &parcels).iter().all(|outcome| *outcome == Ok(true)));
    peer.finish();
}

#[test]
fn one_that_is_refused_leaves_the_others() {
    let parcels = parcels(3);
    let peer = Peer::new(vec![speak(|talk| {
        for number in 0..3 {
            let (task, parcel) = hear_put(talk);
            if number == 1 {
                talk.tell(task, refused(Code::TooLarge));
            } else {
                store(talk, task, &parcel);
            }
        }
    })]);
    let put = put(&peer.native_client(), &parcels);
    assert_eq!(put, [Ok(true), Err(ErrorKind::TooLarge), Ok(true)]);
    peer.finish();
}

#[test]
fn what_had_no_answer_when_the_line_broke_is_sent_again() {
    let parcels = parcels(5);
    let expected = parcels.clone();
    let peer = Peer::new(vec![
        speak(|talk| {
            for number in 0..5 {
                let (task, parcel) = hear_put(talk);
                if number == 3 {
                    store(talk, task, &parcel);
                }
            }
        }),
        speak(move |talk| {
            for number in [0, 1, 2, 4] {
                let (task, parcel) = hear_put(talk);
                assert_eq!(parcel, expected[number]);
                store(talk, task, &parcel);
            }
        }),
    ]);
    assert!(put(&peer.native_client(), &parcels).iter().all(|outcome| *outcome == Ok(true)));
    peer.finish();
}

#[test]
fn one_that_arrives_damaged_is_sent_again_three_times() {
    for times in [3, 4] {
        let parcels = parcels(1);
        let peer = Peer::new(vec![speak(move |talk| {
            for _ in 0..times {
                let (task, _) = hear_put(talk);
                talk.tell(task, refused(Code::Mismatch));
            }
            if times == 3 {
                let (task, parcel) = hear_put(talk);
                store(talk, task, &parcel);
            }
        })]);
        let expected = if times == 3 { Ok(true) } else { Err(ErrorKind::Mismatch) };
        assert_eq!(put(&peer.native_client(), &parcels), [expected]);
        peer.finish();
    }
}

#[test]
fn nobody_is_left_untold_where_the_server_cannot_be_reached() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::new(format!("aqueduct://{address}").parse().unwrap(), crate::peer::quick());
    assert_eq!(put(&client, &parcels(2)), [Err(ErrorKind::Connect); 2]);
    assert_eq!(get(&client, &[digest_of(b"a")]), [Err("Connect".to_owned())]);
}

#[test]
fn what_a_lost_line_has_not_taken_is_left_to_the_others() {
    let parcels = parcels(40);
    let served = parcels.clone();
    let peer = Peer::new(vec![
        // Whoever asks here is lost, and does not try again.
        speak(|talk| drop(talk.hear_frame())),
        speak(move |talk| {
            while let Some((Request { task, ask: Ask::Get(get) }, _)) = talk.hear_frame_if_any() {
                let bytes = &served.iter().find(|parcel| parcel.digest == get.digest).unwrap().bytes;
                talk.tell_bytes(task, 0, bytes.len() as u64, bytes, true);
            }
        }),
    ]);
    let mut wanted = parcels.iter().map(|parcel| parcel.digest).enumerate();
    let mut told = BTreeMap::new();
    for _ in 0..2 {
        let client = peer.native_client_with(Options { retry_count_max: 0, ..quick() });
        client.parcels().unwrap().get(&mut wanted, &mut |place, got| {
            let bytes = got.map(|got| matches!(got, Got::Blob(bytes) if bytes == parcels[place].bytes));
            assert!(told.insert(place, bytes.map_err(|error| error.kind())).is_none());
        });
    }
    assert_eq!(told.len(), parcels.len());
    let failed = told.values().filter(|told| told.is_err()).count();
    assert!((1..40).contains(&failed), "{failed} are lost with the line");
    assert!(told.values().all(|told| *told != Ok(false)));
    peer.finish();
}

#[test]
fn where_nothing_is_wanted_no_line_is_opened() {
    let peer = Peer::new(vec![]);
    assert!(get(&peer.native_client(), &[]).is_empty());
    peer.finish();
}

#[test]
fn blobs_come_absent_or_large_or_not_in_any_order() {
    let parcels = parcels(6);
    let digests: Vec<_> = parcels.iter().map(|parcel| parcel.digest).collect();
    let served = parcels.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        let mut next = 0;
        while let Some((Request { task, ask }, _)) = talk.hear_frame_if_any() {
            let Ask::Get(get) = ask else {
                // The large one is not wanted any more.
                assert_eq!(ask, Ask::Cancel);
                talk.tell(task, refused(Code::Cancelled));
                continue;
            };
            assert!(get.digest == served[next].digest && get.ranges.is_empty());
            let (bytes, size) = (&served[next].bytes, served[next].bytes.len() as u64);
            match next {
                1 => talk.tell(task, refused(Code::Absent)),
                2 => {
                    talk.tell(task, Say::Found { size: 5 << 20, checkpoint_count: 1 });
                    talk.tell_bytes(task, 0, 5 << 20, &[1; 1000], false);
                }
                3 => {
                    talk.tell_bytes(task, 0, size, &bytes[..400], false);
                    talk.tell_bytes(task, 400, size, &bytes[400..], true);
                }
                // Damaged on its way: it is left to whoever asks for one.
                4 => talk.tell_bytes(task, 0, size, &vec![0; bytes.len()], true),
                _ => talk.tell_bytes(task, 0, size, bytes, true),
            }
            next += 1;
        }
    })]);
    let got = get(&peer.native_client(), &digests);
    assert_eq!(got[0].as_ref(), Ok(&parcels[0].bytes));
    assert_eq!(got[1], Err("Absent".to_owned()));
    assert_eq!(got[2], Err("Large".to_owned()));
    assert_eq!(got[3].as_ref(), Ok(&parcels[3].bytes));
    assert_eq!(got[4], Err("Large".to_owned()));
    assert_eq!(got[5].as_ref(), Ok(&parcels[5].bytes));
    peer.finish();
}

#[test]
fn more_bytes_than_a_blob_has_are_no_answer() {
    for (offset, size, len, end) in [(0, 3, 4, true), (1, 3, 2, true), (0, 3, 2, true), (3, 3, 1, false)] {
        let peer = Peer::new(vec![speak(move |talk| {
            let (Request { task, .. }, _) = talk.hear_frame();
            talk.tell_bytes(task, offset, size, &vec![0; len], end);
            talk.hear_all();
        })]);
        let got = get(&peer.native_client(), &[digest_of(b"abc")]);
        assert_eq!(got, [Err("Protocol".to_owned())], "{offset} {size} {len} {end}");
        peer.finish();
    }
}

#[test]
fn a_broken_line_costs_only_what_had_not_come() {
    let parcels = parcels(2);
    let digests: Vec<_> = parcels.iter().map(|parcel| parcel.digest).collect();
    let served = parcels.clone();
    let peer = Peer::new(vec![
        speak({
            let first = parcels[0].clone();
            move |talk| {
                let (Request { task, .. }, _) = talk.hear_frame();
                talk.tell_bytes(task, 0, first.bytes.len() as u64, &first.bytes, true);
                talk.hear_frame();
            }
        }),
        speak(move |talk| {
            let (Request { task, .. }, _) = talk.hear_frame();
            talk.tell_bytes(task, 0, served[1].bytes.len() as u64, &served[1].bytes, true);
        }),
    ]);
    let got = get(&peer.native_client(), &digests);
    assert!(got.into_iter().map(Result::unwrap).eq(parcels.into_iter().map(|parcel| parcel.bytes)));
    peer.finish();
}

#[test]
fn each_blob_that_went_is_progress() {
    // More lines break than would be borne without progress.
    let parcels = parcels(6);
    let store_one = |left: usize| {
        speak(move |talk| {
            let heard: Vec<_> = (0..left).map(|_| hear_put(talk)).collect();
            store(talk, heard[0].0, &heard[0].1);
        })
    };
    let peer = Peer::new((1..=6).rev().map(store_one).collect());
    assert!(put(&peer.native_client(), &parcels).iter().all(|outcome| *outcome == Ok(true)));
    peer.finish();
}

#[test]
fn each_blob_that_came_is_progress() {
    let parcels = parcels(6);
    let digests: Vec<_> = parcels.iter().map(|parcel| parcel.digest).collect();
    let send_one = |left: usize| {
        let served = parcels.clone();
        speak(move |talk| {
            let asked: Vec<_> = (0..left.min(4)).map(|_| hear_get(talk)).collect();
            let (task, digest) = asked[0];
            let bytes = &served.iter().find(|parcel| parcel.digest == digest).unwrap().bytes;
            talk.tell_bytes(task, 0, bytes.len() as u64, bytes, true);
        })
    };
    let peer = Peer::new((1..=6).rev().map(send_one).collect());
    let got = get(&peer.native_client(), &digests);
    assert!(got.into_iter().map(Result::unwrap).eq(parcels.into_iter().map(|parcel| parcel.bytes)));
    peer.finish();
}

fn hear_get(talk: &mut Talk) -> (TaskId, Digest) {
    let (Request { task, ask }, _) = talk.hear_frame();
    let Ask::Get(get) = ask else { panic!("{ask:?} is no Get") };
    (task, get.digest)
}

#[test]
fn a_blob_that_has_begun_to_come_is_not_waited_for_as_long_as_one_that_has_not() {
    let peer = Peer::new(vec![speak(|talk| {
        let (task, _) = hear_get(talk);
        talk.tell_bytes(task, 0, 3, b"a", false);
        talk.hang();
    })]);
    let (timeout, answer_timeout) = (Duration::from_millis(100), Duration::from_secs(60));
    let options = Options { timeout, answer_timeout, retry_count_max: 0, ..quick() };
    let began = Instant::now();
    let got = get(&peer.native_client_with(options), &[digest_of(b"abc")]);
    assert_eq!(got, [Err("Timeout".to_owned())]);
    assert!(began.elapsed() < answer_timeout / 2);
    peer.finish();
}

#[test]
fn blobs_that_come_at_once_and_are_too_much_to_hold_come_later() {
    let (small, large) = (parcels(15), noise(4 << 20));
    let digests: Vec<_> = small.iter().map(|parcel| parcel.digest).collect();
    let asked = [&digests[..], &[digest_of(&large); 6]].concat();
    let served = small.clone();
    let bytes = large.clone();
    let peer = Peer::new(vec![speak(move |talk| {
        for parcel in &served[..14] {
            let (task, _) = hear_get(talk);
            talk.tell_bytes(task, 0, parcel.bytes.len() as u64, &parcel.bytes, true);
        }
        let (small, _) = hear_get(talk);
        let tasks: Vec<_> = (0..6).map(|_| hear_get(talk).0).collect();
        // A MiB of each in turn, as servers send. Four of them have room, and what is whole at once needs none.
        let turn = |talk: &mut Talk, task, number: usize| {
            let piece = &bytes[number << 20..(number + 1) << 20];
            talk.tell_bytes(task, (number as u64) << 20, 4 << 20, piece, number == 3);
        };
        for task in &tasks {
            turn(talk, *task, 0);
        }
        talk.tell_bytes(small, 0, served[14].bytes.len() as u64, &served[14].bytes, true);
        for task in &tasks[4..] {
            let (Request { task: cancelled, ask }, _) = talk.hear_frame();
            assert_eq!((cancelled, ask), (*task, Ask::Cancel));
            talk.tell(cancelled, refused(Code::Cancelled));
        }
        for number in 1..4 {
            for task in &tasks[..4] {
                turn(talk, *task, number);
            }
        }
        for _ in 4..6 {
            let (task, _) = hear_get(talk);
            talk.tell_bytes(task, 0, 4 << 20, &bytes, true);
        }
    })]);
    let got = get(&peer.native_client(), &asked);
    assert!(got[..15].iter().zip(&small).all(|(got, small)| got.as_ref() == Ok(&small.bytes)));
    assert!(got[15..].iter().all(|got| got.as_ref() == Ok(&large)));
    peer.finish();
}

#[test]
fn that_a_blob_is_not_wanted_is_heard_before_anything_else_is() {
    let (tell, told) = mpsc::channel();
    let peer = Peer::new(vec![speak(move |talk| {
        let (task, _) = hear_get(talk);
        talk.tell(task, Say::Found { size: 5 << 20, checkpoint_count: 1 });
        // More is there to be heard all the time.
        talk.tell_bytes(task, 0, 5 << 20, &[1; 1000], false);
        assert_eq!(talk.hear_frame().0.ask, Ask::Cancel);
        tell.send(()).unwrap();
        talk.tell(task, refused(Code::Cancelled));
    })]);
    let mut was_heard = false;
    peer.native_client().parcels().unwrap().get(&mut [(0, digest_of(b"abc"))].into_iter(), &mut |_, got| {
        assert_eq!(got.unwrap(), Got::Large);
        was_heard = told.recv_timeout(Duration::from_secs(10)).is_ok();
    });
    assert!(was_heard);
    peer.finish();
}

#[test]
fn a_server_that_answers_for_ever_without_an_end_is_given_up() {
    let found = Say::Found { size: 3, checkpoint_count: 0 };
    let large = Say::Found { size: 5 << 20, checkpoint_count: 1 };
    type Rude = Box<dyn FnOnce(&mut Talk, TaskId) + Send>;
    let rude: [Rude; 5] = [
        Box::new(move |talk, task| (0..2).for_each(|_| talk.tell(task, found.clone()))),
        Box::new({
            let large = large.clone();
            move |talk, task| (0..2).for_each(|_| talk.tell(task, large.clone()))
        }),
        Box::new({
            let large = large.clone();
            move |talk, task| {
                talk.tell(task, large);
                talk.tell_bytes(task, 0, 5 << 20, b"", false);
            }
        }),
        // Less room than it takes in the end.
        Box::new(move |talk, task| {
            talk.tell_bytes(task, 0, 2, b"a", false);
            talk.tell_bytes(task, 1, 4 << 20, b"bc", false);
        }),
        // Bytes that nobody wants, and far more than the blob has.
        Box::new(move |talk, task| {
            talk.tell(task, large);
            for _ in 0..65 {
                talk.tell_bytes(task, 0, 5 << 20, &vec![0; 4 << 20], false);
            }
        }),
    ];
    for (number, rude) in rude.into_iter().enumerate() {
        let peer = Peer::new(vec![speak(move |talk| {
            let (task, _) = hear_get(talk);
            rude(talk, task);
            talk.hear_all();
        })]);
        let mut told = Vec::new();
        // The second one is not told of before the line is left.
        let asked = [digest_of(b"abc"), digest_of(b"abd")];
        peer.native_client().parcels().unwrap().get(
            &mut asked.iter().copied().enumerate(),
            &mut |place, got| {
                told.push((
                    place,
                    got.map_err(|error| error.kind()).is_err_and(|kind| kind == ErrorKind::Protocol),
                ));
            },
        );
        assert_eq!(told.last(), Some(&(1, true)), "{number}");
        peer.finish();
    }
}

#[test]
fn bytes_in_answer_to_a_put_are_an_error_and_end_nobody() {
    let peer = Peer::new(vec![speak(|talk| {
        let (task, _) = hear_put(talk);
        talk.tell_bytes(task, 0, 1000, &noise(1000), true);
        hear_put(talk);
        while talk.hear_some() {}
    })]);
    let outcomes = put(&peer.native_client_with(quick()), &parcels(2));
    assert_eq!(outcomes, [Err(ErrorKind::Protocol), Err(ErrorKind::Protocol)]);
    peer.finish();
}
