use super::*;

#[test]
fn an_endpoint_is_printed_as_it_is_written() {
    for (text, printed, authority) in [
        ("http://127.0.0.1:7070", "http://127.0.0.1:7070", "127.0.0.1:7070"),
        ("http://blobs.example:7070/", "http://blobs.example:7070", "blobs.example:7070"),
        ("http://[::1]:7070", "http://[::1]:7070", "[::1]:7070"),
        ("http://blobs.example", "http://blobs.example", "blobs.example"),
        ("HTTP://blobs.example:80", "http://blobs.example", "blobs.example"),
        ("aqueduct://blobs.example", "aqueduct://blobs.example:7070", "blobs.example:7070"),
        ("Aqueduct://[::1]:7/", "aqueduct://[::1]:7", "[::1]:7"),
    ] {
        let endpoint: Endpoint = text.parse().unwrap();
        assert_eq!(endpoint.to_string(), printed);
        assert_eq!(endpoint.authority(), authority);
    }
}

#[test]
fn what_is_no_endpoint_is_told_why() {
    for (text, words) in [
        ("https://127.0.0.1:7070", "https is not spoken"),
        ("127.0.0.1:7070", "http://HOST:PORT"),
        ("localhost", "http://HOST:PORT"),
        ("", "http://HOST:PORT"),
        ("ftp://host", "aqueduct://HOST:PORT"),
        ("http://user:secret@host", "token"),
        ("http://host/blobs", "nothing comes after"),
        ("http://host/?x=1", "nothing comes after"),
        ("http://host:99999", "port"),
        ("http://host:0", "port"),
        ("http://host:", "port"),
    ] {
        let error = text.parse::<Endpoint>().unwrap_err();
        assert!(error.to_string().contains(words), "{text}: {error}");
    }
}

#[test]
fn a_secret_in_an_address_is_not_repeated() {
    let error = "http://user:secret@host".parse::<Endpoint>().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
}
