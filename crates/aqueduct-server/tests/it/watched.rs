//! What a server tells of itself to whoever watches it. What is counted is the process's, and other tests run beside these: a
//! count is never less than what a test did.

use aqueduct_blob::Digest;
use aqueduct_wire::native::{Ask, Say};
use serde_json::Value;

use crate::fixture::{Fixture, Peer, Reply, digest, pattern};
use crate::frames::{Native, get, put};

/// What a series says, asked on a connection whose earlier replies are counted by then.
fn count(peer: &mut Peer, series: &str) -> f64 {
    let page = ask(peer, &format!("GET /metrics HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(page.status, 200);
    let value = page.text().lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {series} in {}", page.text())).parse().unwrap()
}

fn status(server: &Fixture) -> Value {
    let reply = server.ask(&format!("GET /status HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.field("Content-Type"), Some("application/json"));
    serde_json::from_str(reply.text()).unwrap()
}

fn ask(peer: &mut Peer, request: &str) -> Reply {
    peer.say(request);
    peer.reply()
}

/// What was counted of `series` while `work` was done.
fn counted(peer: &mut Peer, series: &str, work: impl FnOnce(&mut Peer)) -> f64 {
    let before = count(peer, series);
    work(peer);
    count(peer, series) - before
}

fn put_request(name: &Digest, bytes: &[u8]) -> Vec<u8> {
    let head = format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n", bytes.len());
    [head.as_bytes(), bytes].concat()
}

#[test]
fn requests_are_counted_by_what_came_of_them() {
    let server = Fixture::new();
    let requests = |verb: &str, outcome: &str| {
        format!("aqueduct_requests_total{{door=\"blobs\",outcome=\"{outcome}\",verb=\"{verb}\"}}")
    };
    let mut peer = server.connect();
    let get = |name: &Digest| format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}\r\n");
    let absent = counted(&mut peer, &requests("get", "absent"), |peer| {
        assert_eq!(ask(peer, &get(&digest(b"not here"))).status, 404);
    });
    assert!(absent >= 1.0);
    let bytes = b"put and counted";
    let name = digest(bytes);
    let stored = counted(&mut peer, &requests("put", "ok"), |peer| {
        peer.say_bytes(&put_request(&name, bytes));
        assert_eq!(peer.reply().status, 201);
    });
    assert!(stored >= 1.0);
    // From the file, and then from memory.
    let sent = counted(&mut peer, &requests("get", "ok"), |peer| {
        for _ in 0..2 {
            assert_eq!(ask(peer, &get(&name)).body, bytes);
        }
    });
    assert!(sent >= 2.0);
    let refused = counted(&mut peer, &requests("put", "refused"), |peer| {
        peer.say_bytes(&put_request(&digest(b"something else"), b"this"));
        assert_eq!(peer.reply().status, 400);
    });
    assert!(refused >= 1.0);
    let timed = "aqueduct_request_duration_seconds_count{door=\"blobs\",verb=\"put\"}";
    assert!(count(&mut peer, timed) >= 2.0);
}

#[test]
fn bytes_are_counted_by_the_route_and_the_door_that_they_took() {
    let server = Fixture::new();
    let bytes = pattern(3 << 20);
    let name = digest(&bytes);
    let of = |what: &str, door: &str, route: &str| {
        format!("aqueduct_{what}_bytes_total{{door=\"{door}\",route=\"{route}\"}}")
    };
    let mut peer = server.connect();
    let received = counted(&mut peer, &of("received", "blobs", "splice"), |peer| {
        peer.say_bytes(&put_request(&name, &bytes));
        assert_eq!(peer.reply().status, 201);
    });
    assert!(received >= 3e6, "{received}");
    let sent = counted(&mut peer, &of("sent", "blobs", "sendfile"), |peer| {
        let reply = ask(peer, &format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"));
        assert!(reply.body == bytes);
    });
    assert!(sent >= 3e6, "{sent}");
    let sent = counted(&mut peer, &of("sent", "native", "sendfile"), |_| {
        let mut native = Native::connect(server.address);
        let task = native.ask(get(name), &[]);
        assert!(native.bytes(task) == bytes);
        // The count is made once the last frame was given to the kernel: another answer comes after it.
        native.ask_and_hear(put(None, 3), b"end");
    });
    assert!(sent >= 3e6, "{sent}");
    let received = counted(&mut peer, &of("received", "native", "copy"), |_| {
        let mut native = Native::connect(server.address);
        native.ask_and_hear(put(None, 1000), &pattern(1000));
    });
    assert!(received >= 1000.0, "{received}");
}

#[test]
fn the_status_tells_what_is_here_and_what_came_last() {
    let server = Fixture::new();
    let first = server.put(b"the first");
    let second = server.put(b"the second");
    let told = status(&server);
    assert_eq!(told["store"]["blobs"], 2);
    assert_eq!(told["store"]["size"], 19);
    assert_eq!(told["read_only"], false);
    assert!(told["store"]["free"].as_u64().unwrap() <= told["store"]["filesystem_size"].as_u64().unwrap());
    assert!(told["connections"]["open"].as_u64().unwrap() >= 1);
    assert!(told["memory"].as_u64().unwrap() > 0);
    assert!(told["started"].as_f64().unwrap() <= told["now"].as_f64().unwrap());
    let recent = |told: &Value| -> Vec<String> {
        let recent = told["recent"].as_array().unwrap().iter();
        recent.map(|blob| blob["digest"].as_str().unwrap().to_owned()).collect()
    };
    let place = |name: &str| recent(&told).iter().position(|recent| recent == name).unwrap();
    assert!(place(&second.to_string()) < place(&first.to_string()));
    server.ask(&format!("DELETE /blobs/{second} HTTP/1.1\r\n{HOST}\r\n"));
    assert!(!recent(&status(&server)).contains(&second.to_string()));
}

#[test]
fn the_status_tells_of_uploads_that_wait_for_more() {
    let server = Fixture::new();
    let reply = server.ask(&format!(
        "POST /uploads HTTP/1.1\r\n{HOST}Tus-Resumable: 1.0.0\r\nUpload-Length: 5000000\r\nContent-Length: 0\r\n\r\n"
    ));
    assert_eq!(reply.status, 201);
    let told = status(&server);
    assert_eq!(told["uploads"].as_array().unwrap().len(), 1);
    assert_eq!(told["uploads"][0]["size"], 5_000_000);
    assert_eq!(told["uploads"][0]["held"], 0);
    assert!(count(&mut server.connect(), "aqueduct_uploads") >= 1.0);
}

#[test]
fn a_refusal_says_by_what_name_the_log_knows_the_request() {
    let server = Fixture::new();
    let name = digest(b"nobody has this");
    let mut peer = server.connect();
    for place in 1..=2 {
        peer.say(&format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"));
        let reply = peer.reply();
        let problem: Value = serde_json::from_str(reply.text()).unwrap();
        let request = problem["request"].as_str().unwrap();
        assert_eq!(request.split_once('.').unwrap().1, place.to_string());
    }
}

const HOST: &str = "Host: localhost\r\n";

#[test]
fn what_a_peer_gives_up_is_counted_then_and_not_when_it_goes() {
    let server = Fixture::new();
    let bytes = pattern(9 << 20);
    let name = server.put(&bytes);
    let mut peer = server.connect();
    let mut native = Native::connect(server.address);
    let gone = "aqueduct_requests_total{door=\"native\",outcome=\"gone\",verb=\"get\"}";
    let given_up = counted(&mut peer, gone, |_| {
        for _ in 0..20 {
            let task = native.ask(get(name), &[]);
            native.say(task, Ask::Cancel, &[]);
            let is_last = |say: &Say| matches!(say, Say::Refused { .. } | Say::Data { end: true, .. });
            while !is_last(&native.hear().say) {}
        }
        // What is counted when an answer has left is counted before the next leaves.
        native.ask_and_hear(put(None, 3), b"end");
    });
    // Some may have come whole before they were given up.
    assert!(given_up >= 1.0, "{given_up}");
}

#[test]
fn uploads_that_were_finished_do_not_hide_those_that_go_on() {
    let server = Fixture::new();
    let tus = |request: &str, fields: &str, body: &str| {
        let len = body.len();
        let head = format!(
            "{request} HTTP/1.1\r\n{HOST}Tus-Resumable: 1.0.0\r\n{fields}Content-Length: {len}\r\n\r\n"
        );
        server.ask(&(head + body))
    };
    let begin = |size: usize| {
        let reply = tus("POST /uploads", &format!("Upload-Length: {size}\r\n"), "");
        reply.field("Location").unwrap().to_owned()
    };
    for number in 0..101 {
        let place = begin(5);
        let fields = "Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\n";
        assert_eq!(tus(&format!("PATCH {place}"), fields, &format!("{number:05}")).status, 204);
    }
    begin(5_000_000);
    let told = status(&server);
    let sizes: Vec<_> = told["uploads"].as_array().unwrap().iter().map(|upload| &upload["size"]).collect();
    assert_eq!(sizes, [5_000_000]);
}

#[test]
fn a_stranger_does_not_learn_how_many_came_before() {
    let server = Fixture::new();
    let refused = server.ask("GET /blobs HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n");
    assert_eq!(refused.status, 421);
    assert!(!refused.text().contains("\"request\""), "{}", refused.text());
}

#[test]
fn a_blob_on_its_way_is_counted_as_staged() {
    let server = Fixture::new();
    let bytes = pattern(2 << 20);
    let (name, len) = (digest(&bytes), bytes.len());
    let mut sender = server.connect();
    // It is told to go on once it is staged.
    sender.say(&format!(
        "PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: {len}\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(sender.head().status, 100);
    assert!(count(&mut server.connect(), "aqueduct_stagings") >= 1.0);
    sender.say_bytes(&bytes);
    assert_eq!(sender.reply().status, 201);
}
