use super::*;

/// What is said, as text that shows the secret.
fn said(value: &str) -> Option<String> {
    Credentials::parse(value.as_bytes()).map(|credentials| match credentials {
        Credentials::Bearer(token) => format!("bearer {token}"),
        Credentials::Basic { user, password } => format!("basic {user} {password}"),
    })
}

#[test]
fn two_schemes_are_read_in_any_case() {
    let cases = [
        ("Bearer abc.DEF-1~+/==", "bearer abc.DEF-1~+/=="),
        ("bearer   abc", "bearer abc"),
        // RFC 7617 section 2, its example.
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "basic Aladdin open sesame"),
        ("BASIC Ojo=", "basic  :"),
        ("Basic YTpi", "basic a b"),
        ("Basic Ojo", "basic  :"),
    ];
    for (value, expected) in cases {
        assert_eq!(said(value).as_deref(), Some(expected), "{value}");
    }
}

#[test]
fn a_password_is_read_in_either_alphabet_of_base64() {
    for value in ["Basic dTo/Pz9+fn4=", "Basic dTo_Pz9-fn4=", "Basic dTo/Pz9+fn4", "Basic dTo_Pz9-fn4"] {
        assert_eq!(said(value).as_deref(), Some("basic u ???~~~"), "{value}");
    }
    assert_eq!(said("Basic dTo/Pz9-fn4="), None, "one value is in one alphabet");
}

#[test]
fn anything_else_is_none() {
    let values = [
        "",
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer\ta",
        " Bearer a",
        "Bearer \u{e9}",
        "Digest a",
        "abc",
        "Basic",
        "Basic x",
        "Basic YQ==",
        "Basic QTpC QTpC",
        "Basic /zo=",
        "BasicQTpC",
    ];
    for value in values {
        assert_eq!(said(value), None, "{value}");
    }
    assert!(Credentials::parse(b"Bearer \xff").is_none());
}

#[test]
fn no_secret_is_shown_by_debug() {
    for value in ["Bearer s3cret", "Basic dXNlcjpzM2NyZXQ="] {
        let shown = format!("{:?}", Credentials::parse(value.as_bytes()).unwrap());
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
