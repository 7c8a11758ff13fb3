//! Sockets that are found by a path.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};

use aqueduct_sys::{Errno, bind_local, connect_local, is_listening, listen, local_socket, set_mode};
use tempfile::TempDir;

#[test]
fn the_file_of_a_socket_has_the_mode_that_the_socket_was_given() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("socket");
    let socket = local_socket().unwrap();
    set_mode(&socket, 0o600).unwrap();
    assert!(bind_local(&socket, &path).unwrap());
    let metadata = fs::metadata(&path).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
}

#[test]
fn whoever_listens_is_connected_to() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("socket");
    let socket = local_socket().unwrap();
    assert!(bind_local(&socket, &path).unwrap());
    let client = local_socket().unwrap();
    assert!(!connect_local(&client, &path).unwrap(), "nobody listens yet");
    listen(&socket, 1).unwrap();
    assert!(is_listening(&socket).unwrap());
    assert!(connect_local(&client, &path).unwrap());
    let (mut accepted, _) = UnixListener::from(socket).accept().unwrap();
    UnixStream::from(client).write_all(b"x").unwrap();
    let mut heard = Vec::new();
    accepted.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"x");
}

#[test]
fn a_name_is_bound_once() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("socket");
    let (first, second) = (local_socket().unwrap(), local_socket().unwrap());
    assert!(bind_local(&first, &path).unwrap());
    assert!(!bind_local(&second, &path).unwrap());
    drop(first);
    assert!(!bind_local(&second, &path).unwrap(), "the file outlives the socket");
    assert!(!connect_local(local_socket().unwrap(), &path).unwrap());
    fs::remove_file(&path).unwrap();
    assert!(bind_local(&second, &path).unwrap());
}

#[test]
fn what_is_no_socket_listens_to_nobody() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, b"").unwrap();
    assert!(!bind_local(local_socket().unwrap(), &path).unwrap());
    assert!(!connect_local(local_socket().unwrap(), &path).unwrap());
}

#[test]
fn a_path_that_is_too_long_is_an_error() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("x".repeat(108));
    assert_eq!(bind_local(local_socket().unwrap(), &path).unwrap_err().errno(), Errno::NAMETOOLONG);
    assert_eq!(connect_local(local_socket().unwrap(), &path).unwrap_err().errno(), Errno::NAMETOOLONG);
}
