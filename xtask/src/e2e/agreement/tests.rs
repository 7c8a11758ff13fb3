#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use super::{parse_openssl_sums, parse_sums, same_bytes};

#[test]
fn a_sum_is_read_with_whatever_name_follows() {
    let hex = "ab".repeat(32);
    let names = ["a", "with  two spaces", "with\nnewline", "\\"];
    let text: String = names.iter().map(|name| format!("{hex}  {name}\0")).collect();
    let expected: Vec<_> = names.iter().map(|name| (PathBuf::from(name), format!("sha256:{hex}"))).collect();
    assert_eq!(parse_sums(&text).unwrap(), expected);
    assert_eq!(parse_sums("abcd  short\0"), None);
}

#[test]
fn files_that_differ_do_not_agree() {
    let here = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    assert!(same_bytes(here, here).is_ok());
    assert!(same_bytes(here, Path::new("/dev/null")).is_err());
}

#[test]
fn a_sum_of_openssl_is_read_and_an_error_is_not() {
    let hex = "ab".repeat(32);
    assert_eq!(parse_openssl_sums(&format!("{hex} *a file\n")), Some(vec![format!("sha256:{hex}")]));
    assert_eq!(parse_openssl_sums("a file: No such file or directory\n"), None);
}
