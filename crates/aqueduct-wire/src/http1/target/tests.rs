use super::*;

fn parse(text: &str) -> Result<(Option<&str>, &str, Option<&str>), HeadError> {
    Target::parse(text, &Method::GET).map(|target| (target.authority, target.path, target.query))
}

/// RFC 9112 section 3.2.
#[test]
fn a_target_has_three_forms() {
    let good = [
        ("/", (None, "/", None)),
        ("/a/b", (None, "/a/b", None)),
        ("/a?", (None, "/a", Some(""))),
        ("/a?b?c=/d", (None, "/a", Some("b?c=/d"))),
        ("//a/b", (None, "//a/b", None)),
        ("/%zz|\"{}", (None, "/%zz|\"{}", None)),
        ("http://localhost/b?c", (Some("localhost"), "/b", Some("c"))),
        ("HTTP://localhost:80", (Some("localhost:80"), "/", None)),
        ("http://[::1]:80/", (Some("[::1]:80"), "/", None)),
        ("http://localhost?b", (Some("localhost"), "/", Some("b"))),
        ("http://localhost/http://localhost", (Some("localhost"), "/http://localhost", None)),
    ];
    for (text, expected) in good {
        assert_eq!(parse(text), Ok(expected), "{text}");
    }
    let bad = [
        "*",
        "a",
        "a:80",
        "example.com:443",
        "?a",
        "/a#b",
        "/\u{e9}",
        "https://localhost/",
        "ftp://a/",
        "http:/a",
        "http:a",
        "http://",
        "http:///a",
        "http://localhost#b",
        "http://localhost\\b/",
    ];
    for text in bad {
        assert_eq!(parse(text), Err(HeadError::BadTarget), "{text}");
    }
    for authority in [":80", "user@a", "user:word@a", "a:b", "[::1", "[]", "a\u{e9}"] {
        assert_eq!(parse(&format!("http://{authority}/")), Err(HeadError::BadTarget), "{authority}");
    }
    let star = Target { authority: None, path: "*", query: None };
    assert_eq!(Target::parse("*", &Method::OPTIONS), Ok(star));
    assert_eq!(Target::parse("a:80", &Method::CONNECT), Err(HeadError::BadTarget));
}

#[test]
fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
    for host in [
        "",
        "a",
        "a.b-c_d",
        "127.0.0.1",
        "127.0.0.1:7070",
        "[::1]",
        "[::1]:80",
        "[::ffff:1.2.3.4]",
        "a:",
        "%41",
    ] {
        assert_eq!(parse_host(host.as_bytes()), Some(host));
    }
    for host in [
        "a b", "a/b", "u@a", "a:b", "a:8:0", "a:+80", "::1", "[::1", "[]", "[::1]a", "[v1.x]", "a\"",
        "\u{e9}",
    ] {
        assert_eq!(parse_host(host.as_bytes()), None, "{host}");
    }
    assert_eq!(parse_host(b"a\xff"), None);
}

#[test]
fn a_path_is_decoded_whole_or_not_at_all() {
    let cases = [
        ("/a", Some("/a")),
        ("/sha256%3Aab", Some("/sha256:ab")),
        ("/%2f%2F", Some("///")),
        ("/%25%32%30", Some("/%20")),
        ("/a+b", Some("/a+b")),
        ("/%C3%A9", Some("/\u{e9}")),
        ("/%00", Some("/\0")),
        ("/%", None),
        ("/%4", None),
        ("/%4g", None),
        ("/%%41", None),
        ("/%ff", None),
        ("/%C3", None),
    ];
    for (path, expected) in cases {
        assert_eq!(decode_path(path).as_deref(), expected, "{path}");
    }
    assert!(matches!(decode_path("/a"), Some(Cow::Borrowed(_))), "what needs no decoding is not copied");
}

#[test]
fn a_query_is_pairs_in_order() {
    let pairs = |query| query_pairs(query).map(|(name, value)| format!("{name}>{value}")).collect::<Vec<_>>();
    assert_eq!(
        pairs("limit=10&after=sha256%3Aab&x&y=a+b&x=%26"),
        ["limit>10", "after>sha256:ab", "x>", "y>a b", "x>&"]
    );
    assert_eq!(pairs("a=%ff&b=%zz"), ["a>\u{fffd}", "b>%zz"]);
    assert!(pairs("").is_empty());
}

#[test]
fn a_name_is_any_bytes_that_a_directory_may_hold() {
    assert_eq!(decode_name("a%20b.%FF"), Some(b"a b.\xff".to_vec()));
    assert_eq!(decode_name("..."), Some(b"...".to_vec()));
    for hostile in ["", ".", "..", "%2e%2E", "%2e", "a%2fb", "%2F", "a%00", "%", "%1", "%zz", "a%"] {
        assert_eq!(decode_name(hostile), None, "{hostile}");
    }
}

#[test]
fn a_name_is_encoded_so_that_it_is_decoded_again_and_nothing_in_it_means_anything() {
    let all: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
    let encoded = encode_name(&all);
    assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"%-._".contains(&byte)), "{encoded}");
    assert_eq!(decode_name(&encoded), Some(all));
}
