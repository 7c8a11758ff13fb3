#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn sorted(words: &[&str]) -> Result<(What, Option<Peer>), Fault> {
    what_and_to(&words.iter().map(OsString::from).collect::<Vec<_>>(), false)
}

#[test]
fn whoever_thinks_of_scp_is_told_what_to_name_unless_that_is_named() {
    let words = ["a", "host:path"].map(OsString::from);
    let Err(Fault::Usage(why)) = what_and_to(&words, false) else { panic!("there is no such file") };
    assert!(why.contains("name the ticket"), "{why}");
    let (what, to) = what_and_to(&words, true).unwrap();
    assert_eq!((what, to.is_none()), (What::Paths(vec!["a".into(), "host:path".into()]), true));
}

#[test]
fn the_last_word_is_a_target_if_it_reads_as_one() {
    let (what, to) = sorted(&["a", "b", "raw://host:1"]).unwrap();
    assert_eq!(what, What::Paths(vec!["a".into(), "b".into()]));
    assert!(matches!(to, Some(Peer::Raw { port: 1, .. })));
    let (what, to) = sorted(&["raw://host:1", "b"]).unwrap();
    assert_eq!((what, to.is_none()), (What::Paths(vec!["raw://host:1".into(), "b".into()]), true));
    let (what, to) = sorted(&["./aq1-notes"]).unwrap();
    assert_eq!((what, to.is_none()), (What::Paths(vec!["./aq1-notes".into()]), true));
    assert_eq!(sorted(&["-"]).unwrap().0, What::Stdin);
}

#[test]
fn what_makes_no_sense_is_said_so() {
    for words in [&["raw://host:1"][..], &["a", "aq1-typo"], &["a", "http://host/"], &["a", "-"], &["-", "-"]]
    {
        assert!(matches!(sorted(words), Err(Fault::Usage(_))), "{words:?}");
    }
}
