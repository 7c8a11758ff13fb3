use super::*;

#[test]
fn what_is_kept_is_a_list() {
    let kept = |text: &str| text.parse::<Kept>().map(|kept| kept.0);
    assert_eq!(kept("mode,mtime,symlinks,sparse"), Ok(Preserve::default()));
    let all = kept("all");
    assert_eq!(kept("mode, mtime,symlinks,sparse,hardlinks,xattrs,owner"), all);
    assert_eq!(kept("mode,all"), all);
    let none = Preserve { mode: false, mtime: false, symlinks: false, sparse: false, ..Preserve::default() };
    assert_eq!(kept("none"), Ok(none));
    assert_eq!(kept("xattrs"), Ok(Preserve { xattrs: true, ..none }));
    for text in ["", "acl", "mode,none", "mode;mtime"] {
        assert!(kept(text).is_err(), "{text}");
    }
}

#[test]
fn a_number_of_streams_is_within_reason_and_a_patience_is_no_moment() {
    assert_eq!(streams("auto"), Ok(Streams::Auto));
    assert_eq!(streams("4"), Ok(Streams::Count(NonZeroU32::new(4).expect("4 is not zero"))));
    for text in ["0", "65", "many", "-1", ""] {
        assert!(streams(text).is_err(), "{text}");
    }
    assert!(patience("0").is_err());
    assert!(patience("1").is_ok());
}
