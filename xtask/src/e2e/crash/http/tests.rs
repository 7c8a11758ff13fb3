use std::io::ErrorKind;

use super::read_reply;

#[test]
fn an_answer_ends_where_its_length_says() {
    let mut said = &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nUpload-Offset: 7\r\n\r\nabHTTP"[..];
    let reply = read_reply(&mut said, false).expect("it is whole");
    assert_eq!(
        (reply.status, reply.body.as_slice(), reply.field("upload-offset")),
        (200, &b"ab"[..], Some("7"))
    );
    assert_eq!(said, b"HTTP");
}

#[test]
fn the_answer_to_head_has_no_body() {
    let mut said = &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"[..];
    assert!(read_reply(&mut said, true).expect("it is whole").body.is_empty());
}

#[test]
fn an_answer_that_breaks_off_is_none() {
    for said in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"] {
        let error = read_reply(&mut said.as_bytes(), false).err().expect("it breaks off");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{said:?}");
    }
}
