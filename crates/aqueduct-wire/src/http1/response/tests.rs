use super::*;
use crate::http1::HeadWriter;

#[track_caller]
fn whole(bytes: &[u8]) -> (ResponseHead<'_>, usize) {
    parse_response(bytes, &Method::GET).unwrap().unwrap()
}

const ANSWER: &[u8] =
    b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/10\r\nContent-Length: 5\r\n\r\n";

#[test]
fn an_answer_is_understood() {
    let (head, len) = whole(ANSWER);
    assert_eq!(
        (head.status, head.version, len),
        (StatusCode::PARTIAL_CONTENT, Version::Http11, ANSWER.len())
    );
    assert_eq!((head.framing, head.keep_alive), (ResponseFraming::Length(5), true));
    assert_eq!(head.fields.first("content-range"), Some(&b"bytes 0-4/10"[..]));
    let followed = [ANSWER, b"\n\n\0\xff"].concat();
    assert_eq!(whole(&followed), whole(ANSWER));
}

#[test]
fn every_prefix_of_a_head_asks_for_more() {
    for len in 0..ANSWER.len() {
        assert_eq!(
            parse_response(&ANSWER[..len], &Method::GET),
            Ok(None),
            "{}",
            ANSWER[..len].escape_ascii()
        );
    }
}

#[test]
fn a_status_line_has_one_way_to_be_written() {
    use HeadError::{BadLineEnd, BadStatusLine, NotHttp, UnsupportedVersion};
    let cases = [
        (&b"SSH-2.0-x\r\n"[..], NotHttp),
        (b"\r\nHTTP/1.1 200 OK\r\n", NotHttp),
        (b"http/1.1 200 OK\r\n", NotHttp),
        (b"ICY 200 OK\r\n", NotHttp),
        (b"HTTP/2 200\r\n", UnsupportedVersion),
        (b"HTTP/1.2 200 OK\r\n", UnsupportedVersion),
        (b"HTTP/1.1  200 OK\r\n", BadStatusLine),
        (b"HTTP/1.1200 OK\r\n", BadStatusLine),
        (b"HTTP/1.1 20 OK\r\n", BadStatusLine),
        (b"HTTP/1.1 2000 OK\r\n", BadStatusLine),
        (b"HTTP/1.1 +20 OK\r\n", BadStatusLine),
        (b"HTTP/1.1 099 Low\r\n", BadStatusLine),
        (b"HTTP/1.1 200 O\0K\r\n", BadStatusLine),
        (b"HTTP/1.1 200 O\rK\r\n", BadStatusLine),
        (b"HTTP/1.1 200 OK\n", BadLineEnd),
        (b"HTTP/1.1 200\n", BadLineEnd),
    ];
    for (line, error) in cases {
        let bytes = [line, b"A: b\r\n\r\n"].concat();
        assert_eq!(parse_response(&bytes, &Method::GET), Err(error), "{}", bytes.escape_ascii());
    }
    for line in ["HTTP/1.1 200 \r\n", "HTTP/1.1 200\r\n", "HTTP/1.0 999 \u{e9}t\u{e9}\r\n"] {
        assert_eq!(whole(format!("{line}\r\n").as_bytes()).1, line.len() + 2);
    }
}

#[test]
fn fields_are_read_as_those_of_a_request() {
    for field in ["A : b\r\n", "A: b\r\n c\r\n", " A: b\r\n", "A: b\0\r\n"] {
        let bytes = format!("HTTP/1.1 200 OK\r\n{field}\r\n");
        assert_eq!(parse_response(bytes.as_bytes(), &Method::GET), Err(HeadError::BadField), "{bytes:?}");
    }
    let of_count = |count| [b"HTTP/1.1 200 OK\r\n", &b"A: b\r\n".repeat(count)[..], b"\r\n"].concat();
    assert_eq!(whole(&of_count(FIELD_COUNT_MAX)).0.fields.iter().count(), FIELD_COUNT_MAX);
    assert_eq!(parse_response(&of_count(FIELD_COUNT_MAX + 1), &Method::GET), Err(HeadError::TooManyFields));
}

#[test]
fn a_head_has_a_longest_len() {
    let begin = b"HTTP/1.1 200 OK\r\nA: ";
    let of_len = |len: usize| [&begin[..], &vec![b'x'; len - begin.len() - 4], b"\r\n\r\n"].concat();
    assert_eq!(whole(&of_len(HEAD_LEN_MAX)).1, HEAD_LEN_MAX);
    let long = of_len(HEAD_LEN_MAX + 1);
    assert_eq!(parse_response(&long, &Method::GET), Err(HeadError::HeadTooLong));
    assert_eq!(parse_response(&long[..HEAD_LEN_MAX], &Method::GET), Err(HeadError::HeadTooLong));
    assert_eq!(parse_response(&long[..HEAD_LEN_MAX - 1], &Method::GET), Ok(None));
    let reason = [b"HTTP/1.1 200 ", &[b'x'; HEAD_LEN_MAX][..]].concat();
    assert_eq!(parse_response(&reason, &Method::GET), Err(HeadError::HeadTooLong));
}

/// RFC 9112 section 6.3, whatever the fields say.
#[test]
fn some_answers_have_no_body() {
    let fields = ["", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"];
    for (status, to) in [
        (100, "PUT"),
        (101, "GET"),
        (103, "GET"),
        (204, "DELETE"),
        (304, "GET"),
        (200, "HEAD"),
        (404, "HEAD"),
    ] {
        for field in fields {
            let bytes = format!("HTTP/1.1 {status} x\r\n{field}\r\n");
            let to = Method::from_bytes(to.as_bytes()).unwrap();
            let (head, _) = parse_response(bytes.as_bytes(), &to).unwrap().unwrap();
            assert_eq!((head.framing, head.keep_alive), (ResponseFraming::None, true), "{to} {bytes}");
        }
    }
}

#[test]
fn a_connection_that_ends_a_body_is_not_kept() {
    let keep_alive = |bytes: &[u8]| whole(bytes).0.keep_alive;
    assert!(!keep_alive(b"HTTP/1.1 200 OK\r\n\r\n"));
    assert!(!keep_alive(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n"));
    assert!(keep_alive(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"));
    assert!(!keep_alive(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
    assert!(!keep_alive(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
}

#[test]
fn what_we_write_is_read_back_with_any_status() {
    for code in 200..=999 {
        let status = StatusCode::from_u16(code).unwrap();
        let bytes = HeadWriter::response(status).field("Content-Length", code).field("A", "b, c").finish();
        let (head, len) = whole(&bytes);
        assert_eq!((head.status, len), (status, bytes.len()));
        assert_eq!(head.fields.iter().count(), 2);
    }
}
