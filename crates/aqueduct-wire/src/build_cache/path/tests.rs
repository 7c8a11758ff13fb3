use proptest::prelude::*;

use super::*;

const SHA: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const CCACHE: &str = "b65de4bb47f0a1a003876fe8f0bb2db11f7e7c7a";
const GRADLE: &str = "5d41402abc4b2a76b9719d911017c592";

fn strings(namespace: &str, key: &str) -> (String, String) {
    (namespace.to_owned(), key.to_owned())
}

fn action(namespace: &str, key: &str) -> Result<Option<CachePath>, BadPath> {
    let (namespace, key) = strings(namespace, key);
    Ok(Some(CachePath::Action { namespace, key }))
}

fn ccache(namespace: &str, key: &str) -> Result<Option<CachePath>, BadPath> {
    let (namespace, key) = strings(namespace, key);
    Ok(Some(CachePath::Ccache { namespace, key }))
}

fn web_dav(namespace: &str, key: &str) -> Result<Option<CachePath>, BadPath> {
    let (namespace, key) = strings(namespace, key);
    Ok(Some(CachePath::WebDav { namespace, key }))
}

fn gradle(namespace: &str, key: &str) -> Result<Option<CachePath>, BadPath> {
    let (namespace, key) = strings(namespace, key);
    Ok(Some(CachePath::Gradle { namespace, key }))
}

#[test]
fn bazel_has_blobs_and_action_results_under_any_instance() {
    let digest = format!("sha256:{SHA}").parse().unwrap();
    for path in [format!("/cas/{SHA}"), format!("/inst/cas/{SHA}"), format!("/a b/\u{e9}/cas/{SHA}")] {
        assert_eq!(parse_path(&path), Ok(Some(CachePath::Cas { digest })), "{path}");
    }
    assert_eq!(parse_path(&format!("/ac/{SHA}")), action("ac", SHA));
    assert_eq!(parse_path(&format!("/inst/x/ac/{SHA}")), action("ac/inst/x", SHA));
    assert_eq!(parse_path(&format!("/cas/ac/{SHA}")), action("ac/cas", SHA));
}

#[test]
fn a_name_under_cas_or_ac_that_is_no_sha256_is_refused() {
    let long = format!("{SHA}0");
    let upper = SHA.to_uppercase();
    for name in ["x", &SHA[1..], &long, &upper, CCACHE, GRADLE, "..", "index.html", ".sccache_check"] {
        for kind in ["cas", "ac", "inst/cas", "inst/ac"] {
            assert_eq!(parse_path(&format!("/{kind}/{name}")), Err(BadPath::NotADigest), "{kind}/{name}");
        }
    }
}

#[test]
fn ccache_has_one_key_in_every_layout() {
    let bazel = format!("/ac/{CCACHE}{}", &CCACHE[..24]);
    let paths = [
        format!("/{CCACHE}"),
        format!("/{}/{}", &CCACHE[..2], &CCACHE[2..]),
        // As ccache 4.7.5 spells the same key in these two layouts.
        "/b65dsitkfs51k01oerv8u2tirc8vfpu7k".to_owned(),
        "/b6/5dsitkfs51k01oerv8u2tirc8vfpu7k".to_owned(),
        bazel,
    ];
    for path in paths {
        assert_eq!(parse_path(&path), ccache("ccache", CCACHE), "{path}");
        assert_eq!(parse_path(&format!("/team/x{path}")), ccache("ccache/team/x", CCACHE), "{path}");
    }
}

#[test]
fn a_key_of_ccache_that_begins_with_ac_is_no_action_result() {
    let key = format!("ac{}", &CCACHE[2..]);
    assert_eq!(parse_path(&format!("/ac/{}", &key[2..])), ccache("ccache", &key));
    assert_eq!(parse_path(&format!("/p/ac/{}", &key[2..])), ccache("ccache/p", &key));
}

#[test]
fn sccache_has_its_digits_as_directories() {
    assert_eq!(parse_path(&format!("/0/1/2/{SHA}")), web_dav("sccache", SHA));
    assert_eq!(parse_path(&format!("/a/b/0/1/2/{SHA}")), web_dav("sccache/a/b", SHA));
    assert_eq!(parse_path("/.sccache_check"), web_dav("sccache", ".sccache_check"));
    assert_eq!(parse_path("/a/b/.sccache_check"), web_dav("sccache/a/b", ".sccache_check"));
    assert_eq!(parse_path(&format!("/0/1/3/{SHA}")), Err(BadPath::OtherDirectories));
    assert_eq!(parse_path(&format!("/2/1/0/{SHA}")), Err(BadPath::OtherDirectories));
    for path in [format!("/{SHA}"), format!("/1/2/{SHA}"), format!("/0/1/g/{SHA}")] {
        assert_eq!(parse_path(&path), Ok(None), "{path}");
    }
}

#[test]
fn a_path_that_ends_in_a_slash_is_a_collection() {
    for path in ["/", "/a/", "/a/b/0/1/2/", "/cas/", "/inst/ac/"] {
        assert_eq!(parse_path(path), Ok(Some(CachePath::Collection)), "{path}");
    }
    for path in ["//", "///", "/./", "/../", "/a//", "/a/../"] {
        assert_eq!(parse_path(path), Err(BadPath::BadSegment), "{path}");
    }
}

#[test]
fn gradle_has_32_digits() {
    assert_eq!(parse_path(&format!("/{GRADLE}")), gradle("gradle", GRADLE));
    assert_eq!(parse_path(&format!("/cache/{GRADLE}")), gradle("gradle/cache", GRADLE));
    assert_eq!(parse_path(&format!("/cache/{}", GRADLE.to_uppercase())), Ok(None));
}

#[test]
fn turborepo_and_nx_have_paths_of_their_own() {
    let key = || "0a1B-_9".to_owned();
    let cases = [
        ("/v8/artifacts", CachePath::TurboQuery),
        ("/v8/artifacts/status", CachePath::TurboStatus),
        ("/v8/artifacts/events", CachePath::TurboEvents),
        ("/v8/artifacts/0a1B-_9", CachePath::TurboArtifact { key: key() }),
        ("/v1/cache/0a1B-_9", CachePath::Nx { key: key() }),
    ];
    for (path, expected) in cases {
        assert_eq!(parse_path(path), Ok(Some(expected)), "{path}");
    }
    let longest = "a".repeat(HASH_LEN_MAX);
    for begin in ["/v8/artifacts/", "/v1/cache/"] {
        assert!(matches!(parse_path(&format!("{begin}{longest}")), Ok(Some(_))));
        for hash in ["", "a/b", "a/", "..", "a.tar", "\u{e9}", "a b", "\0", &format!("{longest}a")] {
            assert_eq!(parse_path(&format!("{begin}{hash}")), Err(BadPath::BadHash), "{begin}{hash}");
        }
    }
    // Hashes of others are those of others.
    assert_eq!(parse_path(&format!("/v1/cached/{GRADLE}")), gradle("gradle/v1/cached", GRADLE));
    assert_eq!(parse_path(&format!("/v8/artifacts2/{GRADLE}")), gradle("gradle/v8/artifacts2", GRADLE));
}

#[test]
fn a_prefix_is_refused_whatever_the_dialect() {
    let keys = [
        format!("cas/{SHA}"),
        format!("ac/{SHA}"),
        CCACHE.to_owned(),
        format!("{}/{}", &CCACHE[..2], &CCACHE[2..]),
        format!("ac/{CCACHE}{}", &CCACHE[..24]),
        format!("0/1/2/{SHA}"),
        ".sccache_check".to_owned(),
        GRADLE.to_owned(),
        String::new(),
    ];
    let longest = "p".repeat(PREFIX_LEN_MAX);
    for key in keys {
        assert!(matches!(parse_path(&format!("/{longest}/{key}")), Ok(Some(_))), "{key}");
        let too_long = format!("/{longest}p/{key}");
        assert_eq!(parse_path(&too_long), Err(BadPath::PrefixTooLong { len: PREFIX_LEN_MAX + 1 }), "{key}");
        for prefix in ["", ".", "..", "a/../b", "a//b", "/a", "a/", "a/."] {
            assert_eq!(parse_path(&format!("/{prefix}/{key}")), Err(BadPath::BadSegment), "{prefix}/{key}");
        }
        for prefix in ["a\0", "a\nb", "\u{7f}", "\u{85}"] {
            assert_eq!(parse_path(&format!("/{prefix}/{key}")), Err(BadPath::ControlCharacter), "{key}");
        }
    }
}

#[test]
fn other_paths_are_not_of_this_family() {
    let almost = &CCACHE[1..];
    let paths = [
        "",
        "*",
        "/a",
        "/a/b",
        "/cas",
        "/ac",
        "/v1/cache",
        "/../a",
        "/metrics",
        "/castle/x",
        "cas/x",
        GRADLE,
        almost,
    ];
    for path in paths {
        assert_eq!(parse_path(path), Ok(None), "{path}");
    }
    let not_base32 = [
        // Its last digit has a bit that no byte has.
        "/b65dsitkfs51k01oerv8u2tirc8vfpu7l",
        "/b65dwitkfs51k01oerv8u2tirc8vfpu7k",
        "/b65dSitkfs51k01oerv8u2tirc8vfpu7k",
        "/g65dsitkfs51k01oerv8u2tirc8vfpu7k",
        "/b65dsitkfs51k01oerv8u2tirc8vfpu7",
        "/b65\u{e9}sitkfs51k01oerv8u2tirc8vfpu7",
    ];
    for path in not_base32 {
        assert_eq!(parse_path(path), Ok(None), "{path}");
    }
}

proptest! {
    #[test]
    fn a_namespace_and_a_key_are_such_as_a_store_takes(path in "/?([a-c./]{0,9}|cas|ac|[0-9a-f]{1,2}|\\PC{0,9}|/){0,6}/[0-9a-f]{30,65}") {
        if let Ok(Some(
            CachePath::Action { namespace, key }
            | CachePath::Ccache { namespace, key }
            | CachePath::WebDav { namespace, key }
            | CachePath::Gradle { namespace, key },
        )) = parse_path(&path)
        {
            prop_assert!(namespace.len() <= 255 && !namespace.contains(char::is_control));
            prop_assert!(is_hex(&key, key.len()) && !key.is_empty());
        }
    }
}
