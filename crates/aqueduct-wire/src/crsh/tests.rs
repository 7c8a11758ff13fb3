use super::*;

fn put(key: &[u8], flags: u8, size: u64) -> Vec<u8> {
    let mut bytes = vec![1, u8::try_from(key.len()).unwrap()];
    bytes.extend_from_slice(key);
    bytes.push(flags);
    bytes.extend(size.to_ne_bytes());
    bytes
}

fn written(reply: Reply<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    reply.write(&mut bytes);
    bytes
}

#[test]
fn requests_are_read_as_soon_as_they_are_whole() {
    let key = Key(b"k\x00\xff");
    let of_key = |kind| vec![kind, 3, b'k', 0, 255];
    let requests = [
        (of_key(0), Request::Get { key }),
        (put(key.0, 0, 7), Request::Put { key, overwrite: false, size: 7 }),
        (put(key.0, 1, u64::MAX), Request::Put { key, overwrite: true, size: u64::MAX }),
        (of_key(2), Request::Remove { key }),
        (vec![3], Request::Stop),
        (vec![4], Request::Info),
        (of_key(5), Request::Exists { key }),
    ];
    for (bytes, request) in requests {
        for len in 0..bytes.len() {
            assert_eq!(parse_request(&bytes[..len]), Ok(None), "{request:?}");
        }
        let more = [&bytes[..], b"and more"].concat();
        assert_eq!(parse_request(&more), Ok(Some((request, bytes.len()))));
    }
}

#[test]
fn other_flags_of_a_put_are_ignored() {
    let bytes = put(b"key", 0xfe, 1);
    let (request, _) = parse_request(&bytes).unwrap().unwrap();
    assert_eq!(request, Request::Put { key: Key(b"key"), overwrite: false, size: 1 });
}

#[test]
fn the_longest_request_is_as_long_as_the_limit_says() {
    let bytes = put(&[7; KEY_LEN_MAX], 1, u64::MAX);
    assert_eq!(bytes.len(), HEAD_LEN_MAX);
    assert!(matches!(parse_request(&bytes), Ok(Some((Request::Put { .. }, HEAD_LEN_MAX)))));
}

#[test]
fn a_request_that_nobody_knows_is_refused_at_its_first_byte() {
    for kind in 6..=u8::MAX {
        assert_eq!(parse_request(&[kind]), Err(BadRequest::Unknown(kind)));
    }
}

#[test]
fn keys_are_written_in_lower_case_hex() {
    assert_eq!(Key(&[0x00, 0x0a, 0xa0, 0xff]).hex(), "000aa0ff");
    assert_eq!(Key(&[]).hex(), "");
    assert_eq!(Key(&[0xab; KEY_LEN_MAX]).hex(), "ab".repeat(KEY_LEN_MAX));
}

#[test]
fn replies_are_written_as_the_specification_has_them() {
    assert_eq!(written(Reply::Done), [0]);
    assert_eq!(written(Reply::NotDone), [1]);
    assert_eq!(written(Reply::Value { size: 3 }), [&[0][..], &3_u64.to_ne_bytes()].concat());
    assert_eq!(written(Reply::Exists(false)), [0, 0]);
    assert_eq!(written(Reply::Exists(true)), [0, 1]);
    assert_eq!(written(Reply::Info { identity: "name 1", diagnostics: &[] }), b"\x06name 1\x00");
    let diagnostics = &["so".to_owned(), "so so".to_owned()];
    assert_eq!(written(Reply::Info { identity: "", diagnostics }), b"\x00\x02\x02so\x05so so");
    assert_eq!(written(Reply::Failed("no")), b"\x02\x02no");
}

#[test]
fn no_more_is_noted_than_can_be_counted() {
    let diagnostics = &vec![String::new(); 300];
    assert_eq!(written(Reply::Info { identity: "", diagnostics }).len(), 2 + 255);
}

#[test]
fn a_long_message_is_cut_off_between_two_characters() {
    let message = format!("x{}", "\u{e9}".repeat(MESSAGE_LEN_MAX));
    let bytes = written(Reply::Failed(&message));
    assert_eq!(usize::from(bytes[1]), bytes.len() - 2);
    assert_eq!(std::str::from_utf8(&bytes[2..]).unwrap(), &message[..MESSAGE_LEN_MAX]);
    let message = "\u{e9}".repeat(MESSAGE_LEN_MAX);
    assert_eq!(written(Reply::Failed(&message)).len(), 2 + MESSAGE_LEN_MAX - 1);
}
