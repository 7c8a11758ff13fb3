#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::thread::available_parallelism;

use super::*;

fn send(streams: Streams, algorithm: Algorithm, verify: Verify) -> Send {
    Send {
        what: What::Stdin,
        to: Peer::Http(String::new()),
        algorithm,
        verify,
        preserve: Preserve::default(),
        require_verify: false,
        count: None,
        exclude: Vec::new(),
        cache: None,
        options: Options {
            streams,
            rate: None,
            times: Times::default(),
            dry_run: false,
            stop: Arc::default(),
        },
    }
}

#[test]
fn cores_share_what_is_hashed_and_one_connection_brings_a_chain_or_a_file_that_is_not() {
    let count = |size, verify| send(Streams::Auto, Algorithm::Blake3, verify).stream_count(size);
    let many = u32::try_from(available_parallelism().unwrap().get()).unwrap().min(STREAMS_AUTO_MAX);
    for verify in [Verify::Full, Verify::Wire] {
        assert_eq!(count(Some(STREAMS_LEN_MIN), verify), many);
        assert_eq!(count(Some(STREAMS_LEN_MIN - 1), verify), 1, "soon over");
    }
    assert_eq!(count(Some(STREAMS_LEN_MIN), Verify::None), 1);
    assert_eq!(count(None, Verify::None), many, "many files");
    let chain = |size, verify| send(Streams::Auto, Algorithm::Sha256, verify).stream_count(size);
    assert_eq!(chain(Some(STREAMS_LEN_MIN), Verify::Full), 1);
    assert_eq!(chain(Some(STREAMS_LEN_MIN), Verify::Wire), many, "a sum is no chain");
    assert_eq!(chain(None, Verify::Full), many, "many files");
}

#[test]
fn whoever_says_how_many_connections_has_as_many_up_to_a_limit() {
    for verify in [Verify::Full, Verify::None] {
        let count = |count| {
            send(Streams::Count(NonZeroU32::new(count).unwrap()), Algorithm::Blake3, verify)
                .stream_count(Some(1))
        };
        assert_eq!(count(3), 3);
        assert_eq!(count(u32::MAX), STREAM_COUNT_MAX);
    }
}
