use super::*;

/// RFC 9530 appendix B.1, of `{"hello": "world"}` and a line feed.
const EXAMPLE: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";

#[test]
fn the_example_of_the_rfc_is_written_and_read() {
    let mut hasher = aqueduct_blob::Hasher::new(Algorithm::Sha256);
    hasher.update(b"{\"hello\": \"world\"}\n");
    let digest = hasher.finish().digest;
    assert_eq!(repr_digest(&digest).as_deref(), Some(EXAMPLE));
    assert_eq!(parse_repr_digest(EXAMPLE.as_bytes()), Some(digest));
}

#[test]
fn an_algorithm_without_a_registered_name_is_not_said() {
    assert_eq!(repr_digest(&Digest::new(Algorithm::Blake3, [0; 32])), None);
}

#[test]
fn the_member_is_found_among_others() {
    let digest = parse_repr_digest(EXAMPLE.as_bytes());
    let unpadded = EXAMPLE.replace("=:", ":").replacen("sha-256:", "sha-256=:", 1);
    let values = [
        format!("sha-512=:AAAA:, {EXAMPLE}"),
        format!("{EXAMPLE},\tunixsum=1;a=b"),
        format!("sha-256=:AAAA:, {EXAMPLE}"),
        format!("{EXAMPLE};a=1"),
        unpadded,
    ];
    for value in values {
        assert_eq!(parse_repr_digest(value.as_bytes()), digest, "{value}");
    }
}

#[test]
fn anything_else_is_none() {
    let values = [
        "",
        "sha-256",
        "sha-256=",
        "sha-256=:",
        "sha-256=::",
        "sha-256=:AAAA:",
        "sha-256=AAAA",
        "SHA-256=:AAAA:",
        "sha-512=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
        "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=",
        "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:x",
        "sha-256=:RK_0qy18MlBSVnWgjwz6lZEWjP_lF5HF9bvEF8FabDg=:",
    ];
    for value in values {
        assert_eq!(parse_repr_digest(value.as_bytes()), None, "{value}");
    }
    assert_eq!(parse_repr_digest(b"sha-256=:\xff:"), None);
}
