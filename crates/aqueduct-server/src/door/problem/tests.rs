#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aqueduct_blob::Algorithm;

use super::*;

/// Scripts rely on these: a status or a name that changes breaks them.
#[test]
fn every_refusal_keeps_its_status_and_its_name() {
    let digest = Digest::new(Algorithm::Sha256, [7; 32]);
    let text = String::new;
    let error = "x".parse::<Digest>().unwrap_err();
    let refusals = [
        (Refusal::BadHead(HeadError::NotHttp), 400, "not-http"),
        (Refusal::BadHead(HeadError::BadTarget), 400, "bad-target"),
        (Refusal::BadHead(HeadError::MissingHost), 400, "missing-host"),
        (Refusal::BadHead(HeadError::BadLength), 400, "bad-length"),
        (Refusal::BadHead(HeadError::TargetTooLong), 414, "target-too-long"),
        (Refusal::BadHead(HeadError::HeadTooLong), 431, "head-too-long"),
        (Refusal::BadHead(HeadError::TooManyFields), 431, "too-many-fields"),
        (Refusal::BadHead(HeadError::UnsupportedVersion), 505, "unsupported-version"),
        (Refusal::BadHead(HeadError::UnknownTransferCoding), 501, "unknown-transfer-coding"),
        (Refusal::BadHead(HeadError::UnknownExpectation), 417, "unknown-expectation"),
        (Refusal::BadHead(HeadError::LengthAndChunked), 400, "length-and-chunked"),
        (Refusal::BadHead(HeadError::RepeatedLength), 400, "repeated-length"),
        (Refusal::BadChunk(ChunkError::BadSize), 400, "bad-chunk"),
        (Refusal::BadDigest { text: text(), error }, 400, "bad-digest"),
        (Refusal::BadQuery { name: text(), value: text(), expected: "" }, 400, "bad-query"),
        (Refusal::BadBody { detail: text() }, 400, "bad-body"),
        (Refusal::TooManyDigests { count: 2, limit: 1 }, 413, "too-many-digests"),
        (Refusal::NoSuchPath { path: text() }, 404, "no-such-path"),
        (Refusal::MethodNotAllowed { method: text(), allow: "GET" }, 405, "method-not-allowed"),
        (Refusal::NeedsLength, 411, "needs-length"),
        (Refusal::PartOfBlob, 400, "part-of-blob"),
        (Refusal::TooLarge { limit: 1 }, 413, "too-large"),
        (Refusal::BadCachePath { path: text(), error: BadPath::NotADigest }, 400, "bad-cache-path"),
        (Refusal::BadKey { detail: text() }, 400, "bad-key"),
        (Refusal::BadEntryField { name: "x-artifact-tag" }, 400, "bad-entry-field"),
        (Refusal::NotAnActionResult { error: BadActionResult::Empty }, 400, "not-an-action-result"),
        (Refusal::BadHashes { detail: text() }, 400, "bad-hashes"),
        (Refusal::NoSuchEntry, 404, "no-such-entry"),
        (Refusal::EntryExists, 409, "entry-exists"),
        (Refusal::Incomplete { digest }, 409, "incomplete"),
        (Refusal::TooManyEntries { limit: 1 }, 507, "too-many-entries"),
        (Refusal::UnknownCoding, 415, "unknown-coding"),
        (Refusal::BadCoding(BadCoding::Truncated), 400, "bad-coding"),
        (Refusal::BadUploadField { name: "Upload-Length", expected: "" }, 400, "bad-upload-field"),
        (Refusal::NotOffsetOctets, 415, "not-offset-octets"),
        (Refusal::UnknownTusVersion, 412, "unknown-tus-version"),
        (Refusal::WrongOffset { offset: 1 }, 409, "wrong-offset"),
        (Refusal::PastTheEnd { size: 1 }, 413, "past-the-end"),
        (Refusal::NoSuchUpload, 404, "no-such-upload"),
        (Refusal::TakenOver, 409, "taken-over"),
        (Refusal::TooManyUploads, 503, "too-many-uploads"),
        (Refusal::TooManyConnections, 503, "too-many-connections"),
        (Refusal::Overloaded, 503, "overloaded"),
        (Refusal::Tls, 400, "tls"),
        (Refusal::SlowHead, 408, "slow-head"),
        (Refusal::SlowBody, 408, "slow-body"),
        (Refusal::Mismatch { expected: digest, actual: digest }, 400, "digest-mismatch"),
        (Refusal::ForeignHost { host: text() }, 421, "foreign-host"),
        (Refusal::ForeignOrigin { origin: text() }, 403, "foreign-origin"),
        (Refusal::NeedsToken { right: Right::Read }, 401, "needs-token"),
        (Refusal::NeedsWriteToken, 403, "needs-write-token"),
        (Refusal::Absent { digest }, 404, "absent"),
        (Refusal::PreconditionFailed { digest }, 412, "precondition-failed"),
        (Refusal::Unsatisfiable { digest, size: 1 }, 416, "range-not-satisfiable"),
        (Refusal::NoSpace, 507, "no-space"),
        (Refusal::ReadOnly, 503, "read-only"),
        (Refusal::Short, 503, "short-of-resources"),
        (Refusal::Contended { digest }, 503, "contended"),
        (Refusal::Fault, 500, "fault"),
    ];
    for (refusal, status, name) in refusals {
        let problem = refusal.problem();
        assert_eq!((problem.status.as_u16(), problem.name), (status, name));
        assert!(problem.detail.contains(' '), "{name} has a sentence: {:?}", problem.detail);
        assert_eq!(problem.retry_after.is_some(), status == 503, "{name}");
        let body: Value = serde_json::from_slice(&problem.json()).expect("it is JSON");
        assert_eq!(body["type"], format!("urn:aqueduct:problem:{name}"));
    }
}
