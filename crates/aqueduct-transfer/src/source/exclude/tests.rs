use super::*;

fn matches(pattern: &str, path: &str) -> bool {
    Exclude::new(&[pattern.to_owned()]).unwrap().matches(path.as_bytes(), false)
}

#[test]
fn stars_and_question_marks_are_those_of_shells() {
    for (pattern, path) in [
        ("*.o", "a.o"),
        ("*", "a"),
        ("a*b*c", "axxbyyc"),
        ("a*b*c", "abbc"),
        ("?", "\u{e9}"),
        ("a?c", "abc"),
        ("**", ""),
    ] {
        assert!(matches(pattern, path), "{pattern} {path}");
    }
    for (pattern, path) in
        [("*.o", "a.ox"), ("?", "ab"), ("a*b*c", "acb"), ("a?", "a"), ("A", "a"), ("[a]", "a")]
    {
        assert!(!matches(pattern, path), "{pattern} {path}");
    }
}

#[test]
fn bytes_that_are_no_text_are_matched_one_by_one() {
    let exclude = Exclude::new(&["?x*".to_owned()]).unwrap();
    assert!(exclude.matches(b"\xffx\xfe\xfd", false));
    assert!(!exclude.matches(b"\xff\xfex", false));
}

#[test]
fn a_pattern_without_a_slash_is_for_names_and_one_with_a_slash_for_paths() {
    assert!(matches("b", "a/b"));
    assert!(!matches("/b", "a/b"));
    assert!(matches("/b", "b"));
    assert!(matches("a/b", "a/b"));
    assert!(!matches("a/b", "x/a/b"));
    assert!(matches("a/*", "a/b"));
    assert!(!matches("a/*", "a/b/c"));
    assert!(!matches("a?b", "a/b"));
}

#[test]
fn a_slash_at_the_end_means_directories_alone() {
    let exclude = Exclude::new(&["target/".to_owned()]).unwrap();
    assert!(exclude.matches(b"x/target", true));
    assert!(!exclude.matches(b"x/target", false));
}

#[test]
fn no_pattern_takes_long() {
    let pattern = "a*".repeat(100) + "b";
    assert!(!matches(&pattern, &"a".repeat(255)));
}
