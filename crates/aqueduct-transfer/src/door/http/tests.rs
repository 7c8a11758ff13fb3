// The files here are fixtures.
#![allow(clippy::disallowed_methods)]

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aqueduct_flow::Route;
use tempfile::TempDir;

use super::super::tests::{Terms, tcp_pair};
use super::*;

const CAPABILITY: [u8; 16] = [7; 16];

/// Hears nothing.
struct Deaf;

impl Watch for Deaf {
    fn hear(&self, _: &Event<'_>) {}
}

/// A file of 100 bytes, and what is offered of it.
fn hundred() -> (TempDir, Shelf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a hundred.bin");
    fs::write(&path, hundred_bytes()).unwrap();
    let shelf = Shelf::new(CAPABILITY, &[path], &[]).unwrap();
    (directory, shelf)
}

fn hundred_bytes() -> Vec<u8> {
    (0..100).collect()
}

fn tree() -> (TempDir, Shelf) {
    let directory = TempDir::new().unwrap();
    let top = directory.path().join("tree");
    fs::create_dir_all(top.join("inner/empty")).unwrap();
    fs::write(top.join("one"), "first").unwrap();
    fs::write(top.join("inner/two"), "second").unwrap();
    fs::write(top.join("left.out"), "never").unwrap();
    fs::write(directory.path().join("outside"), "secret").unwrap();
    symlink("../outside", top.join("way out")).unwrap();
    symlink("inner", top.join("way in")).unwrap();
    let shelf = Shelf::new(CAPABILITY, &[top], &["*.out".to_owned()]).unwrap();
    (directory, shelf)
}

/// What is answered to all of these bytes on one connection. Nobody looks whether that was all.
fn said(shelf: &Shelf, request: &[u8]) -> Vec<u8> {
    let (ours, theirs) = tcp_pair();
    let terms = Terms::patient();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            (&theirs).write_all(request).unwrap();
            theirs.shutdown(Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            (&theirs).read_to_end(&mut answer).unwrap();
            answer
        });
        let mut peer = Peer::new(&ours, terms.manner()).unwrap();
        shelf.answer_all(&mut peer, &Deaf).unwrap();
        let _ = peer.finish();
        asking.join().unwrap()
    })
}

/// The status, the head and the body of the answer to a GET with these fields, each with its line's end.
fn get(shelf: &Shelf, path: &str, fields: &str) -> (u16, String, Vec<u8>) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{fields}\r\n");
    parts(&said(shelf, request.as_bytes()))
}

fn parts(answer: &[u8]) -> (u16, String, Vec<u8>) {
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").expect("there is a head") + 4;
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head[9..12].parse().unwrap(), head, answer[end..].to_vec())
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn a_file_is_given_with_all_that_a_receiver_needs_to_know() {
    let (_directory, shelf) = hundred();
    assert_eq!(shelf.path(), "/a4dqobyha4dqobyha4dqobyha4/a%20hundred.bin");
    let request = format!("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", shelf.path());
    let answer = said(&shelf, request.as_bytes());
    let (status, head, body) = parts(&answer);
    assert_eq!((status, body), (200, hundred_bytes()));
    assert!(shelf.is_complete());
    for (name, value) in [
        ("Content-Length", "100"),
        ("Content-Type", "application/octet-stream"),
        ("Content-Disposition", "attachment; filename=\"a hundred.bin\""),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
    ] {
        assert_eq!(field(&head, name), Some(value), "{head}");
    }
    assert!(field(&head, "ETag").is_some_and(|tag| tag.len() == 34 && tag.starts_with('"')), "{head}");
    assert!(field(&head, "Last-Modified").is_some_and(|date| date.ends_with(" GMT")), "{head}");
}

#[test]
fn a_head_is_that_of_the_whole_file_and_gives_nothing() {
    let (_directory, shelf) = hundred();
    let request = format!("HEAD {} HTTP/1.1\r\nHost: h\r\nRange: bytes=0-1\r\n\r\n", shelf.path());
    let answer = said(&shelf, request.as_bytes());
    let (status, head, body) = parts(&answer);
    assert_eq!((status, field(&head, "Content-Length"), body.len()), (200, Some("100"), 0));
    assert!(!shelf.is_complete());
    assert!(shelf.delivered().began.is_none(), "the time of a delivery begins with its bytes");
}

#[test]
fn a_range_is_answered_as_it_was_asked_for() {
    for (range, status, content_range, bytes) in [
        ("bytes=0-0", 206, "bytes 0-0/100", 0..1),
        ("bytes=90-", 206, "bytes 90-99/100", 90..100),
        ("bytes=-7", 206, "bytes 93-99/100", 93..100),
        ("bytes=99-99", 206, "bytes 99-99/100", 99..100),
        ("bytes=50-5000", 206, "bytes 50-99/100", 50..100),
        ("bytes=-500", 206, "bytes 0-99/100", 0..100),
        ("bytes=0-", 206, "bytes 0-99/100", 0..100),
        ("bytes=nonsense", 200, "", 0..100),
        ("lines=1-2", 200, "", 0..100),
    ] {
        let (_directory, shelf) = hundred();
        let (found, head, body) = get(&shelf, shelf.path(), &format!("Range: {range}\r\n"));
        assert_eq!((found, field(&head, "Content-Range").unwrap_or_default()), (status, content_range));
        assert_eq!(body, hundred_bytes()[bytes.clone()], "{range}");
        assert_eq!(shelf.is_complete(), bytes == (0..100), "{range}");
    }
    let (_directory, shelf) = hundred();
    for range in ["bytes=100-", "bytes=-0"] {
        let (status, head, _) = get(&shelf, shelf.path(), &format!("Range: {range}\r\n"));
        assert_eq!((status, field(&head, "Content-Range")), (416, Some("bytes */100")));
    }
}

#[test]
fn several_ranges_are_parts_of_one_answer() {
    let (_directory, shelf) = hundred();
    let (status, head, body) = get(&shelf, shelf.path(), "Range: bytes=0-1,98-\r\n");
    let boundary =
        field(&head, "Content-Type").unwrap().strip_prefix("multipart/byteranges; boundary=").unwrap();
    let part = |range: &str| {
        format!(
            "--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {range}/100\r\n\r\n"
        )
    };
    let expected = [
        part("0-1").as_bytes(),
        &[0, 1],
        b"\r\n",
        part("98-99").as_bytes(),
        &[98, 99],
        format!("\r\n--{boundary}--\r\n").as_bytes(),
    ]
    .concat();
    assert_eq!((status, &body), (206, &expected));
    assert_eq!(field(&head, "Content-Length"), Some(&*expected.len().to_string()));
    get(&shelf, shelf.path(), "Range: bytes=2-97\r\n");
    assert!(shelf.is_complete(), "what was given in parts counts");
}

#[test]
fn parts_from_several_connections_add_up_and_what_has_changed_begins_anew() {
    let (directory, shelf) = hundred();
    let (_, head, _) = get(&shelf, shelf.path(), "Range: bytes=0-49\r\n");
    let tag = field(&head, "ETag").unwrap().to_owned();
    assert!(!shelf.is_complete());
    let resume = format!("Range: bytes=50-\r\nIf-Range: {tag}\r\n");
    fs::write(directory.path().join("a hundred.bin"), [1; 99]).unwrap();
    let (status, _, body) = get(&shelf, shelf.path(), "Range: bytes=50-\r\n");
    assert_eq!((status, body.len()), (206, 49));
    assert!(!shelf.is_complete(), "half of one and half of another are no file");
    let (status, _, body) = get(&shelf, shelf.path(), &resume);
    assert_eq!((status, body), (200, vec![1; 99]), "what is gone on with is not there any more");
    assert!(shelf.is_complete());
}

#[test]
fn conditions_are_answered() {
    let (_directory, shelf) = hundred();
    let (_, head, _) = get(&shelf, shelf.path(), "Range: bytes=0-0\r\n");
    let tag = field(&head, "ETag").unwrap();
    assert_eq!(get(&shelf, shelf.path(), &format!("If-None-Match: {tag}\r\n")).0, 304);
    assert_eq!(get(&shelf, shelf.path(), "If-Match: \"other\"\r\n").0, 412);
    assert_eq!(get(&shelf, shelf.path(), &format!("If-Match: {tag}\r\nRange: bytes=1-\r\n")).0, 206);
}

#[test]
fn an_empty_file_is_given_by_an_empty_answer() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("empty"), "").unwrap();
    let shelf = Shelf::new(CAPABILITY, &[directory.path().join("empty")], &[]).unwrap();
    let (status, head, body) = get(&shelf, shelf.path(), "");
    assert_eq!((status, field(&head, "Content-Length"), body.len()), (200, Some("0"), 0));
    assert!(shelf.is_complete());
}

#[test]
fn what_is_not_below_the_capability_is_not_there_whatever_it_is() {
    let (_directory, shelf) = tree();
    let here = "/a4dqobyha4dqobyha4dqobyha4";
    let long = format!("{here}/tree/{}", "x".repeat(5000));
    let deep = format!("{here}/tree{}", "/inner".repeat(2000));
    let mut answers = HashSet::new();
    for path in [
        "/",
        "/favicon.ico",
        "//",
        "/b4dqobyha4dqobyha4dqobyha4/tree/one",
        "/a4dqobyha4dqobyha4dqobyha/tree/one",
        &format!("{here}a/tree/one"),
        &format!("{here}/.."),
        &format!("{here}/../etc/passwd"),
        &format!("{here}/tree/../../outside"),
        &format!("{here}/tree/%2e%2e/outside"),
        &format!("{here}/tree/%2E%2e/%2e./outside"),
        &format!("{here}/tree/..%2foutside"),
        &format!("{here}/tree/inner%2ftwo"),
        &format!("{here}/tree/one%00"),
        &format!("{here}/tree//one"),
        &format!("{here}/tree/./one"),
        &format!("{here}/tree/one/"),
        &format!("{here}/tree/one/more"),
        &format!("{here}/tree/way%20out"),
        &format!("{here}/tree/way%20in/two"),
        &format!("{here}/tree/left.out"),
        &format!("{here}/tree/%zz"),
        &format!("{here}/outside"),
        &format!("{here}/tree.tar/"),
        &long,
        &deep,
    ] {
        let (status, head, body) = get(&shelf, path, "");
        assert_eq!(status, 404, "{path}");
        answers.insert((head.lines().filter(|line| !line.starts_with("Date")).collect::<String>(), body));
    }
    assert_eq!(answers.len(), 1, "nobody learns what is wrong with a path");
}

#[test]
fn a_directory_is_a_page_of_links_that_lead_to_what_is_in_it() {
    let (_directory, shelf) = tree();
    let here = "/a4dqobyha4dqobyha4dqobyha4";
    for (path, to) in [(here.to_owned(), "a4dqobyha4dqobyha4dqobyha4/"), (format!("{here}/tree"), "tree/")] {
        let (status, head, _) = get(&shelf, &path, "");
        assert_eq!((status, field(&head, "Location")), (301, Some(to)));
    }
    let (status, head, page) = get(&shelf, &format!("{here}/"), "");
    let page = String::from_utf8(page).unwrap();
    assert!(status == 200 && head.contains("Content-Security-Policy: default-src 'none'"), "{head}");
    assert!(page.contains("href=\"./tree/\"") && page.contains("href=\"tree.tar\""), "{page}");
    let (_, _, page) = get(&shelf, &format!("{here}/tree/"), "");
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("href=\"./one\"") && page.contains("href=\"./inner/\""), "{page}");
    assert!(!page.contains("left.out") && !page.contains("href=\"./way"), "{page}");
    assert!(!shelf.is_complete());
}

#[test]
fn a_tree_may_be_fetched_file_by_file() {
    let (_directory, shelf) = tree();
    let here = "/a4dqobyha4dqobyha4dqobyha4";
    assert_eq!(get(&shelf, &format!("{here}/tree/one"), "").2, b"first");
    assert!(!shelf.is_complete());
    assert_eq!(get(&shelf, &format!("{here}/tree/inner/two"), "").2, b"second");
    assert!(shelf.is_complete(), "what is left out is not wanted, and links are no files");
}

#[test]
fn requests_follow_each_other_on_a_connection() {
    let (_directory, shelf) = hundred();
    let path = shelf.path();
    let request = format!(
        "HEAD {path} HTTP/1.1\r\nHost: h\r\n\r\nGET {path} HTTP/1.1\r\nHost: h\r\nRange: bytes=0-2\r\n\r\n\
         GET /no HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET {path} HTTP/1.0\r\nRange: bytes=5-6\r\n\r\n"
    );
    let answer = said(&shelf, request.as_bytes());
    let text = String::from_utf8_lossy(&answer);
    let statuses: Vec<_> = text.match_indices("HTTP/1.1 ").map(|(at, _)| &text[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "206", "404", "206"]);
    assert!(text.contains("Connection: keep-alive") && answer.ends_with(&[5, 6]), "{text}");
}

#[test]
fn what_could_be_understood_in_two_ways_is_refused_and_nothing_after_it_is_answered() {
    let (_directory, shelf) = hundred();
    let path = shelf.path().to_owned();
    let smuggled = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    for (request, status) in [
        (
            format!(
                "GET {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            400,
        ),
        (format!("GET {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), 400),
        (format!("GET {path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n"), 501),
        (format!("GET {path} HTTP/1.1\n\n"), 400),
        (format!("GET {path} HTTP/1.1\r\n\r\n"), 400),
        (format!("GET {path} HTTP/2.0\r\nHost: h\r\n\r\n"), 505),
        (format!("GET {path} HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n"), 417),
        (format!("GET {path} HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(20_000)), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(20_000)), 414),
        (format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n"), 405),
        ("\x01\x02".to_owned(), 400),
    ] {
        let answer = said(&shelf, format!("{request}{smuggled}").as_bytes());
        let (found, head, _) = parts(&answer);
        assert_eq!((found, field(&head, "Connection")), (status, Some("close")), "{request}");
        assert!(!shelf.is_complete(), "{request}");
    }
}

#[test]
fn whoever_says_nothing_more_is_let_go() {
    for words in [&b""[..], b"GET /", b"GET / HTTP/1.1\r\nHost: h\r\n"] {
        let (_directory, shelf) = hundred();
        let (ours, theirs) = tcp_pair();
        (&theirs).write_all(words).unwrap();
        let hasty = Terms::of(Duration::from_millis(20));
        shelf.serve(&ours, hasty.manner(), &Deaf).unwrap();
        assert!(!shelf.is_complete());
    }
}

#[test]
fn what_was_acknowledged_before_a_connection_broke_counts_and_another_goes_on() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("large");
    let bytes: Vec<u8> = (0..=250).cycle().take(16 << 20).collect();
    fs::write(&path, &bytes).unwrap();
    let shelf = Shelf::new(CAPABILITY, &[path], &[]).unwrap();
    let terms = Terms::patient();
    let (ours, theirs) = tcp_pair();
    let request = format!("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", shelf.path());
    let read_len = 5 << 20;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            (&theirs).write_all(request.as_bytes()).unwrap();
            // It goes away with the rest unread, which is a reset.
            (&theirs).read_exact(&mut vec![0; read_len]).unwrap();
        });
        let error = shelf.serve(&ours, terms.manner(), &Deaf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Network);
    });
    let given = terms.gauge.verified();
    assert!((read_len as u64 - 1000..16 << 20).contains(&given), "{given}");
    // The head was read, too.
    let from = read_len - 1000;
    let (status, _, body) = get(&shelf, shelf.path(), &format!("Range: bytes={from}-\r\n"));
    assert!(status == 206 && body == bytes[from..]);
    assert!(shelf.is_complete());
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_cut_short() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("changing");
    fs::write(&path, vec![1; 64 << 20]).unwrap();
    let shelf = Shelf::new(CAPABILITY, std::slice::from_ref(&path), &[]).unwrap();
    let terms = Terms::patient();
    let (ours, theirs) = tcp_pair();
    let request = format!("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", shelf.path());
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            (&theirs).write_all(request.as_bytes()).unwrap();
            // More than both sides' buffers hold is still to be sent.
            (&theirs).read_exact(&mut [0; 1000]).unwrap();
            let file = fs::OpenOptions::new().append(true).open(path).unwrap();
            (&file).write_all(b"more").unwrap();
            let mut rest = Vec::new();
            let _ = (&theirs).read_to_end(&mut rest);
            1000 + rest.len()
        });
        let error = shelf.serve(&ours, terms.manner(), &Deaf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
        drop(ours);
        assert!(reader.join().unwrap() < 64 << 20);
    });
    assert!(!shelf.is_complete());
}

/// The body of an answer in chunks.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|it| it == b"\r\n").unwrap();
        let len = usize::from_str_radix(str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        bytes = &bytes[end + 2..];
        if len == 0 {
            assert_eq!(bytes, b"\r\n");
            return body;
        }
        body.extend_from_slice(&bytes[..len]);
        bytes = bytes[len..].strip_prefix(b"\r\n").unwrap();
    }
}

fn diff(left: &Path, right: &Path) -> String {
    let out = Command::new("diff").args(["-r", "--no-dereference"]).args([left, right]).output().unwrap();
    String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned()
}

/// Names, kinds, modes, sizes, whole seconds of changes, and what links say.
fn described(directory: &Path) -> String {
    let found = Command::new("find")
        .arg(".")
        .args(["-printf", "%P %y %m %Ts %l\\n"])
        .current_dir(directory)
        .output()
        .unwrap();
    let mut lines: Vec<_> = found.stdout.split(|byte| *byte == b'\n').map(|it| it.escape_ascii()).collect();
    lines.sort_by_key(ToString::to_string);
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_tree_as_one_stream_is_extracted_to_the_same_tree() {
    use std::os::unix::fs::PermissionsExt;
    let directory = TempDir::new().unwrap();
    let top = directory.path().join("top");
    let deep = top.join("d".repeat(120)).join("e".repeat(120)).join("f".repeat(120));
    fs::create_dir_all(&deep).unwrap();
    fs::create_dir(top.join("empty")).unwrap();
    fs::write(deep.join("g".repeat(200)), "far down").unwrap();
    fs::write(top.join(std::ffi::OsStr::from_bytes(b"no \xff utf-8\n")), "bytes").unwrap();
    for (name, len) in
        [("none", 0), ("512", 512), ("513", 513), ("small", 64 << 10), ("large", (9 << 20) + 1)]
    {
        fs::write(top.join(name), (0..=250).cycle().take(len).collect::<Vec<u8>>()).unwrap();
    }
    fs::set_permissions(top.join("512"), fs::Permissions::from_mode(0o4751)).unwrap();
    symlink("l".repeat(300), top.join("long link")).unwrap();
    let old = Command::new("touch").args(["-d", "2001-02-03 04:05:06"]).arg(top.join("none")).status();
    assert!(old.unwrap().success());

    for version in ["1.1", "1.0"] {
        let shelf = Shelf::new(CAPABILITY, std::slice::from_ref(&top), &[]).unwrap();
        assert!(shelf.path().ends_with("/top.tar"));
        let request = format!("GET {} HTTP/{version}\r\nHost: h\r\n\r\n", shelf.path());
        let answer = said(&shelf, request.as_bytes());
        let (status, head, body) = parts(&answer);
        assert_eq!((status, field(&head, "Content-Type")), (200, Some("application/x-tar")));
        let given = shelf.take_given(&Deaf).unwrap();
        assert_eq!((given.file_count, given.left_count, given.size), (7, 0, 9_503_759));
        assert!(given.carried.by(Route::Sendfile) >= 9 << 20, "{}", given.carried);
        let body = if version == "1.1" { unchunked(&body) } else { body };
        let archive = directory.path().join("archive");
        fs::write(&archive, body).unwrap();
        let out = directory.path().join(format!("out-{version}"));
        fs::create_dir(&out).unwrap();
        let tar = Command::new("tar").arg("xpf").arg(&archive).arg("-C").arg(&out).output().unwrap();
        assert!(tar.status.success() && tar.stderr.is_empty(), "{}", String::from_utf8_lossy(&tar.stderr));
        assert_eq!(diff(&top, &out.join("top")), "");
        assert_eq!(described(&out.join("top")), described(&top));
    }
}

#[test]
fn what_is_left_out_of_a_tree_is_counted_however_the_rest_is_fetched() {
    let directory = TempDir::new().unwrap();
    let top = directory.path().join("top");
    fs::create_dir(&top).unwrap();
    fs::write(top.join("file"), "bytes").unwrap();
    assert!(Command::new("mkfifo").arg(top.join("fifo")).status().unwrap().success());
    for name in ["top.tar", "top/file"] {
        let shelf = Shelf::new(CAPABILITY, std::slice::from_ref(&top), &[]).unwrap();
        let path = format!("{}/{name}", shelf.path().rsplit_once('/').unwrap().0);
        said(&shelf, format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
        let given = shelf.take_given(&Deaf).unwrap();
        assert_eq!((given.file_count, given.left_count, given.size), (1, 1, 5), "{name}");
    }
}

#[test]
fn what_came_over_several_connections_is_one_delivery_whichever_of_them_are_still_open() {
    let (_directory, shelf) = hundred();
    let path = shelf.path().to_owned();
    let terms = Terms::patient();
    let (ours, theirs) = tcp_pair();
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| shelf.serve(&ours, terms.manner(), &Deaf));
        let first = format!("GET {path} HTTP/1.1\r\nHost: h\r\nRange: bytes=0-49\r\n\r\n");
        let second = format!("HEAD {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        (&theirs).write_all(format!("{first}{second}").as_bytes()).unwrap();
        // The first is done for good once the second is answered.
        let mut answers = Vec::new();
        while answers.windows(5).filter(|it| it == b"HTTP/").count() < 2 {
            let mut some = [0; 1000];
            let len = (&theirs).read(&mut some).unwrap();
            assert!(len > 0);
            answers.extend_from_slice(&some[..len]);
        }
        assert_eq!(shelf.take_given(&Deaf), None);
        get(&shelf, &path, "Range: bytes=50-\r\n");
        let given = shelf.take_given(&Deaf).unwrap();
        assert_eq!((given.file_count, given.left_count, given.size), (1, 0, 100));
        assert_eq!(given.carried.by(Route::Sendfile), 100, "{}", given.carried);
        assert_eq!(shelf.take_given(&Deaf), None, "it is told once");
        theirs.shutdown(Shutdown::Both).unwrap();
        serving.join().unwrap().unwrap();
    });
    assert_eq!(shelf.take_given(&Deaf), None);
}

#[test]
fn of_several_connections_that_give_the_last_bytes_at_once_one_tells_of_all() {
    for _ in 0..20 {
        let (_directory, shelf) = hundred();
        let serve = |range: &str| {
            let (ours, theirs) = tcp_pair();
            let request = format!("GET {} HTTP/1.1\r\nHost: h\r\nRange: bytes={range}\r\n\r\n", shelf.path());
            (&theirs).write_all(request.as_bytes()).unwrap();
            theirs.shutdown(Shutdown::Write).unwrap();
            shelf.serve(&ours, Terms::patient().manner(), &Deaf).unwrap()
        };
        let serve = &serve;
        let given = std::thread::scope(|scope| {
            ["0-29", "30-59", "60-99"]
                .map(|range| scope.spawn(move || serve(range)))
                .map(|serving| serving.join().unwrap())
        });
        let mut told = given.into_iter().flatten();
        let all = told.next().unwrap();
        assert_eq!((all.size, all.carried.by(Route::Sendfile), told.next()), (100, 100, None));
    }
}

/// A tree of one file, larger than both sides' buffers.
fn large_tree() -> (TempDir, Shelf, u64) {
    let directory = TempDir::new().unwrap();
    let top = directory.path().join("top");
    fs::create_dir(&top).unwrap();
    let size = 64 << 20;
    fs::File::create(top.join("large")).unwrap().set_len(size).unwrap();
    let shelf = Shelf::new(CAPABILITY, &[top], &[]).unwrap();
    (directory, shelf, size)
}

/// Two fetch the same at once, of whom the second is done first. Says what either was given.
fn overlapping(shelf: &Shelf, path: &str) -> (Option<Given>, Option<Given>) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let (ours, theirs) = tcp_pair();
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| shelf.serve(&ours, Terms::patient().manner(), &Deaf));
        (&theirs).write_all(request.as_bytes()).unwrap();
        (&theirs).read_exact(&mut [0; 1000]).unwrap();
        get(shelf, path, "");
        let second = shelf.take_given(&Deaf);
        std::io::copy(&mut &theirs, &mut std::io::sink()).unwrap();
        (serving.join().unwrap().unwrap(), second)
    })
}

#[test]
fn an_answer_that_began_for_one_receiver_gives_the_next_nothing() {
    let (_directory, shelf, size) = large_tree();
    let path = format!("{}/large", shelf.path().strip_suffix(".tar").unwrap());
    let (first, second) = overlapping(&shelf, &path);
    assert_eq!((first, second.unwrap().size), (None, size));
    get(&shelf, &path, "Range: bytes=0-1\r\n");
    assert_eq!(shelf.delivered().carried.by(Route::Sendfile), 2);
}

#[test]
fn who_has_a_tar_stream_has_everything_whoever_had_one_meanwhile() {
    let (_directory, shelf, size) = large_tree();
    let (first, second) = overlapping(&shelf, shelf.path());
    assert_eq!((first.unwrap().size, second.unwrap().size), (size, size));
    assert!(first.unwrap().elapsed > Duration::ZERO);
}

#[test]
fn what_is_asked_for_before_a_delivery_is_taken_is_the_next_receivers() {
    let (_directory, shelf) = hundred();
    let path = shelf.path().to_owned();
    get(&shelf, &path, "");
    assert!(shelf.begin() != shelf.delivered().turn, "all was given, and nobody has looked yet");
    shelf.take_given(&Deaf).unwrap();
    assert!(shelf.begin() == shelf.delivered().turn);
}

#[test]
fn what_was_given_was_whatever_becomes_of_the_source() {
    let (directory, shelf) = tree();
    let here = shelf.path().strip_suffix(".tar").unwrap().to_owned();
    for name in ["one", "inner/two"] {
        assert_eq!(get(&shelf, &format!("{here}/{name}"), "").0, 200);
    }
    fs::remove_dir_all(directory.path().join("tree")).unwrap();
    let given = shelf.take_given(&Deaf).unwrap();
    assert_eq!((given.file_count, given.left_count, given.size), (2, 0, 11));

    let (directory, shelf) = hundred();
    assert_eq!(get(&shelf, shelf.path(), "").0, 200);
    fs::remove_file(directory.path().join("a hundred.bin")).unwrap();
    assert_eq!(shelf.take_given(&Deaf).unwrap().size, 100);
}

#[test]
fn the_next_receiver_is_given_what_is_there_by_then() {
    let (directory, shelf) = tree();
    let here = shelf.path().strip_suffix(".tar").unwrap().to_owned();
    let all = |names: &[&str]| {
        for name in names {
            assert_eq!(get(&shelf, &format!("{here}/{name}"), "").0, 200, "{name}");
        }
        let given = shelf.take_given(&Deaf).unwrap();
        (given.file_count, given.size)
    };
    assert_eq!(all(&["one", "inner/two"]), (2, 11));
    fs::write(directory.path().join("tree/one"), "longer than it was").unwrap();
    fs::write(directory.path().join("tree/three"), "new").unwrap();
    assert_eq!(all(&["one", "inner/two", "three"]), (3, 27));
}

#[test]
fn several_paths_are_one_stream_whose_name_is_none_of_theirs() {
    let directory = TempDir::new().unwrap();
    for name in ["a", "all.tar"] {
        fs::write(directory.path().join(name), name).unwrap();
    }
    let paths = ["a", "all.tar"].map(|name| directory.path().join(name));
    let shelf = Shelf::new(CAPABILITY, &paths, &[]).unwrap();
    assert!(shelf.path().ends_with("/all.tar.tar"));
    let (_, _, body) = get(&shelf, shelf.path(), "");
    let archive = unchunked(&body);
    let mut archive = tar::Archive::new(&archive[..]);
    let names: Vec<_> =
        archive.entries().unwrap().map(|it| it.unwrap().path().unwrap().into_owned()).collect();
    assert_eq!(names, [Path::new("a"), Path::new("all.tar")]);
    assert!(shelf.is_complete());
}

#[test]
fn a_stream_in_which_a_file_becomes_shorter_has_no_end() {
    let directory = TempDir::new().unwrap();
    let top = directory.path().join("top");
    fs::create_dir(&top).unwrap();
    fs::write(top.join("shrinking"), vec![1; 64 << 20]).unwrap();
    let shelf = Shelf::new(CAPABILITY, std::slice::from_ref(&top), &[]).unwrap();
    let terms = Terms::patient();
    let (ours, theirs) = tcp_pair();
    let request = format!("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", shelf.path());
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            (&theirs).write_all(request.as_bytes()).unwrap();
            (&theirs).read_exact(&mut [0; 1000]).unwrap();
            fs::OpenOptions::new().write(true).open(top.join("shrinking")).unwrap().set_len(1).unwrap();
            let mut rest = Vec::new();
            let _ = (&theirs).read_to_end(&mut rest);
            rest
        });
        let error = shelf.serve(&ours, terms.manner(), &Deaf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
        drop(ours);
        assert!(!reader.join().unwrap().ends_with(b"0\r\n\r\n"));
    });
    assert!(!shelf.is_complete());
}
