use proptest::prelude::*;

use super::*;
use crate::http1::HeadWriter;

/// The head of bytes that must hold a whole one.
#[track_caller]
fn whole(bytes: &[u8]) -> (RequestHead<'_>, usize) {
    parse_request(bytes).unwrap().unwrap()
}

/// What `curl -T` sends.
const UPLOAD: &[u8] =
    b"PUT /blobs/sha256:ab?x=1&y HTTP/1.1\r\nHost: 127.0.0.1:7070\r\nUser-Agent: curl/8.5.0\r\n\
    Accept: */*\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n";

#[test]
fn a_request_of_curl_is_understood() {
    let (head, len) = whole(UPLOAD);
    assert_eq!(len, UPLOAD.len());
    assert_eq!(head.method, Method::PUT);
    assert_eq!((head.path, head.query), ("/blobs/sha256:ab", Some("x=1&y")));
    assert_eq!((head.version, head.host), (Version::Http11, Some("127.0.0.1:7070")));
    assert_eq!(head.framing, Framing::Length(11));
    assert!(head.keep_alive && head.expects_continue);
    assert_eq!(head.fields.first("accept"), Some(&b"*/*"[..]));
}

#[test]
fn every_prefix_of_a_head_asks_for_more() {
    for begin in [&b""[..], b"\r\n", b"\r\n\r\n"] {
        let bytes = [begin, UPLOAD].concat();
        for len in 0..bytes.len() {
            assert_eq!(parse_request(&bytes[..len]), Ok(None), "{}", bytes[..len].escape_ascii());
        }
        assert_eq!(whole(&bytes).1, bytes.len());
    }
}

#[test]
fn what_follows_a_head_changes_nothing() {
    for after in [&b"\n\n\0\xff body"[..], UPLOAD, &[b'x'; 2 * HEAD_LEN_MAX]] {
        let bytes = [UPLOAD, after].concat();
        assert_eq!(whole(&bytes), whole(UPLOAD));
    }
}

#[test]
fn a_few_empty_lines_may_come_first_and_no_more() {
    let head = b"GET / HTTP/1.0\r\n\r\n";
    let bytes = [&b"\r\n".repeat(EMPTY_LINE_COUNT_MAX)[..], head].concat();
    assert_eq!(whole(&bytes).1, bytes.len());
    assert_eq!(parse_request(&[b"\r\n", &bytes[..]].concat()), Err(HeadError::NotHttp));
}

#[test]
fn junk_is_refused_at_its_first_byte() {
    for byte in 0..=u8::MAX {
        let first = parse_request(std::slice::from_ref(&byte));
        let may_begin_a_head = is_token_byte(byte) || byte == b'\r';
        assert_eq!(first, if may_begin_a_head { Ok(None) } else { Err(HeadError::NotHttp) }, "{byte}");
    }
    // A TLS hello, and HTTP/2 without asking.
    assert_eq!(parse_request(b"\x16\x03\x01\x02"), Err(HeadError::NotHttp));
    assert_eq!(parse_request(b"PRI * HTTP/2.0\r\n\r\n"), Err(HeadError::UnsupportedVersion));
}

#[test]
fn a_request_line_has_one_way_to_be_written() {
    use HeadError::{BadLineEnd, BadRequestLine, BadTarget, NotHttp, UnsupportedVersion};
    let cases = [
        (&b"G\x00T / HTTP/1.1\r\n"[..], NotHttp),
        (b"G(T / HTTP/1.1\r\n", NotHttp),
        (b"G\xc3T / HTTP/1.1\r\n", NotHttp),
        (b"GET\t/ HTTP/1.1\r\n", NotHttp),
        (b"GET\r\n", NotHttp),
        (b" GET / HTTP/1.1\r\n", NotHttp),
        (b"\nGET / HTTP/1.1\r\n", NotHttp),
        (b"\rGET / HTTP/1.1\r\n", NotHttp),
        (b"\r\n\nGET / HTTP/1.1\r\n", NotHttp),
        (b"GET  / HTTP/1.1\r\n", BadTarget),
        (b"GET /\r\n", BadTarget),
        (b"GET /\n", BadTarget),
        (b"GET /\0 HTTP/1.1\r\n", BadTarget),
        (b"GET /\t HTTP/1.1\r\n", BadTarget),
        (b"GET /\x7f HTTP/1.1\r\n", BadTarget),
        (b"GET /a b HTTP/1.1\r\n", BadRequestLine),
        (b"GET /  HTTP/1.1\r\n", BadRequestLine),
        (b"GET / http/1.1\r\n", BadRequestLine),
        (b"GET / HTTP/1.1 \r\n", BadLineEnd),
        (b"GET / HTTP/1.1\r \n", BadLineEnd),
        (b"GET / HTTP/1.1\n", BadLineEnd),
        (b"GET / HTTP/1.10\r\n", BadLineEnd),
        (b"GET / HTTP/1.2\r\n", UnsupportedVersion),
        (b"GET / HTTP/0.9\r\n", UnsupportedVersion),
        (b"GET / HTTP/2\r\n", UnsupportedVersion),
        (b"GET / HTTP/11\r\n", UnsupportedVersion),
    ];
    for (line, error) in cases {
        assert_eq!(parse_request(line), Err(error), "{}", line.escape_ascii());
        let bytes = [line, b"Host: a\r\n\r\n"].concat();
        assert_eq!(parse_request(&bytes), Err(error), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_field_has_one_way_to_be_written() {
    use HeadError::{BadField, BadLineEnd};
    let cases = [
        // RFC 9112 section 5.1: no white space between name and colon.
        (&b"A : b\r\n"[..], BadField),
        (b"A\t: b\r\n", BadField),
        // Section 5.2: no line folding, nor white space before the first field (section 2.2).
        (b"A: b\r\n c\r\n", BadField),
        (b"A: b\r\n\tc\r\n", BadField),
        (b" A: b\r\n", BadField),
        (b": b\r\n", BadField),
        (b"A\r\n", BadField),
        (b"A b: c\r\n", BadField),
        (b"\xc3: b\r\n", BadField),
        (b"A\0: b\r\n", BadField),
        (b"A: b\0c\r\n", BadField),
        (b"A: b\x0bc\r\n", BadField),
        (b"A: b\x7fc\r\n", BadField),
        (b"A: b\rc\r\n", BadField),
        (b"A: b\r\r\n", BadField),
        (b"A:\rb\r\n", BadField),
        (b"\rA: b\r\n", BadLineEnd),
        (b"A: b\n", BadLineEnd),
        (b"A:\n", BadLineEnd),
        (b"A: b\nB: c\r\n", BadLineEnd),
        (b"\n", BadLineEnd),
    ];
    for (field, error) in cases {
        let bytes = [b"GET / HTTP/1.1\r\nHost: a\r\n", field, b"B: c\r\n\r\n"].concat();
        assert_eq!(parse_request(&bytes), Err(error), "{}", bytes.escape_ascii());
    }
    for value in [&b""[..], b"a\tb", b"\xff\x80", b"a:b", b"\"\\"] {
        let bytes = [b"GET / HTTP/1.1\r\nHost: a\r\nA: \t", value, b" \t \r\n\r\n"].concat();
        assert_eq!(whole(&bytes).0.fields.first("A"), Some(value));
    }
}

#[test]
fn a_head_has_a_longest_len() {
    let of_len = |len: usize| {
        let begin = b"GET / HTTP/1.1\r\nHost: a\r\nA: ";
        [&begin[..], &vec![b'x'; len - begin.len() - 4], b"\r\n\r\n"].concat()
    };
    assert_eq!(whole(&of_len(HEAD_LEN_MAX)).1, HEAD_LEN_MAX);
    let long = of_len(HEAD_LEN_MAX + 1);
    assert_eq!(parse_request(&long), Err(HeadError::HeadTooLong));
    assert_eq!(parse_request(&long[..HEAD_LEN_MAX]), Err(HeadError::HeadTooLong));
    assert_eq!(parse_request(&long[..HEAD_LEN_MAX - 1]), Ok(None));

    let empty_line = [b"\r\n", &of_len(HEAD_LEN_MAX)[..]].concat();
    assert_eq!(parse_request(&empty_line), Err(HeadError::HeadTooLong));

    let target = [b"GET /", &[b'x'; HEAD_LEN_MAX][..]].concat();
    assert_eq!(parse_request(&target), Err(HeadError::TargetTooLong));
}

#[test]
fn a_head_has_a_greatest_count_of_fields() {
    let of_count = |count| [b"GET / HTTP/1.0\r\n", &b"A: b\r\n".repeat(count)[..], b"\r\n"].concat();
    assert_eq!(whole(&of_count(FIELD_COUNT_MAX)).0.fields.iter().count(), FIELD_COUNT_MAX);
    assert_eq!(parse_request(&of_count(FIELD_COUNT_MAX + 1)), Err(HeadError::TooManyFields));
}

#[test]
fn the_host_comes_once_unless_the_version_is_old() {
    use HeadError::{BadHost, MissingHost, RepeatedHost};
    let cases = [
        ("HTTP/1.1", "", Err(MissingHost)),
        ("HTTP/1.0", "", Ok(None)),
        ("HTTP/1.1", "Host: a\r\n", Ok(Some("a"))),
        ("HTTP/1.0", "HOST:a\r\n", Ok(Some("a"))),
        ("HTTP/1.1", "Host:\r\n", Ok(Some(""))),
        ("HTTP/1.1", "Host: a\r\nhost: a\r\n", Err(RepeatedHost)),
        ("HTTP/1.0", "Host: a\r\nhost: b\r\n", Err(RepeatedHost)),
        ("HTTP/1.1", "Host: a b\r\n", Err(BadHost)),
        ("HTTP/1.1", "Host: a/b\r\n", Err(BadHost)),
        ("HTTP/1.1", "Host: user@a\r\n", Err(BadHost)),
    ];
    for (version, fields, host) in cases {
        let bytes = format!("GET / {version}\r\n{fields}\r\n");
        let found = parse_request(bytes.as_bytes()).map(|head| head.unwrap().0.host);
        assert_eq!(found, host, "{bytes}");
    }
}

#[test]
fn the_target_names_the_host_before_the_field_does() {
    let (head, _) = whole(b"GET http://example.com:80/b HTTP/1.1\r\nHost: c\r\n\r\n");
    assert_eq!((head.host, head.path), (Some("example.com:80"), "/b"));
    assert_eq!(parse_request(b"GET http://example.com/b HTTP/1.1\r\n\r\n"), Err(HeadError::MissingHost));
}

#[test]
fn a_connection_is_kept_unless_one_side_objects() {
    let cases = [
        ("HTTP/1.1", "", true),
        ("HTTP/1.1", "Connection: close\r\n", false),
        ("HTTP/1.1", "Connection: Close\r\n", false),
        ("HTTP/1.1", "Connection: keep-alive, close\r\n", false),
        ("HTTP/1.1", "Connection: TE ,\tclose\r\n", false),
        ("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("HTTP/1.1", "Connection: closed\r\n", true),
        ("HTTP/1.1", "Connection: upgrade\r\n", true),
        ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: Keep-Alive\r\n", true),
        ("HTTP/1.0", "Connection: keep-alive, close\r\n", false),
        ("HTTP/1.0", "Connection: keep-alives\r\n", false),
    ];
    for (version, fields, keep_alive) in cases {
        let bytes = format!("GET / {version}\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(whole(bytes.as_bytes()).0.keep_alive, keep_alive, "{bytes}");
    }
}

#[test]
fn only_one_expectation_is_known() {
    let cases = [
        ("HTTP/1.1", "", Ok(false)),
        ("HTTP/1.1", "Expect: 100-continue\r\n", Ok(true)),
        ("HTTP/1.1", "Expect: 100-Continue\r\n", Ok(true)),
        ("HTTP/1.1", "Expect: a-miracle\r\n", Err(HeadError::UnknownExpectation)),
        ("HTTP/1.1", "Expect: 100-continue\r\nExpect: a\r\n", Err(HeadError::UnknownExpectation)),
        ("HTTP/1.1", "Expect: 100-continue, a\r\n", Err(HeadError::UnknownExpectation)),
        ("HTTP/1.0", "Expect: 100-continue\r\n", Ok(false)),
        ("HTTP/1.0", "Expect: a-miracle\r\n", Ok(false)),
    ];
    for (version, fields, expected) in cases {
        let bytes = format!("PUT / {version}\r\nHost: a\r\n{fields}\r\n");
        let found = parse_request(bytes.as_bytes()).map(|head| head.unwrap().0.expects_continue);
        assert_eq!(found, expected, "{bytes}");
    }
}

#[test]
fn a_method_need_not_be_known() {
    assert_eq!(whole(b"M-SEARCH / HTTP/1.0\r\n\r\n").0.method.as_str(), "M-SEARCH");
    assert_eq!(whole(b"get / HTTP/1.0\r\n\r\n").0.method.as_str(), "get");
    let all = b"!#$%&'*+-.^_`|~azAZ09 / HTTP/1.0\r\n\r\n";
    assert_eq!(whole(all).0.method.as_str(), "!#$%&'*+-.^_`|~azAZ09");
}

proptest! {
    #[test]
    fn what_we_write_is_read_back(
        method in "[A-Z]{1,20}",
        target in "/[!-\"$-~]{0,40}",
        values in prop::collection::vec("([!-~]([ -~]{0,30}[!-~])?)?", 0..20),
    ) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let writer = HeadWriter::request(&method, &target).field("Host", "a");
        let bytes = values.iter().fold(writer, |writer, value| writer.field("A", value)).finish();
        let (head, len) = whole(&bytes);
        prop_assert_eq!(len, bytes.len());
        prop_assert_eq!(&head.method, &method);
        let path_and_query = [Some(head.path), head.query].into_iter().flatten().collect::<Vec<_>>().join("?");
        prop_assert_eq!(path_and_query, target);
        let read: Vec<&[u8]> = head.fields.all("a").collect();
        prop_assert_eq!(read, values.iter().map(String::as_bytes).collect::<Vec<_>>());
        for end in 0..len {
            prop_assert_eq!(parse_request(&bytes[..end]), Ok(None));
        }
    }

    /// What was once refused is not accepted when more of it is seen, and a head that was once whole stays as it is.
    #[test]
    fn no_answer_is_taken_back(bytes in "(GET|PUT) [/*]? HTTP/1.[01]\r\n(Host:[ a]\r?\n){0,2}[\r\n: a]{0,9}") {
        let bytes = bytes.as_bytes();
        let mut answers = (0..=bytes.len()).map(|len| parse_request(&bytes[..len]));
        match answers.find(|answer| *answer != Ok(None)) {
            Some(Err(_)) => prop_assert!(answers.all(|answer| answer.is_err())),
            first => prop_assert!(answers.all(|answer| Some(answer) == first)),
        }
    }
}
