use super::*;

#[test]
fn a_head_is_its_lines_and_an_empty_one() {
    let head = HeadWriter::request(&Method::GET, "/blobs?limit=1")
        .field("Host", "a")
        .field("Range", "bytes=0-")
        .finish();
    assert_eq!(head, b"GET /blobs?limit=1 HTTP/1.1\r\nHost: a\r\nRange: bytes=0-\r\n\r\n");
    assert_eq!(HeadWriter::response(StatusCode::NOT_FOUND).finish(), b"HTTP/1.1 404 Not Found\r\n\r\n");
    // RFC 9112 section 4: the space stays when there is no reason to give.
    let unnamed = StatusCode::from_u16(299).unwrap();
    assert_eq!(HeadWriter::response(unnamed).finish(), b"HTTP/1.1 299 \r\n\r\n");
    assert_eq!(HeadWriter::response(StatusCode::CONTINUE).finish(), CONTINUE);
}

#[test]
fn a_head_that_goes_on_ends_with_a_whole_line() {
    let head = HeadWriter::response(StatusCode::OK).field("A", "b");
    assert_eq!(head.clone().unfinished(), b"HTTP/1.1 200 OK\r\nA: b\r\n");
    assert_eq!([&head.clone().unfinished(), &b"\r\n"[..]].concat(), head.finish());
}

#[test]
fn the_usual_head_is_allocated_once() {
    let writer = HeadWriter::response(StatusCode::OK).field("A", "x".repeat(400));
    assert_eq!(writer.finish().capacity(), HEAD_LEN_USUAL);
}

#[test]
#[should_panic(expected = "no line of a head holds a control character: A: b\\r\\nC: d")]
fn a_value_cannot_begin_another_field() {
    let _ = HeadWriter::response(StatusCode::OK).field("A", "b\r\nC: d");
}

#[test]
#[should_panic(expected = "a target is a path")]
fn a_target_cannot_begin_another_line() {
    let _ = HeadWriter::request(&Method::GET, "/ HTTP/1.1\r\n\r\n");
}
