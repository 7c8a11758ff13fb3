//! The test vectors of `docs/protocol/vectors`, made by another implementation: what they say is what is read and
//! written here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aqueduct_blob::{Algorithm, Digest, UploadId};

use aqueduct_wire::native::{
    Answer, Ask, Code, Frame, FrameError, GREETING_LEN, Get, Hello, ListedBlob, ListedUpload, Put, Request,
    Say, Session, TaskId, Turn, Welcome, parse_answer, parse_greeting, parse_request,
};

#[test]
fn requests_are_written_and_read_as_the_vectors_have_them() {
    check("request", requests(), |request, len, out| request.write(len, out), parse_request);
}

#[test]
fn answers_are_written_and_read_as_the_vectors_have_them() {
    check("answer", answers(), |answer, len, out| answer.write(len, out), parse_answer);
}

#[test]
fn conversations_end_as_the_vectors_say() {
    let vectors = read_dir("conversations");
    assert!(vectors.len() > 30);
    for (name, Vector { outcome, bytes, .. }) in vectors {
        assert_eq!(converse(&bytes), outcome, "{name}");
    }
}

#[test]
fn every_code_that_a_frame_can_cause_has_a_vector() {
    let outcomes: Vec<String> =
        read_dir("conversations").into_values().map(|vector| vector.outcome).collect();
    let known_here = (40..=50).chain([10, 11, 12, 13, 3, 19, 20]);
    for code in known_here.map(Code::from_number) {
        assert!(outcomes.iter().any(|outcome| outcome.ends_with(&format!(" {code}"))), "{code}");
    }
}

/// Each value is written as the vector of its name has it, the vector is read as the value, and there are no others.
fn check<T: std::fmt::Debug + PartialEq>(
    kind: &str,
    expected: Vec<(&str, T, &[u8])>,
    write: impl Fn(&T, u64, &mut Vec<u8>),
    parse: impl Fn(&[u8]) -> Result<Option<Frame<T>>, FrameError>,
) {
    let mut vectors = read_dir("frames");
    vectors.retain(|name, _| name.starts_with(kind));
    assert_eq!(vectors.len(), expected.len());
    for (name, message, payload) in expected {
        let bytes = &vectors[&format!("{kind}_{name}")].bytes;
        let mut written = Vec::new();
        write(&message, payload.len() as u64, &mut written);
        let head_len = written.len();
        written.extend(payload);
        assert_eq!(&written, bytes, "{name}");
        let frame = Frame { message, payload_len: payload.len() as u64, head_len };
        assert_eq!(parse(bytes), Ok(Some(frame)), "{name}");
    }
}

/// What a server without a store would answer first, other than a welcome.
fn converse(bytes: &[u8]) -> String {
    match parse_greeting(bytes) {
        Ok(version) => assert!(version.is_some(), "the greeting is cut off"),
        Err(error) => return format!("closing: {}", error.code()),
    }
    let mut session = Session::new();
    let mut rest = &bytes[GREETING_LEN..];
    let mut refused = None;
    while !rest.is_empty() {
        let frame = match parse_request(rest) {
            Ok(frame) => frame.expect("the last frame is cut off"),
            Err(error) => return format!("closing: {}", error.code()),
        };
        let payload_len = usize::try_from(frame.payload_len).unwrap();
        match session.take(frame.message, frame.payload_len) {
            Ok(Turn::Refuse { task, code, .. }) => {
                let first = refused.replace(format!("refused: {task} {code}"));
                assert_eq!(first, None);
            }
            Ok(_) => {}
            Err(closing) => return format!("closing: {}", closing.code),
        }
        rest = &rest[frame.head_len + payload_len..];
    }
    refused.unwrap_or_else(|| "fine".to_owned())
}

/// A file of comments and hex. The first comment says what it is, and the second what comes of it.
pub(crate) struct Vector {
    outcome: String,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn read_dir(name: &str) -> BTreeMap<String, Vector> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/vectors").join(name);
    let read = |path: PathBuf| {
        assert_eq!(path.extension().unwrap(), "hex");
        let text = fs::read_to_string(&path).unwrap();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), Vector::parse(&text))
    };
    fs::read_dir(dir).unwrap().map(|entry| read(entry.unwrap().path())).collect()
}

impl Vector {
    fn parse(text: &str) -> Self {
        let outcome = text.lines().filter_map(|line| line.strip_prefix("# ")).nth(1).unwrap().to_owned();
        let hex = text.lines().filter(|line| !line.starts_with('#')).flat_map(str::chars);
        let digits: Vec<u32> =
            hex.filter(|char| *char != ' ').map(|char| char.to_digit(16).unwrap()).collect();
        let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).unwrap();
        Self { outcome, bytes: digits.chunks(2).map(byte).collect() }
    }
}

fn requests() -> Vec<(&'static str, Request, &'static [u8])> {
    let put = |algorithm, size| Put { algorithm, digest: None, size, upload: None };
    let sha256 = |size| put(Algorithm::Sha256, size);
    let get = Get { digest: sha256_of_abc(), ranges: vec![], checkpoints: false, list_only: false };
    let missing = Digest::new(Algorithm::Sha256, [0; 32]);
    vec![
        (
            "hello",
            0,
            Ask::Hello(Hello {
                agent: "example/1".to_owned(),
                token: Some("sesame".to_owned()),
                capabilities: vec![],
            }),
            &b""[..],
        ),
        ("put_small", 1, Ask::Put(sha256(Some(3))), b"abc"),
        ("put_named", 2, Ask::Put(Put { digest: Some(sha256_of_abc()), ..sha256(Some(3)) }), b"abc"),
        ("put_empty", 3, Ask::Put(put(Algorithm::Blake3, Some(0))), b""),
        ("put_unknown_size", 4, Ask::Put(sha256(None)), b""),
        ("data", 4, Ask::Data { offset: 0 }, b"ab"),
        ("data_more", 4, Ask::Data { offset: 2 }, b"c"),
        ("end", 4, Ask::End { digest: None }, b""),
        (
            "put_upload",
            5,
            Ask::Put(Put {
                digest: Some(blake3_of_abc()),
                upload: Some(upload_id()),
                ..put(Algorithm::Blake3, Some(10 << 20))
            }),
            b"",
        ),
        ("checkpoints", 5, Ask::Checkpoints { first: 1, entries: entries() }, b""),
        ("end_named", 5, Ask::End { digest: Some(blake3_of_abc()) }, b""),
        ("leave", 5, Ask::Leave, b""),
        ("cancel", 6, Ask::Cancel, b""),
        ("get", 7, Ask::Get(get.clone()), b""),
        ("get_ranges", 8, Ask::Get(Get { ranges: vec![0..1, 2..3], checkpoints: true, ..get.clone() }), b""),
        ("get_list", 9, Ask::Get(Get { list_only: true, ..get }), b""),
        ("has", 10, Ask::Has { digests: vec![sha256_of_abc(), missing] }, b""),
        ("stat", 11, Ask::Stat { digest: sha256_of_abc() }, b""),
        ("list", 12, Ask::List { after: Some(sha256_of_abc()), limit: 10 }, b""),
        ("remove", 13, Ask::Remove { digest: sha256_of_abc() }, b""),
        ("list_uploads", 14, Ask::ListUploads { after: None, limit: 5 }, b""),
        ("drop_upload", u64::MAX, Ask::DropUpload { upload: upload_id() }, b""),
    ]
    .into_iter()
    .map(|(name, task, ask, payload)| (name, Request { task: TaskId(task), ask }, payload))
    .collect()
}

fn answers() -> Vec<(&'static str, Answer, &'static [u8])> {
    let size = 10 << 20;
    let published = 1_763_769_600;
    let blob = ListedBlob { digest: sha256_of_abc(), size: 3, published };
    let upload = ListedUpload {
        id: upload_id(),
        algorithm: Algorithm::Blake3,
        digest: Some(blake3_of_abc()),
        size: 8 << 20,
        verified: 4 << 20,
        used: published,
        stored: None,
    };
    vec![
        (
            "welcome",
            0,
            Say::Welcome(Welcome {
                agent: "example/1".to_owned(),
                capabilities: vec![],
                task_count_max: 1024,
                blob_size_max: 1 << 40,
            }),
            &b""[..],
        ),
        (
            "closing",
            0,
            Say::Closing { code: Code::BadHeader, message: FrameError::BadHeader.to_string() },
            b"",
        ),
        ("opened", 5, Say::Opened { upload: upload_id(), verified: vec![0..4 << 20, 8 << 20..size] }, b""),
        ("again", 5, Say::Again { segments: vec![1, 300], checkpoints: true, after_end: false }, b""),
        ("stored", 1, Say::Stored { digest: sha256_of_abc(), size: 3, is_new: true, received: 3 }, b""),
        ("found", 8, Say::Found { size, checkpoint_count: 2 }, b""),
        ("checkpoints", 8, Say::Checkpoints { first: 0, entries: entries() }, b""),
        ("data", 8, Say::Data { offset: 0, size, end: false }, b"a"),
        ("data_last", 7, Say::Data { offset: 0, size: 3, end: true }, b"abc"),
        ("done", 9, Say::Done, b""),
        ("presence", 10, Say::Presence { present: vec![true, false] }, b""),
        ("described", 11, Say::Described { size, published, checkpoint_count: 2 }, b""),
        ("listed", 12, Say::Listed { blobs: vec![blob], next: Some(sha256_of_abc()) }, b""),
        ("removed", 13, Say::Removed, b""),
        ("uploads", 14, Say::Uploads { uploads: vec![upload], next: None }, b""),
        ("dropped", 15, Say::Dropped, b""),
        (
            "refused",
            2,
            Say::Refused {
                code: Code::Mismatch,
                message: "these are other bytes".to_owned(),
                actual: Some(sha256_of_abc()),
            },
            b"",
        ),
    ]
    .into_iter()
    .map(|(name, task, say, payload)| (name, Answer { task: TaskId(task), say }, payload))
    .collect()
}

/// What `printf abc | sha256sum` prints.
fn sha256_of_abc() -> Digest {
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".parse().unwrap()
}

/// What `printf abc | b3sum` prints.
fn blake3_of_abc() -> Digest {
    "blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85".parse().unwrap()
}

fn upload_id() -> UploadId {
    "000102030405060708090a0b0c0d0e0f".parse().unwrap()
}

fn entries() -> Vec<[u8; 32]> {
    vec![[0x11; 32], [0x22; 32]]
}
