//! A path of a build cache has one meaning, makes a namespace and a key that a store takes, and is found again under the
//! plainest path that means the same.

#![no_main]

use aqueduct_wire::build_cache::limits::{HASH_LEN_MAX, PREFIX_LEN_MAX};
use aqueduct_wire::build_cache::{CachePath, parse_path};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(path) = std::str::from_utf8(bytes) else { return };
    let Ok(Some(meaning)) = parse_path(path) else { return };
    assert!(path.starts_with('/'));
    let plain = match &meaning {
        CachePath::Cas { digest } => {
            assert!(path.ends_with(&format!("cas/{}", digest.hex())));
            format!("/cas/{}", digest.hex())
        }
        CachePath::Action { namespace, key } => prefixed(namespace, "ac", &format!("ac/{key}"), (key, 64)),
        CachePath::Ccache { namespace, key } => {
            let bazel = prefixed(namespace, "ccache", &format!("ac/{key}{}", &key[..24]), (key, 40));
            assert_eq!(parse_path(&bazel).as_ref(), Ok(&Some(meaning.clone())));
            prefixed(namespace, "ccache", &format!("{}/{}", &key[..2], &key[2..]), (key, 40))
        }
        CachePath::WebDav { namespace, key } if key == ".sccache_check" => {
            prefixed(namespace, "sccache", key, ("", 0))
        }
        CachePath::WebDav { namespace, key } => {
            let [a, b, c] = [&key[..1], &key[1..2], &key[2..3]];
            prefixed(namespace, "sccache", &format!("{a}/{b}/{c}/{key}"), (key, 64))
        }
        CachePath::Gradle { namespace, key } => prefixed(namespace, "gradle", key, (key, 32)),
        CachePath::Collection => {
            assert!(path.ends_with('/'));
            "/".to_owned()
        }
        CachePath::TurboArtifact { key } => hashed("/v8/artifacts/", key),
        CachePath::Nx { key } => hashed("/v1/cache/", key),
        CachePath::TurboStatus | CachePath::TurboEvents | CachePath::TurboQuery => path.to_owned(),
    };
    assert_eq!(parse_path(&plain), Ok(Some(meaning)));
});

/// The path of `rest` under the prefix that is in `namespace`.
fn prefixed(namespace: &str, dialect: &str, rest: &str, (key, key_len): (&str, usize)) -> String {
    assert!(key.len() == key_len && key.bytes().all(|byte| b"0123456789abcdef".contains(&byte)));
    let after = namespace.strip_prefix(dialect).expect("a namespace begins with its dialect");
    let Some(prefix) = after.strip_prefix('/') else {
        assert_eq!(after, "");
        return format!("/{rest}");
    };
    assert!((1..=PREFIX_LEN_MAX).contains(&prefix.len()) && !prefix.contains(char::is_control));
    assert!(prefix.split('/').all(|part| !matches!(part, "" | "." | "..")));
    format!("/{prefix}/{rest}")
}

fn hashed(begin: &str, key: &str) -> String {
    assert!((1..=HASH_LEN_MAX).contains(&key.len()));
    assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    format!("{begin}{key}")
}
