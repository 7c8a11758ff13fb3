//! Heads of requests and responses: an accepted one is bounded, well formed, framed in the one way its fields say, and
//! means the same however it arrives and when it is written anew.

#![no_main]

use aqueduct_wire::http1::limits::{FIELD_COUNT_MAX, HEAD_LEN_MAX};
use aqueduct_wire::http1::{
    ContentRange, Credentials, Fields, Framing, HeadError, RequestHead, ResponseFraming, Version,
    decode_path, matches_strong, matches_weak, parse_repr_digest, parse_request, parse_response,
    prefers_html, query_pairs,
};
use http::Method;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check_arrival(bytes, parse_request);
    if let Ok(Some((head, len))) = parse_request(bytes) {
        check_lines(&bytes[..len], &head.fields);
        check_request(&head);
        check_rewritten(&head);
        use_fields(&head.fields);
    }
    for to in [Method::GET, Method::HEAD] {
        check_arrival(bytes, |bytes| parse_response(bytes, &to));
        if let Ok(Some((head, len))) = parse_response(bytes, &to) {
            check_lines(&bytes[..len], &head.fields);
            match head.framing {
                ResponseFraming::None => {}
                ResponseFraming::UntilClose => {
                    assert!(!head.keep_alive);
                    check_framing(Framing::None, head.version, &head.fields);
                }
                ResponseFraming::Length(len) => {
                    check_framing(Framing::Length(len), head.version, &head.fields);
                }
                ResponseFraming::Chunked => check_framing(Framing::Chunked, head.version, &head.fields),
            }
        }
    }
});

/// What is given for all bytes agrees with what is given for fewer and for more of them.
fn check_arrival<'b, T: PartialEq + std::fmt::Debug>(
    bytes: &'b [u8],
    parse: impl Fn(&'b [u8]) -> Result<Option<(T, usize)>, HeadError>,
) {
    match parse(bytes) {
        Ok(Some((head, len))) => {
            assert!(len <= bytes.len().min(HEAD_LEN_MAX));
            assert_eq!(parse(&bytes[..len]), Ok(Some((head, len))), "what follows a head is not looked at");
            // All of them would take time in the square of the length.
            let step = len / 64 + 1;
            for end in (0..len).rev().step_by(step) {
                assert_eq!(parse(&bytes[..end]), Ok(None), "a part of a good head is not refused");
            }
        }
        Ok(None) => {
            assert!(bytes.len() < HEAD_LEN_MAX, "a head does not grow without end");
            assert_eq!(parse(&bytes[..bytes.len() / 2]), Ok(None), "what may become a head could before");
        }
        Err(_) => {}
    }
}

fn check_lines(head: &[u8], fields: &Fields<'_>) {
    assert!(head.ends_with(b"\r\n\r\n"));
    let mut lines = head.split(|&byte| byte == b'\n');
    assert_eq!(lines.next_back(), Some(&b""[..]));
    for line in lines {
        let line = line.strip_suffix(b"\r").expect("CR stands before each LF");
        assert!(!line.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t'));
    }
    assert!(fields.iter().count() <= FIELD_COUNT_MAX);
    for (name, value) in fields.iter() {
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'));
        assert_eq!(value.trim_ascii(), value);
    }
}

fn check_request(head: &RequestHead<'_>) {
    assert!(head.path.starts_with('/') || head.path == "*" && head.method == Method::OPTIONS);
    assert!(!head.path.contains(['?', '#', ' ']));
    assert!(head.version == Version::Http10 || head.host.is_some());
    assert!(head.fields.all("host").count() <= 1);
    check_framing(head.framing, head.version, &head.fields);
    if let Some(path) = decode_path(head.path) {
        assert!(path.len() <= head.path.len());
    }
    query_pairs(head.query.unwrap_or_default()).for_each(drop);
}

/// The rules once more, in other words.
fn check_framing(framing: Framing, version: Version, fields: &Fields<'_>) {
    let lengths: Vec<&[u8]> = fields.all("Content-Length").collect();
    let codings: Vec<&[u8]> = fields.all("Transfer-Encoding").collect();
    match (framing, &lengths[..], &codings[..]) {
        (Framing::None, [], []) => {}
        (Framing::Length(len), [text], []) => {
            let digits =
                text.iter().position(|&digit| digit != b'0').map_or(&b""[..], |begin| &text[begin..]);
            assert_eq!(if len == 0 { String::new() } else { len.to_string() }.as_bytes(), digits);
        }
        (Framing::Chunked, [], [coding]) => {
            assert_eq!(coding.to_ascii_lowercase(), b"chunked");
            assert_eq!(version, Version::Http11);
        }
        _ => panic!("{framing:?} for {lengths:?} and {codings:?}"),
    }
}

/// One who writes our understanding of a head down, as a proxy does, says what we understood.
fn check_rewritten(head: &RequestHead<'_>) {
    let query = head.query.map(|query| format!("?{query}")).unwrap_or_default();
    let minor = u8::from(head.version == Version::Http11);
    let mut bytes = format!("{} {}{query} HTTP/1.{minor}\r\n", head.method, head.path).into_bytes();
    for (name, value) in head.fields.iter() {
        bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    if bytes.len() > HEAD_LEN_MAX {
        return;
    }
    let (again, len) = parse_request(&bytes).expect("it was good").expect("it was whole");
    assert_eq!(len, bytes.len());
    // A host in the target was not written down.
    assert_eq!(RequestHead { host: head.host, ..again }, *head);
}

/// What looks at values takes whatever a head may hold.
fn use_fields(fields: &Fields<'_>) {
    for (_, value) in fields.iter() {
        let _ = prefers_html(Some(value));
        let _ = Credentials::parse(value);
        let _ = ContentRange::parse(value);
        let _ = parse_repr_digest(value);
        assert!(!matches_strong(value, "\"a\"") || matches_weak(value, "\"a\""), "strong implies weak");
    }
}
