#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aqueduct_wire::http1::parse_request;

use super::*;

const HEX: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn asked(request: &str) -> Option<Result<Intent, Refusal>> {
    let (head, _) = parse_request(request.as_bytes()).unwrap().unwrap();
    intent(&head, head.path)
}

fn put(path: &str, fields: &str) -> EntryPut {
    let request = format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n{fields}\r\n");
    match asked(&request) {
        Some(Ok(Intent::Entry(EntryIntent::Put(put)))) => *put,
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn the_path_decides_the_dialect_and_the_namespace() {
    for (path, namespace, key, overwrite) in [
        (format!("/ac/{HEX}"), "ac", HEX, Overwrite::Replace),
        (format!("/inst/x/ac/{HEX}"), "ac/inst/x", HEX, Overwrite::Replace),
        (format!("/{}", &HEX[..40]), "ccache", &HEX[..40], Overwrite::Replace),
        (format!("/2/c/f/{HEX}"), "sccache", HEX, Overwrite::Replace),
        (format!("/cache/{}", &HEX[..32]), "gradle/cache", &HEX[..32], Overwrite::Replace),
        ("/v8/artifacts/2cf2?teamId=t".to_owned(), "turbo/t", "2cf2", Overwrite::Replace),
        ("/v8/artifacts/2cf2".to_owned(), "turbo", "2cf2", Overwrite::Replace),
        ("/v1/cache/123".to_owned(), "nx", "123", Overwrite::Keep),
    ] {
        let put = put(&path, "");
        assert_eq!(
            (put.key.namespace(), put.key.key(), put.overwrite),
            (namespace, key, overwrite),
            "{path}"
        );
    }
}

#[test]
fn only_what_says_json_is_read_as_json() {
    let path = format!("/ac/{HEX}");
    for (fields, form) in [
        ("", ActionForm::Binary),
        ("Content-Type: application/octet-stream\r\n", ActionForm::Binary),
        ("Content-Type: application/json\r\n", ActionForm::Json),
        ("Content-Type: Application/JSON ; charset=utf-8\r\n", ActionForm::Json),
    ] {
        let put = put(&path, fields);
        assert_eq!(put.shape, Shape::Action(form), "{fields}");
        assert_eq!(put.fields.is_empty(), form == ActionForm::Binary);
    }
}

#[test]
fn blobs_by_their_digest_are_blobs_of_this_door() {
    let Some(Ok(Intent::Read(read))) = asked(&format!("GET /x/cas/{HEX} HTTP/1.1\r\nHost: a\r\n\r\n")) else {
        panic!("it is a blob");
    };
    assert_eq!((read.digest.hex().as_str(), read.door), (HEX, Door::BuildCache));
}

#[test]
fn a_part_of_a_value_is_not_taken_for_the_whole() {
    let request = format!(
        "PUT /{} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Range: bytes 0-0/9\r\n\r\n",
        &HEX[..40]
    );
    assert_eq!(asked(&request), Some(Err(Refusal::PartOfBlob)));
}

#[test]
fn other_paths_are_of_other_doors() {
    for path in ["/nothing", "/a/b", "/favicon.ico"] {
        assert_eq!(asked(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")), None, "{path}");
    }
}

#[test]
fn nx_hears_that_it_may_not_write_where_nothing_can_be_kept() {
    let told_by = |manner: Manner, refusal| match manner.told(Outcome::Refused(refusal)) {
        Outcome::Refused(refusal) => refusal.problem(),
        other => panic!("{other:?}"),
    };
    let told = told_by(Manner::Nx, Refusal::NoSpace);
    assert_eq!((told.status.as_u16(), told.name), (403, "no-space"));
    assert_eq!(told_by(Manner::Nx, Refusal::TooLarge { limit: 1 }).status, 403);
    assert_eq!(told_by(Manner::Nx, Refusal::Overloaded).status, 403);
    assert_eq!(told_by(Manner::Nx, Refusal::EntryExists).status, 409);
    assert_eq!(told_by(Manner::Nx, Refusal::NeedsLength).status, 411);
    assert_eq!(told_by(Manner::Plain, Refusal::NoSpace).status, 507);
}

#[test]
fn nx_finds_nothing_where_the_store_is_in_trouble() {
    let told =
        |namespace, refusal| told_to_reader(&Key::new(namespace, "1").unwrap(), refusal).problem().status;
    assert_eq!(told("nx", Refusal::Overloaded), 404);
    assert_eq!(told("nx", Refusal::Fault), 404);
    assert_eq!(told("ccache", Refusal::Overloaded), 503);
}
