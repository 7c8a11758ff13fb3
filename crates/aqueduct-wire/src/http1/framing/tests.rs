use super::*;
use crate::http1::{parse_request, parse_response};

/// What both readers make of these fields; what a request without them has is `None`, a response goes until close.
fn framing(version: &str, fields: &str) -> Result<Framing, HeadError> {
    let request = format!("PUT / {version}\r\nHost: a\r\n{fields}\r\n");
    let found = parse_request(request.as_bytes()).map(|head| head.unwrap().0.framing);

    let response = format!("{version} 200 OK\r\n{fields}\r\n");
    let of_response = parse_response(response.as_bytes(), &http::Method::GET);
    let as_response = found.map(|framing| match framing {
        Framing::None => ResponseFraming::UntilClose,
        Framing::Length(len) => ResponseFraming::Length(len),
        Framing::Chunked => ResponseFraming::Chunked,
    });
    assert_eq!(of_response.map(|head| head.unwrap().0.framing), as_response, "{response}");
    found
}

#[test]
fn a_body_ends_where_its_fields_say() {
    let cases = [
        ("", Framing::None),
        ("Content-Length: 0\r\n", Framing::Length(0)),
        ("content-LENGTH:5\r\n", Framing::Length(5)),
        ("Content-Length: 005 \t\r\n", Framing::Length(5)),
        ("Content-Length: 18446744073709551615\r\n", Framing::Length(u64::MAX)),
        ("Transfer-Encoding: chunked\r\n", Framing::Chunked),
        ("Transfer-Encoding:\t CHUNKED \r\n", Framing::Chunked),
    ];
    for (fields, expected) in cases {
        assert_eq!(framing("HTTP/1.1", fields), Ok(expected), "{fields}");
    }
    assert_eq!(framing("HTTP/1.0", "Content-Length: 5\r\n"), Ok(Framing::Length(5)));
}

/// What request smuggling is made of.
#[test]
fn a_length_has_one_way_to_be_written() {
    let bad = [
        "",
        "+5",
        "-5",
        "-0",
        "0x5",
        "5h",
        "5,",
        ",5",
        "5, 5",
        "5,5",
        "5, 6",
        "5 5",
        "5.0",
        "5e1",
        "five",
        "\"5\"",
        "\u{0665}",
        "18446744073709551616",
        "99999999999999999999999",
        "0 chunked",
        "5;a=b",
    ];
    for value in bad {
        assert_eq!(
            framing("HTTP/1.1", &format!("Content-Length: {value}\r\n")),
            Err(HeadError::BadLength),
            "{value}"
        );
    }
    for other in ["5", "6", "", "x"] {
        let fields = format!("Content-Length: 5\r\ncontent-length: {other}\r\n");
        assert_eq!(framing("HTTP/1.1", &fields), Err(HeadError::RepeatedLength), "{fields}");
    }
}

#[test]
fn there_is_one_transfer_coding() {
    let unknown = [
        "",
        "identity",
        "gzip",
        "xchunked",
        "chunkedx",
        "chunked, identity",
        "identity, chunked",
        "gzip, chunked",
        "chunked, chunked",
        "chunked,",
        ",chunked",
        "chunked;a=b",
        "\"chunked\"",
        "chunked gzip",
        "chunk",
        "x",
        "chu\tnked",
        "\u{a0}chunked",
        "chunKed\u{a0}",
        "c\u{212a}unked",
    ];
    for value in unknown {
        let fields = format!("Transfer-Encoding: {value}\r\n");
        assert_eq!(framing("HTTP/1.1", &fields), Err(HeadError::UnknownTransferCoding), "{fields}");
    }
    for (first, second) in
        [("chunked", "chunked"), ("chunked", "identity"), ("identity", "chunked"), ("", "chunked")]
    {
        let fields = format!("Transfer-Encoding: {first}\r\ntransfer-encoding: {second}\r\n");
        assert_eq!(framing("HTTP/1.1", &fields), Err(HeadError::UnknownTransferCoding), "{fields}");
    }
    assert_eq!(framing("HTTP/1.0", "Transfer-Encoding: chunked\r\n"), Err(HeadError::ChunkedInHttp10));
    assert_eq!(framing("HTTP/1.0", "Transfer-Encoding: x\r\n"), Err(HeadError::ChunkedInHttp10));
}

#[test]
fn a_length_and_a_coding_exclude_each_other() {
    for coding in ["chunked", "identity", "xchunked", ""] {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let (length, coding) = ("Content-Length: 5\r\n", format!("Transfer-Encoding: {coding}\r\n"));
            assert_eq!(framing(version, &format!("{length}{coding}")), Err(HeadError::LengthAndChunked));
            assert_eq!(framing(version, &format!("{coding}{length}")), Err(HeadError::LengthAndChunked));
        }
    }
}

/// Spellings of a field's name that some readers take for the name: none of them is overlooked, all are refused.
#[test]
fn a_name_that_is_nearly_right_is_not_overlooked() {
    let fields = [
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "A: b\r\n Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding\r\n: chunked\r\n",
        "Transfer-Encoding: \u{b}chunked\r\n",
        "Transfer-Encoding: chunked\0\r\n",
        "Transfer-\0Encoding: chunked\r\n",
        "Content-Length : 5\r\n",
        "Content-Length: 5\r\n 6\r\n",
        "Content-Length: \u{c}5\r\n",
    ];
    for field in fields {
        assert_eq!(framing("HTTP/1.1", field), Err(HeadError::BadField), "{field:?}");
    }
    for field in ["A: b\rTransfer-Encoding: chunked\r\n", "Content-Length: 5\r\r\n"] {
        assert_eq!(framing("HTTP/1.1", field), Err(HeadError::BadField), "{field:?}");
    }
    for field in ["A: b\nTransfer-Encoding: chunked\r\n", "\nTransfer-Encoding: chunked\r\n"] {
        assert_eq!(framing("HTTP/1.1", field), Err(HeadError::BadLineEnd), "{field:?}");
    }
    // Other names are other fields, to us and to everyone.
    for name in ["Content_Length", "Content-Lengths", "X-Transfer-Encoding", "Transfer-Encodin"] {
        assert_eq!(framing("HTTP/1.1", &format!("{name}: chunked\r\n")), Ok(Framing::None));
    }
}
