#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "to prepare and to check, any way will do")]

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use tempfile::TempDir;

use super::*;
use crate::text::with_causes;

#[test]
fn nobody_else_may_connect() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("socket");
    let _listening = listen(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    UnixStream::connect(&path).unwrap();
}

#[test]
fn what_a_server_left_that_is_gone_is_replaced() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("socket");
    drop(listen(&path).unwrap());
    assert!(path.exists());
    let _listening = listen(&path).unwrap();
    UnixStream::connect(&path).unwrap();
}

#[test]
fn a_server_that_listens_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("socket");
    let _listening = listen(&path).unwrap();
    assert!(matches!(listen(&path), Err(Fault::PathTaken { .. })));
    UnixStream::connect(&path).unwrap();
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, b"precious").unwrap();
    let refused = listen(&path).unwrap_err();
    assert!(with_causes(&refused).contains("no socket"), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_link_that_leads_nowhere_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("link");
    std::os::unix::fs::symlink(directory.path().join("nowhere"), &path).unwrap();
    assert!(matches!(listen(&path), Err(Fault::Local { .. })));
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
}
