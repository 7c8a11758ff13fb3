use super::*;

#[test]
fn the_time_is_some_seconds_or_left_to_us() {
    assert!(parse_seconds(None).is_ok_and(|seconds| seconds == SECONDS));
    assert!(parse_seconds(Some("60")).is_ok_and(|seconds| seconds.get() == 60));
    for text in ["0", "-1", "ten", ""] {
        assert!(parse_seconds(Some(text)).is_err(), "{text}");
    }
}

#[test]
fn a_failure_says_how_to_repeat_it() {
    let dir = PathBuf::from("dir");
    let [program, corpus, found, failed] = ["range", "corpus", "found", "failed"].map(|name| dir.join(name));
    let target = Target { name: "range".to_owned(), program, corpus, found, failed };
    let said = "#1 NEW\nthread 'x' panicked at y\nTest unit written to failed/crash-1\n";
    let failure = target.failure(said).to_string();
    assert!(failure.contains("panicked at y"), "{failure}");
    assert!(!failure.contains("#1 NEW"), "{failure}");
    assert!(failure.contains("\n    dir/range failed/crash-1\n"), "{failure}");
}
