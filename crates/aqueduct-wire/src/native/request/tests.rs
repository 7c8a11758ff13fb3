use super::super::limits::{
    DIGEST_COUNT_MAX, ENTRY_COUNT_MAX, HEADER_LEN_MAX, RANGE_COUNT_MAX, STRING_LEN_MAX,
};
use super::*;

#[test]
fn the_fullest_requests_fit_a_header() {
    let digest = Digest::new(Algorithm::Blake3, [0xff; 32]);
    let far = u64::MAX - 2 * RANGE_COUNT_MAX as u64;
    let ranges = (0..RANGE_COUNT_MAX as u64).map(|index| far + 2 * index..far + 2 * index + 1).collect();
    let capabilities = vec!["x".repeat(CAPABILITY_LEN_MAX); CAPABILITY_COUNT_MAX];
    let text = "x".repeat(STRING_LEN_MAX);
    for ask in [
        Ask::Hello(Hello { agent: text.clone(), token: Some(text), capabilities }),
        Ask::Checkpoints { first: u64::MAX - 2000, entries: vec![[0xff; 32]; ENTRY_COUNT_MAX] },
        Ask::Get(Get { digest, ranges, checkpoints: true, list_only: true }),
        Ask::Has { digests: vec![digest; DIGEST_COUNT_MAX] },
    ] {
        let request = Request { task: TaskId(u64::MAX), ask };
        let mut bytes = Vec::new();
        request.write(0, &mut bytes);
        assert!(bytes.len() <= HEADER_LEN_MAX, "{} bytes", bytes.len());
        let frame = super::super::parse_request(&bytes).unwrap().unwrap();
        assert_eq!(frame.message, request);
    }
}

#[test]
fn one_digest_too_many_is_a_bad_message() {
    let has = |count| messages::Has { algorithm: 1, digests: vec![0; 32 * count] };
    assert!(matches!(understand(messages::Ask::Has(has(DIGEST_COUNT_MAX))), Ask::Has { .. }));
    assert_eq!(code(messages::Ask::Has(has(DIGEST_COUNT_MAX + 1))), Code::BadMessage);
}

#[test]
fn no_digests_at_all_are_a_question_too() {
    let has = messages::Has { algorithm: 2, digests: Vec::new() };
    assert_eq!(understand(messages::Ask::Has(has)), Ask::Has { digests: Vec::new() });
}

#[test]
fn digests_that_end_within_one_are_bad() {
    let has = messages::Has { algorithm: 1, digests: vec![0; 63] };
    assert_eq!(code(messages::Ask::Has(has)), Code::BadDigest);
}

#[test]
fn one_entry_too_many_is_a_bad_message() {
    let checkpoints = |count| messages::Checkpoints { first: 0, entries: vec![0; 32 * count] };
    let most = understand(messages::Ask::Checkpoints(checkpoints(ENTRY_COUNT_MAX)));
    assert!(matches!(most, Ask::Checkpoints { .. }));
    assert_eq!(code(messages::Ask::Checkpoints(checkpoints(ENTRY_COUNT_MAX + 1))), Code::BadMessage);
}

#[test]
fn entries_that_end_within_one_are_a_bad_message() {
    let checkpoints = messages::Checkpoints { first: 0, entries: vec![0; 33] };
    assert_eq!(code(messages::Ask::Checkpoints(checkpoints)), Code::BadMessage);
}

#[test]
fn entries_past_the_largest_index_are_a_bad_message() {
    let checkpoints = |first| messages::Checkpoints { first, entries: vec![0; 32] };
    assert!(matches!(
        understand(messages::Ask::Checkpoints(checkpoints(u64::MAX - 1))),
        Ask::Checkpoints { .. }
    ));
    assert_eq!(code(messages::Ask::Checkpoints(checkpoints(u64::MAX))), Code::BadMessage);
}

#[test]
fn an_algorithm_is_named_and_known() {
    for algorithm in [0, 3, -1] {
        let put = messages::Put { algorithm, ..messages::Put::default() };
        assert_eq!(code(messages::Ask::Put(put)), Code::BadAlgorithm);
        let has = messages::Has { algorithm, digests: vec![0; 32] };
        assert_eq!(code(messages::Ask::Has(has)), Code::BadAlgorithm);
        let digest = Some(messages::Digest { algorithm, value: vec![0; 32] });
        assert_eq!(code(messages::Ask::Stat(messages::Stat { digest })), Code::BadAlgorithm);
    }
}

#[test]
fn a_digest_of_another_algorithm_than_its_put_is_refused() {
    let digest = Some(messages::Digest { algorithm: 2, value: vec![0; 32] });
    let put = messages::Put { algorithm: 1, digest, ..messages::Put::default() };
    assert_eq!(code(messages::Ask::Put(put)), Code::BadAlgorithm);
}

#[test]
fn a_digest_has_32_bytes() {
    for len in [0, 31, 33, 64] {
        let digest = Some(messages::Digest { algorithm: 1, value: vec![0; len] });
        assert_eq!(code(messages::Ask::Remove(messages::Remove { digest })), Code::BadDigest);
    }
}

#[test]
fn a_question_about_a_blob_names_it() {
    assert_eq!(code(messages::Ask::Get(messages::Get::default())), Code::BadDigest);
    assert_eq!(code(messages::Ask::Stat(messages::Stat::default())), Code::BadDigest);
    assert_eq!(code(messages::Ask::Remove(messages::Remove::default())), Code::BadDigest);
}

#[test]
fn an_upload_id_has_16_bytes() {
    for len in [0, 15, 17, 32] {
        let drop = messages::DropUpload { upload: vec![0; len] };
        assert_eq!(code(messages::Ask::DropUpload(drop)), Code::BadMessage);
    }
    let list = messages::ListUploads { after: vec![0; 15], limit: 1 };
    assert_eq!(code(messages::Ask::ListUploads(list)), Code::BadMessage);
}

#[test]
fn an_upload_has_a_size_that_is_not_0() {
    let put = |size| messages::Put { algorithm: 1, digest: None, size, upload: vec![0; 16] };
    assert_eq!(code(messages::Ask::Put(put(None))), Code::BadMessage);
    assert_eq!(code(messages::Ask::Put(put(Some(0)))), Code::BadMessage);
    assert!(matches!(understand(messages::Ask::Put(put(Some(1)))), Ask::Put(_)));
}

#[test]
fn ranges_are_in_order_and_hold_something() {
    for ranges in [&[(0, 0)][..], &[(5, 5), (0, 5)], &[(0, 5), (4, 1)], &[(0, 5), (0, 5)], &[(u64::MAX, 1)]] {
        assert_eq!(code(messages::Ask::Get(get(ranges))), Code::BadRange, "{ranges:?}");
    }
}

#[test]
fn ranges_may_touch() {
    let Ask::Get(get) = understand(messages::Ask::Get(get(&[(0, 5), (5, 1), (u64::MAX - 1, 1)]))) else {
        panic!("these are good ranges");
    };
    assert_eq!(get.ranges, [0..5, 5..6, u64::MAX - 1..u64::MAX]);
}

#[test]
fn one_range_too_many_is_refused() {
    let many: Vec<(u64, u64)> = (0..=RANGE_COUNT_MAX as u64).map(|index| (2 * index, 1)).collect();
    assert!(matches!(understand(messages::Ask::Get(get(&many[1..]))), Ask::Get(_)));
    assert_eq!(code(messages::Ask::Get(get(&many))), Code::BadRange);
}

#[test]
fn a_list_gives_no_more_than_fits_whatever_was_asked() {
    for (asked, given) in
        [(0, LIST_COUNT_MAX), (1, 1), (999, 999), (1001, LIST_COUNT_MAX), (u32::MAX, LIST_COUNT_MAX)]
    {
        let list = messages::List { after: None, limit: asked };
        assert_eq!(understand(messages::Ask::List(list)), Ask::List { after: None, limit: given });
    }
    let list = messages::ListUploads { after: Vec::new(), limit: 0 };
    let all = Ask::ListUploads { after: None, limit: UPLOAD_LIST_COUNT_MAX };
    assert_eq!(understand(messages::Ask::ListUploads(list)), all);
}

#[test]
fn the_texts_of_a_hello_have_limits() {
    let long = "x".repeat(STRING_LEN_MAX + 1);
    for hello in [
        messages::Hello { agent: long.clone(), ..messages::Hello::default() },
        messages::Hello { token: long, ..messages::Hello::default() },
        messages::Hello {
            capabilities: vec![String::new(); CAPABILITY_COUNT_MAX + 1],
            ..messages::Hello::default()
        },
        messages::Hello {
            capabilities: vec!["x".repeat(CAPABILITY_LEN_MAX + 1)],
            ..messages::Hello::default()
        },
    ] {
        assert_eq!(code(messages::Ask::Hello(hello)), Code::BadMessage);
    }
}

#[test]
fn an_empty_token_is_none() {
    let hello = understand(messages::Ask::Hello(messages::Hello::default()));
    assert_eq!(hello, Ask::Hello(Hello::default()));
}

#[test]
fn a_token_does_not_get_into_a_log() {
    let hello = Hello { token: Some("open sesame".to_owned()), ..Hello::default() };
    assert!(!format!("{hello:?}").contains("sesame"));
}

fn get(ranges: &[(u64, u64)]) -> messages::Get {
    let digest = Some(messages::Digest { algorithm: 1, value: vec![0; 32] });
    let ranges = ranges.iter().map(|&(offset, len)| messages::Range { offset, len }).collect();
    messages::Get { digest, ranges, checkpoints: false, list_only: false }
}

fn understand(ask: messages::Ask) -> Ask {
    Request::understand(messages::Request { task: 1, ask: Some(ask) }).ask
}

fn code(ask: messages::Ask) -> Code {
    match understand(ask) {
        Ask::Bad { code, .. } => code,
        good => panic!("{good:?} is not bad"),
    }
}
