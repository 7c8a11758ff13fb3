use super::super::limits::{
    AGAIN_COUNT_MAX, DIGEST_COUNT_MAX, ENTRY_COUNT_MAX, HEADER_LEN_MAX, LIST_COUNT_MAX, STRING_LEN_MAX,
    UPLOAD_LIST_COUNT_MAX, VERIFIED_COUNT_MAX,
};
use super::*;

#[test]
fn the_fullest_answers_fit_a_header() {
    let digest = Digest::new(Algorithm::Blake3, [0xff; 32]);
    let upload = UploadId::new([0xff; 16]);
    let far = u64::MAX - 2 * VERIFIED_COUNT_MAX as u64;
    let verified = (0..VERIFIED_COUNT_MAX as u64).map(|index| far + 2 * index..far + 2 * index + 1).collect();
    let blob = ListedBlob { digest, size: u64::MAX, published: -1 };
    let listed = ListedUpload {
        id: upload,
        algorithm: Algorithm::Blake3,
        digest: Some(digest),
        size: u64::MAX,
        verified: u64::MAX,
        used: -1,
        stored: Some(digest),
    };
    for say in [
        Say::Opened { upload, verified },
        Say::Again { segments: vec![u64::MAX; AGAIN_COUNT_MAX], checkpoints: true, after_end: true },
        Say::Checkpoints { first: u64::MAX - 2000, entries: vec![[0xff; 32]; ENTRY_COUNT_MAX] },
        Say::Presence { present: vec![true; DIGEST_COUNT_MAX] },
        Say::Listed { blobs: vec![blob; LIST_COUNT_MAX], next: Some(digest) },
        Say::Uploads { uploads: vec![listed; UPLOAD_LIST_COUNT_MAX], next: Some(upload) },
        Say::Refused { code: Code::Unknown(-1), message: "x".repeat(STRING_LEN_MAX), actual: Some(digest) },
    ] {
        let answer = Answer { task: TaskId(u64::MAX), say };
        let mut bytes = Vec::new();
        answer.write(0, &mut bytes);
        assert!(bytes.len() <= HEADER_LEN_MAX, "{} bytes", bytes.len());
        assert_eq!(super::super::parse_answer(&bytes).unwrap().unwrap().message, answer);
    }
}

#[test]
fn presence_takes_a_byte_for_each_digest() {
    // Task 1, field 11 of 4 bytes: field 1 of 2 bytes, packed.
    let expected = [0x08, 0x01, 0x5a, 0x04, 0x0a, 0x02, 0x01, 0x00];
    let mut bytes = Vec::new();
    let say = Say::Presence { present: vec![true, false] };
    Answer { task: TaskId(1), say }.write(0, &mut bytes);
    assert_eq!(bytes[super::super::limits::PREAMBLE_LEN..], expected);
}

#[test]
fn an_answer_that_breaks_a_rule_is_not_understood() {
    for say in [
        messages::Say::Stored(messages::Stored::default()),
        messages::Say::Opened(messages::Opened::default()),
        messages::Say::Checkpoints(messages::Checkpoints { first: 0, entries: vec![0; 31] }),
        messages::Say::Listed(messages::Listed { blobs: vec![messages::Blob::default()], next: None }),
        messages::Say::Uploads(messages::Uploads {
            uploads: vec![messages::Upload::default()],
            next: vec![],
        }),
    ] {
        let answer = messages::Answer { task: 1, say: Some(say.clone()) };
        assert!(Answer::understand(answer).is_err(), "{say:?}");
    }
}

#[test]
fn a_code_of_a_later_version_is_kept() {
    let refused = messages::Refused { code: 99, message: "later".to_owned(), actual: None };
    let answer = messages::Answer { task: 1, say: Some(messages::Say::Refused(refused)) };
    let say = Say::Refused { code: Code::Unknown(99), message: "later".to_owned(), actual: None };
    assert_eq!(Answer::understand(answer), Ok(Answer { task: TaskId(1), say }));
}
