use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::thread;

use super::super::tests::Terms;
use super::*;

/// What a server is asked, and what came of what it answered.
struct Told {
    asked: Vec<String>,
    answered: Option<Answered>,
    content: Vec<u8>,
    came: Result<Fetched, Error>,
}

/// Fetches `/dir/file` from a server that answers one connection after the other so, and then closes it. In an answer, `PORT` is
/// the server's.
fn fetched(answers: &[&str], begun: Option<(&str, &str)>) -> Told {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let url: Url = format!("http://127.0.0.1:{port}/dir/file").parse().unwrap();
    let file = Arc::new(tempfile::tempfile().unwrap());
    let begun = begun.map(|(content, validator)| {
        file.write_all_at(content.as_bytes(), 0).unwrap();
        Begun { offset: content.len() as u64, validator: validator.to_owned() }
    });
    let terms = Terms::patient();
    let mut answered = None;
    let mut begin = |it: &Answered| {
        answered = Some(it.clone());
        file.set_len(it.offset).unwrap();
        Ok(Arc::clone(&file))
    };
    let mut observed = Vec::new();
    let (came, asked) = thread::scope(|scope| {
        let server = scope.spawn(|| {
            let mut asked = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.push(byte[0]);
                }
                asked.push(String::from_utf8(request).unwrap());
                stream.write_all(answer.replace("PORT", &port).as_bytes()).unwrap();
            }
            asked
        });
        let mut observe = |bytes: &[u8]| observed.extend_from_slice(bytes);
        let came = fetch(&url, begun.as_ref(), &mut begin, &mut observe, terms.manner());
        (came, server.join().unwrap())
    });
    let mut content = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut content, 0).unwrap();
    if let Some(answered) = &answered {
        assert_eq!(content[usize::try_from(answered.offset).unwrap()..], observed);
    }
    Told { asked, answered, content, came }
}

fn kind(answers: &[&str], begun: Option<(&str, &str)>) -> ErrorKind {
    fetched(answers, begun).came.unwrap_err().kind()
}

#[test]
fn a_file_comes_whole_however_its_end_is_told() {
    for (answer, is_end_known) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwholeand more", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nwh\r\n3\r\nole\r\n0\r\n\r\n", true),
        ("HTTP/1.1 103 Early\r\n\r\nHTTP/1.0 200 OK\r\n\r\nwhole", false),
    ] {
        let told = fetched(&[answer], None);
        let came = told.came.unwrap();
        assert_eq!((told.content.as_slice(), came.size), (&b"whole"[..], 5), "{answer}");
        assert_eq!(came.is_end_known, is_end_known);
        let asked = &told.asked[0];
        assert!(asked.starts_with("GET /dir/file HTTP/1.1\r\nHost: 127.0.0.1:"), "{asked}");
        assert!(!asked.contains("Range"), "{asked}");
    }
}

#[test]
fn an_earlier_attempt_is_gone_on_with_where_the_server_has_the_same_file() {
    let answer = "HTTP/1.1 206 P\r\nETag: \"a\"\r\nContent-Range: bytes 3-4/5\r\nContent-Length: 2\r\n\r\nle";
    let told = fetched(&[answer], Some(("who", "\"a\"")));
    assert_eq!((told.came.unwrap().size, told.content.as_slice()), (5, &b"whole"[..]));
    assert!(told.asked[0].contains("\r\nRange: bytes=3-\r\nIf-Range: \"a\"\r\n"), "{}", told.asked[0]);
    let answered = told.answered.unwrap();
    assert_eq!((answered.offset, answered.size, answered.validator.as_deref()), (3, Some(5), Some("\"a\"")));
}

#[test]
fn another_file_begins_anew_and_one_that_is_there_is_not_fetched() {
    let answer = "HTTP/1.1 200 OK\r\nETag: \"b\"\r\nContent-Length: 3\r\n\r\nnew";
    let told = fetched(&[answer], Some(("older", "\"a\"")));
    assert_eq!((told.came.unwrap().size, told.content.as_slice()), (3, &b"new"[..]));
    let answer = "HTTP/1.1 416 N\r\nContent-Range: bytes */5\r\nContent-Length: 0\r\n\r\n";
    let told = fetched(&[answer], Some(("whole", "\"a\"")));
    assert_eq!((told.came.unwrap().size, told.content.as_slice()), (5, &b"whole"[..]));
    assert_eq!(kind(&[answer], Some(("whole and more", "\"a\""))), ErrorKind::Source);
}

#[test]
fn a_part_that_is_not_the_one_asked_for_is_not_believed() {
    for answer in [
        "HTTP/1.1 206 P\r\nContent-Range: bytes 2-4/5\r\nContent-Length: 3\r\n\r\nole",
        "HTTP/1.1 206 P\r\nContent-Range: bytes 3-4/9\r\nContent-Length: 2\r\n\r\nle",
        "HTTP/1.1 206 P\r\nContent-Range: bytes 3-4/5\r\nContent-Length: 1\r\n\r\nl",
        "HTTP/1.1 206 P\r\nContent-Length: 2\r\n\r\nle",
        "HTTP/1.1 416 N\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert_eq!(kind(&[answer], Some(("who", "\"a\""))), ErrorKind::Protocol, "{answer}");
    }
    let other = "HTTP/1.1 206 P\r\nETag: \"b\"\r\nContent-Range: bytes 3-4/5\r\nContent-Length: 2\r\n\r\nle";
    assert_eq!(kind(&[other], Some(("who", "\"a\""))), ErrorKind::Source);
    let unasked = "HTTP/1.1 206 P\r\nContent-Range: bytes 0-4/5\r\nContent-Length: 5\r\n\r\nwhole";
    assert_eq!(kind(&[unasked], None), ErrorKind::Protocol);
}

#[test]
fn what_ends_early_is_a_lost_connection_and_what_came_is_kept() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwho",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwho\r\n",
    ] {
        let told = fetched(&[answer], None);
        assert_eq!(
            (told.came.unwrap_err().kind(), told.content.as_slice()),
            (ErrorKind::Network, &b"who"[..])
        );
    }
    assert_eq!(kind(&[""], None), ErrorKind::Network);
    assert_eq!(kind(&["HTTP/1.1 200 OK\r\nConte"], None), ErrorKind::Network);
}

#[test]
fn a_server_may_lead_elsewhere_but_not_for_ever() {
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole";
    for (to, target) in [
        ("http://127.0.0.1:PORT/x?y=1", "/x?y=1"),
        ("/there", "/there"),
        ("other", "/dir/other"),
        ("?again", "/dir/file?again"),
        ("//127.0.0.1:PORT", "/"),
        ("/na\u{ef}ve file#part", "/na%C3%AFve%20file"),
    ] {
        let redirect = format!("HTTP/1.1 302 F\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        let told = fetched(&[&redirect, whole], None);
        assert_eq!(told.came.unwrap().size, 5, "{to}");
        assert!(told.asked[1].starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{}", told.asked[1]);
    }
    let circle = "HTTP/1.1 301 M\r\nLocation: /dir/file\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(kind(&[circle; 6], None), ErrorKind::Source);
    let tls = "HTTP/1.1 301 M\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(kind(&[tls], None), ErrorKind::Usage);
    assert_eq!(kind(&["HTTP/1.1 301 M\r\nContent-Length: 0\r\n\r\n"], None), ErrorKind::Protocol);
}

#[test]
fn what_is_no_file_and_what_is_no_http_are_told_apart() {
    assert_eq!(kind(&["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"], None), ErrorKind::Source);
    assert_eq!(kind(&["HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"], None), ErrorKind::Source);
    assert_eq!(kind(&["SSH-2.0-OpenSSH\r\n"], None), ErrorKind::Protocol);
    assert_eq!(
        kind(&["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"], None),
        ErrorKind::Protocol
    );
    let error = fetched(&["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"], None).came.unwrap_err();
    assert!(error.to_string().ends_with("/dir/file: it answers 404 Not Found"), "{error}");
}

#[test]
fn a_validator_is_a_strong_tag_or_a_date_that_is_old_enough() {
    let old = "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let new = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    for (fields, validator) in [
        ("ETag: \"x\"\r\n", Some("\"x\"")),
        ("ETag: W/\"x\"\r\n", None),
        (old, Some("Sun, 06 Nov 1994 08:49:37 GMT")),
        (new, None),
        ("Last-Modified: yesterday\r\n", None),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 1\r\n\r\nx");
        let told = fetched(&[&answer], None);
        assert_eq!(told.answered.unwrap().validator.as_deref(), validator, "{fields}");
    }
}

#[test]
fn an_address_is_read_as_somebody_types_it() {
    for (text, shown, name) in [
        ("http://host/a/b.bin", "http://host/a/b.bin", Some(&b"b.bin"[..])),
        ("http://host:8080/x%20y?q=/z", "http://host:8080/x%20y?q=/z", Some(b"x y")),
        ("http://[::1]:80/", "http://[::1]/", None),
        ("http://host", "http://host/", None),
        ("http://host/%2e%2e", "http://host/%2e%2e", None),
        ("http://host/a b\u{e9}", "http://host/a%20b%C3%A9", Some(b"a b\xc3\xa9")),
    ] {
        let url: Url = text.parse().unwrap();
        assert_eq!((url.to_string().as_str(), url.name().as_deref()), (shown, name));
    }
    for text in [
        "",
        "host/x",
        "https://host/x",
        "ftp://host/x",
        "http://u:p@host/",
        "http:///x",
        "http://h:0/",
        "http://h:x/",
        "/x",
    ] {
        assert_eq!(text.parse::<Url>().unwrap_err().kind(), ErrorKind::Usage, "{text}");
    }
}

#[test]
fn time_is_up_although_the_server_never_lets_us_wait() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url: Url = format!("http://{}/file", listener.local_addr().unwrap()).parse().unwrap();
    let file = Arc::new(tempfile::tempfile().unwrap());
    let terms = Terms::patient();
    let until = std::time::Instant::now() + std::time::Duration::from_millis(200);
    let manner = Manner { until: Some(until), ..terms.manner() };
    thread::scope(|scope| {
        let (is_sent, sent) = std::sync::mpsc::channel();
        scope.spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n").unwrap();
            stream.write_all(&[b'x'; 100_000]).unwrap();
            is_sent.send(()).unwrap();
        });
        let mut begin = |_: &Answered| {
            sent.recv().unwrap();
            while std::time::Instant::now() < until {
                thread::yield_now();
            }
            Ok(Arc::clone(&file))
        };
        let came = fetch(&url, None, &mut begin, &mut |_| (), manner);
        assert_eq!(came.unwrap_err().kind(), ErrorKind::Deadline);
    });
}
