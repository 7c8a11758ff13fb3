//! What is here, what is not, and how the server is.

use serde_json::json;

use crate::fixture::{Fixture, digest};

const HOST: &str = "Host: localhost\r\n";

#[test]
fn pages_make_the_whole_list_in_order() {
    let server = Fixture::new();
    let mut names: Vec<_> = (0..7_u8).map(|number| server.put(&[number; 3])).collect();
    names.sort();
    let mut peer = server.connect();
    let mut listed = Vec::new();
    let mut after = String::new();
    for expected_count in [3, 3, 1] {
        peer.say(&format!("GET /blobs?limit=3{after} HTTP/1.1\r\n{HOST}\r\n"));
        let reply = peer.reply();
        assert_eq!(reply.field("Content-Type"), Some("application/json"));
        let page = reply.json();
        let blobs = page["blobs"].as_array().unwrap();
        assert_eq!(blobs.len(), expected_count);
        for blob in blobs {
            assert_eq!(blob["size"], 3);
            assert!(blob["published"].as_i64().unwrap() > 1_700_000_000);
            listed.push(blob["digest"].as_str().unwrap().to_owned());
        }
        let next = page["next"].as_str().map(|next| next.replace(':', "%3A"));
        assert_eq!(next.is_none(), expected_count == 1);
        after = next.map_or(String::new(), |next| format!("&after={next}"));
    }
    assert_eq!(listed, names.iter().map(ToString::to_string).collect::<Vec<_>>());
}

#[test]
fn what_is_missing_is_told_in_the_order_asked() {
    let server = Fixture::new();
    let (here, gone, never) = (server.put(b"here"), digest(b"gone"), digest(b"never"));
    let ask = json!({ "digests": [never.to_string(), here.to_string(), gone.to_string()] }).to_string();
    let expected = json!({ "missing": [never.to_string(), gone.to_string()] });
    let mut peer = server.connect();
    peer.say(&format!("POST /blobs/missing HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n{ask}", ask.len()));
    assert_eq!(peer.reply().json(), expected);
    // In chunks, cut in the middle, after being told to go on.
    peer.say(&format!(
        "POST /blobs/missing HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(peer.head().status, 100);
    let (begin, end) = ask.split_at(50);
    peer.say(&format!("{:x}\r\n{begin}\r\n{:x}\r\n{end}\r\n0\r\n\r\n", begin.len(), end.len()));
    assert_eq!(peer.reply().json(), expected);
    peer.say(&format!("POST /blobs/missing HTTP/1.1\r\n{HOST}Content-Length: 14\r\n\r\n{{\"digests\":[]}}"));
    assert_eq!(peer.reply().json(), json!({ "missing": [] }));
}

#[test]
fn thousands_can_be_asked_for_at_once_and_no_more() {
    let server = Fixture::new();
    let names =
        |count: u32| (0..count).map(|number| digest(&number.to_be_bytes()).to_string()).collect::<Vec<_>>();
    let mut peer = server.connect();
    let mut ask = |count| {
        let body = json!({ "digests": names(count) }).to_string();
        peer.say(&format!(
            "POST /blobs/missing HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        peer.reply()
    };
    assert_eq!(ask(10_000).json()["missing"].as_array().unwrap().len(), 10_000);
    let problem = ask(10_001).assert_problem(413, "too-many-digests");
    assert_eq!(problem["limit"], 10_000);
}

#[test]
fn the_front_page_tells_people_and_programs_how_to_go_on() {
    let server = Fixture::new();
    let address = server.address;
    let text = server.ask(&format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n"));
    assert_eq!(text.field("Content-Type"), Some("text/plain; charset=utf-8"));
    assert!(text.text().contains(&format!("curl -OJ http://{address}/blobs/sha256:HEX")));
    assert!(text.text().contains(&format!("--remote_cache=http://{address} ")));
    let html =
        server.ask(&format!("GET / HTTP/1.1\r\nHost: {address}\r\nAccept: text/html,*/*;q=0.8\r\n\r\n"));
    assert_eq!(html.field("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(html.text().starts_with("<!doctype html>"));
    assert_eq!(server.ask(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n")).text(), "ok\n");
}
