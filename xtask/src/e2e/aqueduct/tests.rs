#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use super::{Aqueduct, Listed, parse_listed};

#[test]
fn a_blob_lies_where_its_digest_says() {
    let aqueduct = Aqueduct::new(Path::new("aqueduct"), Path::new("store"));
    assert_eq!(aqueduct.path_of("sha256:abcd").unwrap(), Path::new("store/blobs/sha256/ab/cd"));
    for no_digest in ["abcd", "sha256:a"] {
        assert!(aqueduct.path_of(no_digest).is_err(), "{no_digest}");
    }
}

#[test]
fn a_listed_blob_has_a_digest_and_a_size() {
    let listed = Listed { digest: "sha256:ab".to_owned(), size: 7 };
    assert_eq!(parse_listed(r#"{"digest":"sha256:ab","size":7,"stored":"now"}"#), Some(listed));
    for line in ["", "sha256:ab", r#"{"digest":"sha256:ab"}"#, r#"{"digest":"sha256:ab","size":-1}"#] {
        assert_eq!(parse_listed(line), None, "{line}");
    }
}
