use std::os::unix::net::UnixStream;

use tempfile::TempDir;

use super::*;

fn storage(url: &str) -> Result<CcacheStorage, EndpointParseError> {
    CcacheStorage::new(url, Options::default(), Vec::new())
}

#[test]
fn a_url_names_a_server_and_what_stands_before_the_keys() {
    for (url, endpoint, prefix) in [
        ("aqueduct://host", "http://host:7070", "/"),
        ("aqueduct://host:80/", "http://host", "/"),
        ("http://host", "http://host", "/"),
        ("http://[::1]:7070/team/a/", "http://[::1]:7070", "/team/a/"),
    ] {
        let storage = storage(url).unwrap();
        assert_eq!((storage.http.site.endpoint.to_string().as_str(), &*storage.prefix), (endpoint, prefix));
    }
}

#[test]
fn what_is_no_server_is_refused() {
    for url in ["", "host", "ftp://host", "https://host", "aqueduct://host?a=b", "http://user:word@host"] {
        assert!(storage(url).is_err(), "{url}");
    }
}

#[test]
fn it_ends_when_nobody_was_connected_for_long_enough() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let storage = storage("http://127.0.0.1:1").unwrap();
    storage.serve(&listener, Some(Duration::ZERO), &|| {}).unwrap();
    // One that is connected keeps it from ending.
    let callers = Mutex::new(Callers { count: 0, left: Instant::now() });
    let caller = Caller::count(&callers).unwrap();
    assert!(!lock(&callers).time_left(Some(Duration::ZERO)).is_zero());
    drop(caller);
    assert!(lock(&callers).time_left(Some(Duration::ZERO)).is_zero());
    assert!(!lock(&callers).time_left(None).is_zero());
}

#[test]
fn a_server_that_cannot_be_reached_is_left_alone_for_a_moment() {
    let storage = storage("http://127.0.0.1:1").unwrap();
    let asked = storage.ask(|http| Err::<(), _>(Error::connect(&http.site.endpoint, io::Error::other("x"))));
    assert!(asked.is_err());
    let refused = storage.ask::<()>(|_| unreachable!("it is not asked")).unwrap_err();
    assert!(refused.contains("cannot be reached"), "{refused}");
}

#[test]
fn a_stop_is_passed_on() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let storage = storage("http://127.0.0.1:1").unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    let (stopped, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        use std::io::{Read, Write};
        let serve =
            || storage.serve(&listener, Some(Duration::from_millis(1)), &|| stopped.send(()).unwrap());
        let served = scope.spawn(serve);
        client.write_all(&[3]).unwrap();
        let mut said = Vec::new();
        client.read_to_end(&mut said).unwrap();
        assert_eq!(said, [1, 3, 0, 1, 2, 0]);
        told.recv().unwrap();
        drop(client);
        served.join().unwrap().unwrap();
    });
}
