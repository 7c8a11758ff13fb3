use proptest::prelude::*;

use super::super::limits::STRING_LEN_MAX;
use super::super::{Ask, Say, TaskId, sample};
use super::*;

proptest! {
    #[test]
    fn a_request_is_read_as_it_was_written(
        request in sample::request(), len in 0..=PAYLOAD_LEN_MAX, after in any::<Vec<u8>>(),
    ) {
        let mut bytes = Vec::new();
        request.write(len, &mut bytes);
        let head_len = bytes.len();
        bytes.extend(after);
        prop_assert_eq!(parse_request(&bytes), Ok(Some(Frame { message: request, payload_len: len, head_len })));
    }

    #[test]
    fn an_answer_is_read_as_it_was_written(
        answer in sample::answer(), len in 0..=PAYLOAD_LEN_MAX, after in any::<Vec<u8>>(),
    ) {
        let mut bytes = Vec::new();
        answer.write(len, &mut bytes);
        let head_len = bytes.len();
        bytes.extend(after);
        prop_assert_eq!(parse_answer(&bytes), Ok(Some(Frame { message: answer, payload_len: len, head_len })));
    }

    #[test]
    fn writing_appends_to_what_is_there(request in sample::request(), before in any::<Vec<u8>>()) {
        let mut alone = Vec::new();
        request.write(0, &mut alone);
        let mut bytes = before.clone();
        request.write(0, &mut bytes);
        prop_assert_eq!(&bytes[..before.len()], &before);
        prop_assert_eq!(&bytes[before.len()..], alone);
    }

    #[test]
    fn a_frame_that_is_cut_off_asks_for_more(request in sample::request()) {
        let mut bytes = Vec::new();
        request.write(1, &mut bytes);
        for len in 0..bytes.len() {
            prop_assert_eq!(parse_request(&bytes[..len]), Ok(None));
        }
    }

    #[test]
    fn whoever_reads_what_is_missing_reads_the_head_and_no_more(request in sample::request()) {
        let mut bytes = Vec::new();
        request.write(1, &mut bytes);
        let head_len = bytes.len();
        bytes.extend(b"payload");
        let mut len = 0;
        while parse_request(&bytes[..len]) == Ok(None) {
            let missing = missing_len(&bytes[..len]);
            prop_assert!(missing > 0);
            len += missing;
        }
        prop_assert_eq!(len, head_len);
        prop_assert_eq!(missing_len(&bytes), 0);
    }

    #[test]
    fn a_flipped_bit_is_noticed_wherever_it_is(answer in sample::answer(), len in 0..=PAYLOAD_LEN_MAX) {
        let mut bytes = Vec::new();
        answer.write(len, &mut bytes);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let noticed = if bit / 8 < PREAMBLE_LEN { FrameError::BadPreamble } else { FrameError::BadHeader };
            prop_assert_eq!(parse_answer(&bytes), Err(noticed));
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn any_header_with_true_checks_is_read_or_refused(header in any::<Vec<u8>>()) {
        let bytes = framed(&header, 0);
        for result in [parse_request(&bytes).map(drop), parse_answer(&bytes).map(drop)] {
            let is_of_the_message =
                matches!(result, Ok(()) | Err(FrameError::NotAMessage | FrameError::BadAnswer));
            prop_assert!(is_of_the_message, "{result:?}");
        }
    }
}

#[test]
fn a_header_over_its_limit_is_refused_before_it_has_come() {
    let len = u32::try_from(HEADER_LEN_MAX).unwrap();
    assert_eq!(parse_request(&preamble(len, 0, 0)), Ok(None));
    assert_eq!(parse_request(&preamble(len + 1, 0, 0)), Err(FrameError::HeaderTooLong { len: len + 1 }));
    assert_eq!(parse_request(&preamble(u32::MAX, 0, 0)), Err(FrameError::HeaderTooLong { len: u32::MAX }));
}

#[test]
fn a_payload_over_its_limit_is_refused_before_the_header_has_come() {
    assert_eq!(parse_request(&preamble(1, PAYLOAD_LEN_MAX, 0)), Ok(None));
    for len in [PAYLOAD_LEN_MAX + 1, u64::MAX] {
        assert_eq!(parse_request(&preamble(1, len, 0)), Err(FrameError::PayloadTooLong { len }));
    }
}

#[test]
fn the_check_of_a_frame_is_the_one_of_zlib() {
    // The check value of CRC-32/ISO-HDLC: that of "123456789".
    assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
}

#[test]
fn an_empty_header_is_an_unknown_message_of_task_0() {
    let frame = parse_request(&framed(b"", 0)).unwrap().unwrap();
    assert_eq!(frame.message.task, TaskId::CONNECTION);
    assert!(matches!(frame.message.ask, Ask::Bad { code: Code::UnknownMessage, .. }));
    assert_eq!(parse_answer(&framed(b"", 0)), Err(FrameError::BadAnswer));
}

#[test]
fn fields_that_are_not_known_are_ignored() {
    let mut bytes = Vec::new();
    messages::Request { task: 9, ask: Some(messages::Ask::Leave(messages::Leave {})) }
        .encode(&mut bytes)
        .unwrap();
    bytes.extend([0xf8, 0x7f, 0x2a]); // field 2047, a varint: 42
    let frame = parse_request(&framed(&bytes, 0)).unwrap().unwrap();
    assert_eq!(frame.message, Request { task: TaskId(9), ask: Ask::Leave });
}

#[test]
fn a_message_that_is_not_known_is_bad_and_not_the_end() {
    let bytes = [0x08, 0x05, 0x82, 0x01, 0x00]; // task 5, field 16: an empty message
    let frame = parse_request(&framed(&bytes, 0)).unwrap().unwrap();
    assert_eq!(frame.message.task, TaskId(5));
    assert!(matches!(frame.message.ask, Ask::Bad { code: Code::UnknownMessage, .. }));
}

#[test]
fn what_is_not_protobuf_is_a_bad_header() {
    for header in [&b"\xff"[..], b"\x0a\x7f", b"\x12\x02\x0a\xff", b"\x12\x03\x0a\x01\xff"] {
        let error = parse_request(&framed(header, 0)).unwrap_err();
        assert_eq!((error, error.code()), (FrameError::NotAMessage, Code::BadHeader));
    }
}

#[test]
fn an_explanation_is_cut_off_where_texts_end() {
    let mut bytes = Vec::new();
    let message = "\u{20ac}".repeat(STRING_LEN_MAX);
    let say = Say::Closing { code: Code::TooSlow, message };
    Answer { task: TaskId::CONNECTION, say }.write(0, &mut bytes);
    let Say::Closing { message, .. } = parse_answer(&bytes).unwrap().unwrap().message.say else { panic!() };
    assert_eq!(message, "\u{20ac}".repeat(STRING_LEN_MAX / 3));
}

#[test]
#[should_panic(expected = "belongs into several frames")]
fn no_payload_over_its_limit_is_announced() {
    let answer = Answer { task: TaskId(1), say: Say::Data { offset: 0, size: u64::MAX, end: false } };
    answer.write(PAYLOAD_LEN_MAX + 1, &mut Vec::new());
}

/// A header that need not be a message, in a frame that is as it should be.
fn framed(header: &[u8], payload_len: u64) -> Vec<u8> {
    let len = u32::try_from(header.len()).unwrap();
    [&preamble(len, payload_len, crc32fast::hash(header))[..], header].concat()
}

/// A preamble whose own check is true.
fn preamble(header_len: u32, payload_len: u64, header_check: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(header_len.to_be_bytes());
    bytes.extend(payload_len.to_be_bytes());
    bytes.extend(header_check.to_be_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes
}
