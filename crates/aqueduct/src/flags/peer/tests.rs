use super::*;

fn raw_of(text: &str) -> Option<(String, u16)> {
    match peer(text) {
        Some(Ok(Peer::Raw { host, port })) => Some((host, port)),
        _ => None,
    }
}

#[test]
fn a_host_that_is_spoken_to_with_bare_bytes_has_a_port() {
    assert_eq!(raw_of("raw://10.0.0.5:7300"), Some(("10.0.0.5".to_owned(), 7300)));
    assert_eq!(raw_of("raw://host.example:1/"), Some(("host.example".to_owned(), 1)));
    assert_eq!(raw_of("raw://[::1]:9"), Some(("::1".to_owned(), 9)));
    for text in ["raw://host", "raw://host:0", "raw://host:65536", "raw://:1", "raw://::1:9", "raw://a/b:1"] {
        assert!(matches!(peer(text), Some(Err(_))), "{text}");
    }
}

#[test]
fn what_is_nobodys_name_may_be_a_file() {
    for text in ["model.bin", "./aq1-notes", "a:b", "host:7300", "file:///etc/hosts", "", "-"] {
        assert!(peer(text).is_none(), "{text}");
    }
    for text in ["aq1-", "aq1-xyz", "AQ1-a", "https://host/", "tcp://host:1", "aqueduct://host:1"] {
        assert!(matches!(peer(text), Some(Err(_))), "{text}");
    }
    assert!(matches!(peer("http://host/file"), Some(Ok(Peer::Http(_)))));
}
