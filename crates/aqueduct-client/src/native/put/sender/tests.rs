use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use aqueduct_blob::Hasher;
use aqueduct_wire::native::{Answer, GREETING_LEN, Request, Welcome, greeting, parse_request};

use super::*;
use crate::options::Options;
use crate::site::Site;

/// Takes one connection, answers what it hears as `answer` says, and gives all that it heard.
fn serve(
    listener: &TcpListener,
    mut answer: impl FnMut(&Request, &mut TcpStream) -> Option<Say>,
) -> Vec<Ask> {
    let (mut stream, _) = listener.accept().unwrap();
    let (mut bytes, mut heard, mut buffer) = (Vec::new(), Vec::new(), vec![0; 64 << 10]);
    stream.read_exact(&mut buffer[..GREETING_LEN]).unwrap();
    let welcome =
        Welcome { agent: String::new(), capabilities: Vec::new(), task_count_max: 9, blob_size_max: 1 << 40 };
    stream.write_all(&[&greeting()[..], &said(TaskId::CONNECTION, Say::Welcome(welcome))].concat()).unwrap();
    while let Ok(len @ 1..) = stream.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..len]);
        while let Some(frame) = parse_request(&bytes).unwrap() {
            let end = frame.head_len + usize::try_from(frame.payload_len).unwrap();
            if bytes.len() < end {
                break;
            }
            bytes.drain(..end);
            if let Some(answered) = answer(&frame.message, &mut stream) {
                stream.write_all(&said(frame.message.task, answered)).unwrap();
            }
            heard.push(frame.message.ask);
        }
    }
    heard
}

fn said(task: TaskId, say: Say) -> Vec<u8> {
    let mut frame = Vec::new();
    Answer { task, say }.write(0, &mut frame);
    frame
}

/// Sends a file that is hashed already to a peer that has the blob, and lets the peer answer that what came is to be dropped.
fn abandon(
    options: Options,
    mut dropped: impl FnMut(&Request, &mut TcpStream) -> Option<Say> + Send,
) -> Vec<Ask> {
    let listener = &TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("aqueduct://{}", listener.local_addr().unwrap()).parse().unwrap();
    let client = NativeClient::new(Site::new(endpoint, options));
    let (file, bytes) = (tempfile::tempfile().unwrap(), vec![7; 9 << 20]);
    (&file).write_all(&bytes).unwrap();
    let source = Source::new(file).unwrap();
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(&bytes);
    let hashed = hasher.finish();
    // Whoever hashes was faster than whoever sends.
    let ledger = Ledger::new(source.size());
    for entry in hashed.checkpoints.entries() {
        ledger.found(*entry);
    }
    ledger.hashed(Ok(hashed.digest));
    let (algorithm, digest, id) = (Algorithm::Sha256, None, UploadId::new([7; 16]));
    let shared = Shared { client: &client, source: &source, algorithm, digest, id, ledger: &ledger };
    let (sent, heard) = thread::scope(|scope| {
        let answer = move |request: &Request, stream: &mut TcpStream| match &request.ask {
            Ask::Put(_) => Some(Say::Opened { upload: id, verified: Vec::new() }),
            Ask::Has { digests } => {
                assert_eq!(*digests, [hashed.digest]);
                Some(Say::Presence { present: vec![true] })
            }
            Ask::DropUpload { upload } => {
                assert_eq!(*upload, id);
                dropped(request, stream)
            }
            _ => None,
        };
        let served = scope.spawn(move || serve(listener, answer));
        let sent = Sender::new(shared).lead(&mut |_| {}).unwrap();
        (sent, served.join().unwrap())
    });
    assert!(sent.digest == hashed.digest && !sent.is_new);
    heard
}

#[test]
fn what_proves_to_be_there_is_sent_no_further_and_what_came_of_it_is_dropped() {
    let heard = abandon(Options::default(), |_, _| Some(Say::Dropped));
    assert!(!heard.iter().any(|ask| matches!(ask, Ask::End { .. })));
    assert!(matches!(heard.last(), Some(Ask::DropUpload { .. })), "{heard:?}");
}

#[test]
fn a_server_that_says_something_else_for_ever_is_not_heard_for_ever() {
    let timeout = Duration::from_millis(300);
    let began = Instant::now();
    let limit = Duration::from_secs(30);
    abandon(Options { timeout, ..Options::default() }, |_, stream| {
        // So much at a time that there is always more to hear.
        let flood = said(TaskId(1), Say::Done).repeat(10_000);
        while stream.write_all(&flood).is_ok() && began.elapsed() < limit {}
        None
    });
    assert!(began.elapsed() < limit);
}
