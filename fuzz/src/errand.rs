//! What a client is asked to do, and what holds of its answers whatever the server says.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::sync::LazyLock;
use std::time::Duration;

use aqueduct_blob::{Digest, SEGMENT_LEN};
use aqueduct_client::{Client, Endpoint, Error, Got, Options, Parcel, Source};

use crate::blobs::{Known, known};
use crate::feed::Feed;
use crate::place::Place;

/// Asks `client` for one thing or another.
///
/// # Panics
///
/// Where the client says what cannot be true.
pub fn run_errand(client: &Client, feed: &mut Feed<'_>) {
    let blob = &known()[feed.below(known().len())];
    let after = known()[feed.below(known().len())].digest;
    let after = feed.flag().then_some(after);
    match feed.byte() % 16 {
        0 => {
            let asked: Vec<Digest> = known().iter().map(|known| known.digest).collect();
            if let Ok(missing) = client.missing(&asked) {
                assert!(missing.is_sorted_by_key(|it| asked.iter().position(|asked| asked == it)));
                assert!(missing.iter().all(|it| asked.contains(it)), "it is of those that were asked for");
            }
        }
        1 => drop(client.size(&blob.digest)),
        2 => {
            if let Ok(page) = client.list(after.as_ref(), 10) {
                assert!(page.next.is_none() || after.is_none() || page.next > after, "it goes on");
            }
        }
        3 => drop(client.remove(&blob.digest)),
        4 => drop(client.pin(&blob.digest)),
        5 => drop(client.unpin(&blob.digest)),
        6 => {
            if let Ok(page) = client.pins(after.as_ref()) {
                assert!(page.next.is_none() || after.is_none() || page.next > after, "it goes on");
            }
        }
        7 => {
            if let Ok(page) = client.uploads(None, 10) {
                assert!(page.uploads.len() <= 10_000);
            }
        }
        8 | 9 => read(client, blob),
        10 => read_part(client, blob, feed),
        11 => receive(client, blob),
        12 => put(client, blob),
        13 => {
            let source = source(blob);
            if let Ok(uploaded) = client.put_unnamed(blob.digest.algorithm(), &source, &mut |_| {}) {
                assert_eq!((uploaded.digest, uploaded.size), (blob.digest, blob.size()));
            }
        }
        14 => {
            let algorithm = blob.digest.algorithm();
            if let Ok(uploaded) = client.put_stream(algorithm, &mut &blob.bytes[..], &mut |_| {}) {
                assert_eq!((uploaded.digest, uploaded.size), (blob.digest, blob.size()));
            }
        }
        _ => exchange_parcels(client),
    }
}

/// A client that soon gives up.
pub fn client(endpoint: &str) -> Client {
    let endpoint: Endpoint = endpoint.parse().expect("it is one");
    let options = Options {
        timeout: PATIENCE,
        answer_timeout: PATIENCE,
        pause: Duration::ZERO,
        retry_count_max: 1,
        ..Options::default()
    };
    Client::new(endpoint, options)
}

fn read(client: &Client, blob: &Known) {
    let Ok(Some(mut download)) = client.get(&blob.digest, None) else { return };
    if let Ok(bytes) = read_all(|buffer| download.read(buffer)) {
        assert!(bytes == blob.bytes, "what was read whole has its name");
    }
}

fn read_part(client: &Client, blob: &Known, feed: &mut Feed<'_>) {
    let start = u64::from(feed.byte());
    let part = start..start + 1 + u64::from(feed.byte());
    let Ok(Some(mut download)) = client.get(&blob.digest, Some(&part)) else { return };
    if let Ok(bytes) = read_all(|buffer| download.read(buffer)) {
        assert_eq!(bytes.len() as u64, part.end - part.start);
    }
}

fn receive(client: &Client, blob: &Known) {
    let Ok(Some(download)) = client.get(&blob.digest, None) else { return };
    let mut file = tempfile();
    let mut told = 0;
    let Ok(received) = download.receive(&file, &mut |len| told += len) else { return };
    assert!(received.is_verified && received.len == blob.size() && told >= received.len);
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("the file can be read");
    assert!(bytes == blob.bytes, "what was received whole has its name");
}

fn put(client: &Client, blob: &Known) {
    let source = source(blob);
    if let Ok(uploaded) = client.put(&blob.digest, &source, &mut |_| {}) {
        assert_eq!((uploaded.digest, uploaded.size), (blob.digest, blob.size()));
    }
}

fn exchange_parcels(client: &Client) {
    let Some(parcels) = client.parcels() else { return };
    let small: Vec<&Known> = known().iter().filter(|known| known.size() < SEGMENT_LEN).collect();
    let mut wanted = small.iter().enumerate().map(|(at, known)| (at, known.digest));
    parcels.get(&mut wanted, &mut |at, got| {
        if let Ok(Got::Blob(bytes)) = got {
            assert!(bytes == small[at].bytes, "a parcel has its name");
        }
    });
    let sent: Vec<Parcel> =
        small.iter().map(|known| Parcel { digest: known.digest, bytes: known.bytes.clone() }).collect();
    let mut told = vec![false; sent.len()];
    parcels.put(&sent, &mut |at, outcome| {
        assert!(!std::mem::replace(&mut told[at], true), "each is told of once");
        assert!(outcome.is_err() || outcome.is_ok_and(|it| it.digest == sent[at].digest));
    });
    assert!(told.iter().all(|told| *told), "of each it is told what became of it");
}

/// What comes until the end, unless that is too much.
fn read_all(mut read: impl FnMut(&mut [u8]) -> Result<usize, Error>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 9000];
    loop {
        match read(&mut buffer)? {
            0 => return Ok(bytes),
            len => bytes.extend_from_slice(&buffer[..len]),
        }
    }
}

fn source(blob: &Known) -> Source {
    let mut file = tempfile();
    file.write_all(&blob.bytes).and_then(|()| file.rewind()).expect("the file can be written");
    Source::new(file).expect("the file can be looked at")
}

/// One file for all: an errand needs one at a time.
fn tempfile() -> File {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    options.open(PLACE.path().join("file")).expect("a file can be made")
}

/// The server says everything at once; only silence is waited for.
const PATIENCE: Duration = Duration::from_millis(250);

static PLACE: LazyLock<Place> = LazyLock::new(|| Place::make("errand"));
