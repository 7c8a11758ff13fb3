use super::*;

fn endpoint() -> Endpoint {
    "http://blobs.example:7070".parse().unwrap()
}

#[test]
fn each_status_has_its_kind() {
    for (status, body, kind) in [
        (400, r#"{"type":"urn:aqueduct:problem:digest-mismatch"}"#, ErrorKind::Mismatch),
        (400, "{}", ErrorKind::Protocol),
        (401, "", ErrorKind::Refused),
        (403, "", ErrorKind::Refused),
        (404, "", ErrorKind::Absent),
        (405, "", ErrorKind::Protocol),
        (408, "", ErrorKind::Timeout),
        (413, "", ErrorKind::TooLarge),
        (421, "", ErrorKind::Refused),
        (500, "", ErrorKind::Server),
        (503, "", ErrorKind::Server),
        (507, "", ErrorKind::NoSpace),
        (302, "", ErrorKind::Protocol),
    ] {
        let problem = Problem::parse(body.as_bytes());
        let error = Error::status(&endpoint(), StatusCode::from_u16(status).unwrap(), &problem);
        assert_eq!(error.kind(), kind, "{status}");
        assert!(error.to_string().contains("blobs.example:7070"), "{error}");
    }
}

#[test]
fn the_servers_sentence_is_told_and_else_its_status() {
    let problem = Problem::parse(br#"{"detail":"The disk is full."}"#);
    let full = Error::status(&endpoint(), StatusCode::INSUFFICIENT_STORAGE, &problem);
    assert_eq!(full.to_string(), "http://blobs.example:7070 answers: The disk is full.");
    let mute = Error::status(&endpoint(), StatusCode::INSUFFICIENT_STORAGE, &Problem::default());
    assert_eq!(mute.to_string(), "http://blobs.example:7070 answers: 507 Insufficient Storage");
}

#[test]
fn a_movers_error_tells_its_side() {
    for (kind, expected) in [
        (io::ErrorKind::ConnectionReset, ErrorKind::Lost),
        (io::ErrorKind::BrokenPipe, ErrorKind::Lost),
        (io::ErrorKind::UnexpectedEof, ErrorKind::Lost),
        (io::ErrorKind::WouldBlock, ErrorKind::Timeout),
        (io::ErrorKind::StorageFull, ErrorKind::Local),
        (io::ErrorKind::PermissionDenied, ErrorKind::Local),
    ] {
        assert_eq!(Error::moving(&endpoint(), kind.into()).kind(), expected);
    }
    let truncated = io::Error::from(SourceTruncated { offset: 5, missing: 2 });
    assert_eq!(Error::moving(&endpoint(), truncated).kind(), ErrorKind::Changed);
}

#[test]
fn only_what_time_may_mend_is_retryable() {
    let lost = Error::moving(&endpoint(), io::ErrorKind::ConnectionReset.into());
    assert!(lost.is_retryable() && StdError::source(&lost).is_some());
    assert!(!Error::changed().is_retryable());
    let slow = Error::status(&endpoint(), StatusCode::REQUEST_TIMEOUT, &Problem::default());
    assert!(!slow.is_retryable(), "whoever is too slow once is too slow again");
}
