//! What the clients of build caches say, in their own words, and what they must never be told.

use std::io::Write;

use aqueduct_server::Tokens;
use serde_json::json;

use crate::fixture::{Fixture, Peer, Reply, digest, files, pattern};

const HOST: &str = "Host: localhost\r\n";

/// The SHA-256 of nothing.
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn get(server: &Fixture, path: &str) -> Reply {
    server.ask(&format!("GET {path} HTTP/1.1\r\n{HOST}\r\n"))
}

fn put(server: &Fixture, path: &str, body: &[u8]) -> Reply {
    put_with(server, path, "", body)
}

fn put_with(server: &Fixture, path: &str, fields: &str, body: &[u8]) -> Reply {
    let mut peer = server.connect();
    say_put(&mut peer, path, fields, body);
    peer.reply()
}

fn say_put(peer: &mut Peer, path: &str, fields: &str, body: &[u8]) {
    peer.say(&format!("PUT {path} HTTP/1.1\r\n{HOST}{fields}Content-Length: {}\r\n\r\n", body.len()));
    peer.say_bytes(body);
}

fn cas(bytes: &[u8]) -> String {
    format!("/cas/{}", digest(bytes).hex())
}

/// Any key of an action.
fn action(number: u8) -> String {
    format!("/ac/{}", digest(&[number]).hex())
}

/// A field of protobuf whose value has a length (protobuf.dev/programming-guides/encoding).
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let len = u8::try_from(value.len()).unwrap();
    let mut field = vec![number << 3 | 2];
    // A varint of two bytes says any length here.
    field.extend([len | 0x80, 0]);
    field.extend(value);
    field
}

fn proto_digest(bytes: &[u8]) -> Vec<u8> {
    let size = u8::try_from(bytes.len()).unwrap();
    [field(1, digest(bytes).hex().as_bytes()), vec![2 << 3, size | 0x80, 0]].concat()
}

/// The result of an action that made one file of these bytes.
fn result_of(output: &[u8]) -> Vec<u8> {
    field(2, &[field(1, b"out"), field(2, &proto_digest(output))].concat())
}

/// The result of an action that made a directory, and the tree that says what is in it.
fn result_with_tree(output: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let directory = field(1, &[field(1, b"in"), field(2, &proto_digest(output))].concat());
    let tree = field(1, &directory);
    let result = field(3, &[field(1, b"dir"), field(3, &proto_digest(&tree))].concat());
    (result, tree)
}

fn json_result(output: &[u8]) -> Vec<u8> {
    let digest = json!({ "hash": digest(output).hex(), "sizeBytes": output.len().to_string() });
    json!({ "outputFiles": [{ "path": "out", "digest": digest }] }).to_string().into_bytes()
}

#[test]
fn an_action_result_is_found_once_all_that_it_refers_to_is_here() {
    let server = Fixture::new();
    let (output, key) = (b"what the action made", action(1));
    assert_eq!(get(&server, &key).status, 404);
    // In the wrong order nothing is stored.
    put(&server, &key, &result_of(output)).assert_problem(409, "incomplete");
    get(&server, &key).assert_problem(404, "no-such-entry");
    assert_eq!(put(&server, &cas(output), output).status, 201);
    assert_eq!(put(&server, &key, &result_of(output)).status, 201);
    for _ in 0..3 {
        let found = get(&server, &key);
        assert_eq!((found.status, found.body), (200, result_of(output)));
    }
    assert_eq!(get(&server, &cas(output)).body, output);
    // The same again says so.
    assert_eq!(put(&server, &key, &result_of(output)).status, 200);
}

#[test]
fn an_action_result_goes_with_the_first_blob_that_it_refers_to() {
    let server = Fixture::new();
    let (first, second) = (b"one output", b"another output");
    for output in [&first[..], second] {
        put(&server, &cas(output), output);
    }
    let (result, tree) = result_with_tree(second);
    put(&server, &cas(&tree), &tree);
    let (plain, deep) = (action(1), action(2));
    assert_eq!(put(&server, &plain, &result_of(first)).status, 201);
    assert_eq!(put(&server, &deep, &result).status, 201);
    // From memory, too.
    for key in [&plain, &deep] {
        assert_eq!(get(&server, key).status, 200);
        assert_eq!(get(&server, key).status, 200);
    }
    let gone = server.ask(&format!("DELETE /blobs/{} HTTP/1.1\r\n{HOST}\r\n", digest(second)));
    assert_eq!(gone.status, 204);
    assert_eq!(get(&server, &plain).status, 200);
    assert_eq!(get(&server, &deep).status, 404);
}

#[test]
fn a_tree_that_is_not_here_makes_no_result() {
    let server = Fixture::new();
    let output = b"in a directory";
    let (result, tree) = result_with_tree(output);
    put(&server, &cas(output), output);
    put(&server, &action(1), &result).assert_problem(409, "incomplete");
    put(&server, &cas(&tree), &tree);
    assert_eq!(put(&server, &action(1), &result).status, 201);
}

#[test]
fn a_json_result_comes_back_as_json_and_is_as_complete() {
    let server = Fixture::new();
    let (output, key) = (b"made by moon", "/team/moon/ac/".to_owned() + &digest(b"key").hex());
    let body = json_result(output);
    let as_json = "Content-Type: application/json\r\n";
    put_with(&server, &key, as_json, &body).assert_problem(409, "incomplete");
    put(&server, &format!("/team/moon/cas/{}", digest(output).hex()), output);
    assert_eq!(put_with(&server, &key, as_json, &body).status, 201);
    for _ in 0..2 {
        let found = get(&server, &key);
        assert_eq!(found.field("Content-Type"), Some("application/json"));
        assert_eq!(found.body, body);
    }
    // Another instance has results of its own, and the same blobs.
    assert_eq!(get(&server, &key.replace("/team/moon/", "/")).status, 404);
    assert_eq!(get(&server, &cas(output)).body, output);
}

#[test]
fn what_is_no_action_result_is_refused_and_not_stored() {
    let server = Fixture::new();
    let before = files(server.root());
    for body in [&b""[..], b"Hello, World!", &[0xff; 100], b"{}", &pattern(100_000)] {
        put(&server, &action(1), body).assert_problem(400, "not-an-action-result");
    }
    for body in
        ["", "[]", "null", "{\"outputFiles\": 3}", "{\"outputFiles\": [{\"digest\": {\"hash\": \"..\"}}]}"]
    {
        let refused = put_with(&server, &action(1), "Content-Type: application/json\r\n", body.as_bytes());
        refused.assert_problem(400, "not-an-action-result");
    }
    let mut peer = server.connect();
    peer.say(&format!("PUT {} HTTP/1.1\r\n{HOST}Content-Length: 5000000\r\n\r\n", action(1)));
    peer.reply().assert_problem(413, "too-large");
    assert_eq!(get(&server, &action(1)).status, 404);
    assert_eq!(files(server.root()), before);
}

#[test]
fn a_blob_under_a_wrong_name_is_refused_and_not_stored() {
    let server = Fixture::new();
    put(&server, &cas(b"other"), b"bytes").assert_problem(400, "digest-mismatch");
    assert_eq!(get(&server, &cas(b"other")).status, 404);
    assert_eq!(get(&server, &cas(b"bytes")).status, 404);
}

#[test]
fn wrong_keys_and_paths_are_refused() {
    let server = Fixture::new();
    let before = files(server.root());
    let hex = digest(b"x").hex();
    for path in [
        "/cas/".to_owned() + &hex[..63],
        format!("/cas/{hex}0"),
        format!("/cas/{}", hex.to_uppercase()),
        "/ac/xyz".to_owned(),
        format!("/../ac/{hex}"),
        format!("/a/%2e%2e/cas/{hex}"),
        format!("/a//cas/{hex}"),
        format!("/a%00b/ac/{hex}"),
        format!("/{}/ac/{hex}", "a".repeat(300)),
        "/v1/cache/..%2fx".to_owned(),
        "/v8/artifacts/a%20b".to_owned(),
    ] {
        for method in ["GET", "PUT"] {
            let request = format!("{method} {path} HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\nbody");
            let refused = server.ask(&request);
            assert_eq!(refused.status, 400, "{method} {path}");
            refused.assert_problem(400, "bad-cache-path");
        }
    }
    for (method, path) in [("POST", action(1)), ("DELETE", cas(b"x")), ("POST", cas(b"x"))] {
        let reply = server.ask(&format!("{method} {path} HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n"));
        assert_eq!(reply.status, 405, "{method} {path}");
    }
    let reply = server.ask(&format!("PUT {} HTTP/1.1\r\n{HOST}\r\n", action(1)));
    reply.assert_problem(411, "needs-length");
    assert_eq!(files(server.root()), before);
}

#[test]
fn the_empty_blob_is_always_there() {
    let server = Fixture::new();
    for prefix in ["", "/inst/x"] {
        let found = get(&server, &format!("{prefix}/cas/{NOTHING}"));
        assert_eq!((found.status, found.field("Content-Length")), (200, Some("0")));
        let mut peer = server.connect();
        peer.say(&format!("HEAD {prefix}/cas/{NOTHING} HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!(peer.head().status, 200);
    }
    assert!([200, 201].contains(&put(&server, &format!("/cas/{NOTHING}"), b"").status));
}

#[test]
fn a_held_blob_is_read_to_its_end_and_the_connection_goes_on() {
    let server = Fixture::new();
    let bytes = pattern(3 << 20);
    let mut peer = server.connect();
    for status in [201, 200, 200] {
        say_put(&mut peer, &cas(&bytes), "", &bytes);
        assert_eq!(peer.reply().status, status);
    }
}

#[test]
fn one_entry_of_ccache_has_the_same_key_in_every_layout() {
    let server = Fixture::new();
    let key = &digest(b"key").hex()[..40];
    let value = pattern(5000);
    assert_eq!(put(&server, &format!("/{key}"), &value).status, 201);
    for path in
        [format!("/{key}"), format!("/{}/{}", &key[..2], &key[2..]), format!("/ac/{key}{}", &key[..24])]
    {
        assert_eq!(get(&server, &path).body, value, "{path}");
        let mut peer = server.connect();
        peer.say(&format!("HEAD {path} HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!(peer.head().status, 200);
    }
    assert_eq!(get(&server, &format!("/other/{key}")).status, 404);
    let delete = || server.ask(&format!("DELETE /{key} HTTP/1.1\r\n{HOST}\r\n")).status;
    assert_eq!((delete(), delete()), (204, 404));
    assert_eq!(get(&server, &format!("/{key}")).status, 404);
}

#[test]
fn sccache_finds_collections_everywhere_and_its_check_once_it_was_put() {
    let server = Fixture::new();
    let hex = digest(b"object").hex();
    let key = format!("/team/{}/{}/{}/{hex}", &hex[..1], &hex[1..2], &hex[2..3]);
    assert_eq!(get(&server, "/team/.sccache_check").status, 404);
    for path in ["/team/", "/", "/team/a/b/c/"] {
        let body = "<propfind xmlns=\"DAV:\"><prop><resourcetype/></prop></propfind>";
        let request = format!(
            "PROPFIND {path} HTTP/1.1\r\n{HOST}Depth: 0\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let reply = server.ask(&request);
        assert_eq!(reply.status, 207);
        assert!(reply.text().contains("<D:collection/>"));
        let (_, date) = reply.text().split_once("<D:getlastmodified>").unwrap();
        // A day that is not of the calendar fails here, and in clients.
        httpdate::parse_http_date(date.split('<').next().unwrap()).unwrap();
        assert_eq!(server.ask(&format!("MKCOL {path} HTTP/1.1\r\n{HOST}\r\n")).status, 201);
    }
    assert_eq!(put(&server, "/team/.sccache_check", b"Hello, World!").status, 201);
    assert_eq!(get(&server, "/team/.sccache_check").body, b"Hello, World!");
    assert_eq!(put(&server, &key, b"object").status, 201);
    assert_eq!(get(&server, &key).body, b"object");
}

#[test]
fn a_propfind_with_an_endless_body_is_answered_and_cut_off() {
    let server = Fixture::new();
    let mut peer = server.connect();
    peer.say(&format!(
        "PROPFIND / HTTP/1.1\r\n{HOST}Depth: infinity\r\nContent-Length: 99999999999\r\n\r\n<a>"
    ));
    let reply = peer.reply();
    assert_eq!((reply.status, reply.field("Connection")), (207, Some("close")));
}

#[test]
fn turborepo_gets_back_what_it_said_of_an_artifact() {
    let server = Fixture::new();
    let (path, value) = ("/v8/artifacts/245313d12d4e532c?slug=myteam", pattern(359));
    assert_eq!(get(&server, "/v8/artifacts/status?slug=myteam").json()["status"], "enabled");
    assert_eq!(get(&server, path).status, 404);
    let fields = "x-artifact-duration: 108\r\nx-artifact-tag: oltsneM3=\r\n";
    assert!([200, 201, 202].contains(&put_with(&server, path, fields, &value).status));
    for _ in 0..2 {
        let found = get(&server, path);
        assert_eq!(found.body, value);
        assert_eq!(found.field("x-artifact-duration"), Some("108"));
        assert_eq!(found.field("x-artifact-tag"), Some("oltsneM3="));
    }
    // Teams see nothing of each other.
    assert_eq!(get(&server, "/v8/artifacts/245313d12d4e532c?slug=other").status, 404);
    let ask = json!({ "hashes": ["245313d12d4e532c", "0123456789abcdef", "../x"] }).to_string();
    let post = |path: &str, body: &str| {
        server.ask(&format!("POST {path} HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n{body}", body.len()))
    };
    let told = post("/v8/artifacts?slug=myteam", &ask).json();
    let artifact = json!({ "size": 359, "taskDurationMs": 108, "tag": "oltsneM3=" });
    assert_eq!(told, json!({ "245313d12d4e532c": artifact, "0123456789abcdef": null, "../x": null }));
    assert_eq!(post("/v8/artifacts/events?slug=myteam", "[{\"event\":\"HIT\"}]").status, 200);
    post("/v8/artifacts?slug=myteam", "[]").assert_problem(400, "bad-hashes");
    let long = format!("x-artifact-tag: {}\r\n", "a".repeat(2000));
    put_with(&server, path, &long, &value).assert_problem(400, "bad-entry-field");
}

#[test]
fn nx_is_told_of_what_exists_and_it_stays() {
    let server = Fixture::new();
    let path = "/v1/cache/6118011490476817664";
    assert_eq!(get(&server, path).status, 404);
    assert_eq!(put(&server, path, b"first").status, 200);
    let mut peer = server.connect();
    // However large the second is, its sender hears what became of it.
    say_put(&mut peer, path, "", &pattern(1 << 20));
    peer.reply().assert_problem(409, "entry-exists");
    peer.say(&format!("GET {path} HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(peer.reply().body, b"first");
}

#[test]
fn gradle_is_told_what_is_too_large() {
    let server = Fixture::with(|options| options.blob_size_max = 1 << 20);
    let path = "/cache/feab161b1b7d74e967eed8d571bb229d";
    let mut peer = server.connect();
    peer.say(&format!(
        "PUT {path} HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n"
    ));
    peer.reply().assert_problem(413, "too-large");
    assert_eq!(put(&server, path, b"artifact").status, 201);
    assert_eq!(put(&server, path, b"another").status, 200);
    assert_eq!(get(&server, path).body, b"another");
}

#[test]
fn large_values_come_and_go_by_the_routes_for_large_blobs() {
    let server = Fixture::new();
    let (path, value) = ("/cache/feab161b1b7d74e967eed8d571bb229d", pattern(5 << 20));
    assert_eq!(put(&server, path, &value).status, 201);
    assert_eq!(get(&server, path).body, value);
    // In chunks.
    let mut peer = server.connect();
    peer.say(&format!(
        "PUT {path} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ));
    assert_eq!(peer.reply().status, 200);
    assert_eq!(get(&server, path).body, b"hello");
}

#[test]
fn the_same_object_of_clients_of_different_dialects_is_stored_once() {
    let server = Fixture::new();
    let object = pattern(70_000);
    let count = || get(&server, "/blobs").json()["blobs"].as_array().unwrap().len();
    let hex = digest(b"key").hex();
    assert_eq!(put(&server, &cas(&object), &object).status, 201);
    for path in [
        format!("/{}", &hex[..40]),
        format!("/{}", &hex[..32]),
        format!("/{}/{}/{}/{hex}", &hex[..1], &hex[1..2], &hex[2..3]),
        "/v1/cache/1".to_owned(),
        "/v8/artifacts/1".to_owned(),
    ] {
        assert!(put(&server, &path, &object).status < 300, "{path}");
        assert_eq!(get(&server, &path).body, object, "{path}");
    }
    assert_eq!(count(), 1);
}

#[test]
fn a_damaged_value_is_a_miss_whatever_its_size() {
    for size in [1000, 300_000] {
        let server = Fixture::new();
        let (path, value) = ("/cache/feab161b1b7d74e967eed8d571bb229d", pattern(size));
        put(&server, path, &value);
        let hex = digest(&value).hex();
        let mut server = server;
        server.control.stop();
        server.ended().unwrap();
        let file = server.root().join("blobs/sha256").join(&hex[..2]).join(&hex[2..]);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[size / 2] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        let server = server.again(|_| {});
        assert_eq!(get(&server, path).status, 404, "{size}");
        // It can be put again, and is right then.
        assert_eq!(put(&server, path, &value).status, 201, "{size}");
        assert_eq!(get(&server, path).body, value, "{size}");
    }
}

#[test]
fn whoever_may_only_read_finds_results_and_makes_none() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"read a?b~\nwrite writer\n").unwrap();
    let tokens = Tokens::load(file.path()).unwrap();
    let server = Fixture::with(|options| options.tokens = Some(tokens));
    // As Bazel says u:a?b~, in the alphabet for URLs, and as curl does.
    let (url, plain) = ("Authorization: Basic dTphP2J-\r\n", "Authorization: Basic dTphP2J+\r\n");
    let writer = "Authorization: Bearer writer\r\n";
    let path = "/cache/feab161b1b7d74e967eed8d571bb229d";
    put_with(&server, path, "", b"value").assert_problem(401, "needs-token");
    put_with(&server, path, url, b"value").assert_problem(403, "needs-write-token");
    assert_eq!(put_with(&server, path, writer, b"value").status, 201);
    for reader in [url, plain] {
        let found = server.ask(&format!("GET {path} HTTP/1.1\r\n{HOST}{reader}\r\n"));
        assert_eq!(found.body, b"value");
    }
    server
        .ask(&format!("DELETE {path} HTTP/1.1\r\n{HOST}{url}\r\n"))
        .assert_problem(403, "needs-write-token");
    server.ask(&format!("MKCOL /x/ HTTP/1.1\r\n{HOST}{url}\r\n")).assert_problem(403, "needs-write-token");
    server.ask(&format!("GET {path} HTTP/1.1\r\n{HOST}\r\n")).assert_problem(401, "needs-token");
}

#[test]
fn entries_outlive_the_server() {
    let mut server = Fixture::new();
    let output = b"what the action made";
    put(&server, &cas(output), output);
    put(&server, &action(1), &result_of(output));
    server.control.stop();
    server.ended().unwrap();
    let server = server.again(|_| {});
    assert_eq!(get(&server, &action(1)).body, result_of(output));
    assert_eq!(get(&server, &action(2)).status, 404);
}

#[test]
fn entries_are_listed_in_pages_and_removed() {
    let server = Fixture::new();
    for number in 0..5 {
        assert_eq!(put(&server, &format!("/v1/cache/{number}"), b"value").status, 200);
    }
    put(&server, "/cache/feab161b1b7d74e967eed8d571bb229d", b"value");
    let first = get(&server, "/entries?limit=4").json();
    assert_eq!(first["entries"].as_array().unwrap().len(), 4);
    assert_eq!(first["entries"][0]["namespace"], "gradle/cache");
    assert_eq!(first["entries"][0]["digest"], digest(b"value").to_string());
    assert_eq!(first["next"], json!({ "namespace": "nx", "key": "2" }));
    let second = get(&server, "/entries?limit=4&after-namespace=nx&after-key=2").json();
    assert_eq!((second["entries"].as_array().unwrap().len(), &second["next"]), (2, &json!(null)));
    let of_nx = get(&server, "/entries?namespace=nx").json();
    assert_eq!(of_nx["entries"].as_array().unwrap().len(), 5);
    assert!(get(&server, "/metrics").text().contains("aqueduct_store_entries{cache=\"nx\"} 5"));
    assert_eq!(get(&server, "/status").json()["entries"], json!({ "gradle": 1, "nx": 5 }));
    let delete = || server.ask(&format!("DELETE /entries?namespace=nx&key=3 HTTP/1.1\r\n{HOST}\r\n")).status;
    assert_eq!((delete(), delete()), (204, 404));
    assert_eq!(get(&server, "/v1/cache/3").status, 404);
    get(&server, "/entries?namespace=nx&what=3").assert_problem(400, "bad-query");
}

#[test]
fn a_result_whose_trees_name_too_much_is_refused() {
    let server = Fixture::new();
    // Some hundred thousand names, in trees of which each is small enough.
    let tree = |number: u8| {
        let file = field(1, &[field(1, &[b'f', number]), field(2, &proto_digest(&[number]))].concat());
        let directory = file.repeat(60_000);
        let mut tree = vec![1 << 3 | 2];
        let mut len = directory.len();
        while len >= 0x80 {
            tree.push(u8::try_from(len & 0x7f).unwrap() | 0x80);
            len >>= 7;
        }
        tree.push(u8::try_from(len).unwrap());
        tree.extend(directory);
        tree
    };
    let trees: Vec<_> = (0..4).map(tree).collect();
    let mut result = Vec::new();
    for tree in &trees {
        assert_eq!(put(&server, &cas(tree), tree).status, 201);
        let size: [u8; 4] = std::array::from_fn(|place| {
            let more = if place < 3 { 0x80 } else { 0 };
            u8::try_from(tree.len() >> (7 * place) & 0x7f).unwrap() | more
        });
        let digest = [field(1, digest(tree).hex().as_bytes()), vec![2 << 3], size.to_vec()].concat();
        result.extend(field(3, &[field(1, b"dir"), field(3, &digest)].concat()));
    }
    put(&server, &action(1), &result).assert_problem(413, "too-large");
}

#[test]
fn a_value_that_nobody_looks_into_is_not_taken_coded() {
    let server = Fixture::new();
    let path = "/cache/feab161b1b7d74e967eed8d571bb229d";
    for coding in ["gzip", "zstd"] {
        let refused = put_with(&server, path, &format!("Content-Encoding: {coding}\r\n"), b"value");
        assert_eq!(refused.status, 415, "{coding}");
    }
    assert_eq!(put_with(&server, path, "Content-Encoding: identity\r\n", b"value").status, 201);
}

#[test]
fn a_field_that_is_too_long_is_refused_before_anything_is_stored() {
    let server = Fixture::new();
    let before = files(server.root());
    let tag = format!("x-artifact-tag: {}\r\n", "a".repeat(1015));
    put_with(&server, "/v8/artifacts/1", &tag, b"value").assert_problem(400, "bad-entry-field");
    assert_eq!(files(server.root()), before);
}

#[test]
fn a_small_body_behind_its_head_is_stored_from_memory_and_a_late_one_as_well() {
    let server = Fixture::new();
    let (path, value) = ("/cache/feab161b1b7d74e967eed8d571bb229d", pattern(40_000));
    let mut peer = server.connect();
    let head = format!("PUT {path} HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n", value.len());
    for halves in [[&value[..], &[]], [&value[..7], &value[7..]], [&[], &value[..]]] {
        peer.say(&head);
        for half in halves {
            peer.say_bytes(half);
        }
        assert!(peer.reply().status < 300);
        assert_eq!(get(&server, path).body, value);
    }
    // One that never comes holds nobody up, and is no value.
    peer.say(&head);
    peer.say_bytes(&value[..100]);
    let mut other = server.connect();
    say_put(&mut other, "/cache/00000000000000000000000000000001", "", &value);
    assert_eq!(other.reply().status, 201);
    drop(peer);
    assert_eq!(get(&server, path).body, value);
}
