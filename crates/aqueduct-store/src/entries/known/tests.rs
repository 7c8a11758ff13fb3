use std::sync::Arc;

use aqueduct_blob::{Algorithm, Digest};

use super::Known;
use crate::entries::{Entry, Key};

fn key(name: &str) -> Key {
    Key::new("ac", name).unwrap()
}

fn entry(value: u8, reference_count: u8) -> Entry {
    let digest = |byte| Digest::new(Algorithm::Sha256, [byte; 32]);
    let references = (0..reference_count).map(|byte| digest(100 + byte)).collect();
    Entry { value: digest(value), size: 1, references, fields: Vec::new(), written: 0 }
}

#[test]
fn a_change_is_seen_at_once_and_forgotten_when_it_was_written() {
    let mut known = Known::default();
    let one = entry(1, 2);
    known.change(&key("a"), None, Some(Arc::new(one.clone())));
    assert!(known.may_have(&key("a")) && !known.may_have(&key("b")));
    assert_eq!((known.count(), known.reference_count(), known.row_count()), (1, 3, 4));
    assert_eq!(known.referrers(&[one.references[0]]).collect::<Vec<_>>(), [&key("a")]);
    let taken = known.take(None, 10);
    // A newer change is not written with it.
    known.change(&key("a"), Some(&one), None);
    known.written(&taken);
    assert_eq!(known.gathered(&key("a")), Some(None));
    assert!(!known.may_have(&key("a")) && known.counts().is_empty());
    known.written(&known.take(None, 10));
    assert_eq!((known.gathered(&key("a")), known.count(), known.row_count()), (None, 0, 0));
    assert_eq!(known.referrers(&[one.value, one.references[0]]).count(), 0);
}

#[test]
fn a_change_that_is_taken_back_leaves_what_is_written() {
    let mut known = Known::default();
    let (old, new) = (entry(1, 0), entry(2, 5));
    known.read(&key("a"), &old);
    let number = known.change(&key("a"), Some(&old), Some(Arc::new(new.clone())));
    assert_eq!((known.count(), known.reference_count()), (1, 6));
    assert!(known.take_back(&key("a"), number));
    assert!(!known.take_back(&key("a"), number), "once");
    assert_eq!((known.count(), known.reference_count(), known.gathered(&key("a"))), (1, 1, None));
    // A removal, too.
    let number = known.change(&key("a"), Some(&old), None);
    assert_eq!(known.count(), 0);
    assert!(known.take_back(&key("a"), number));
    assert_eq!(known.counts().get("ac"), Some(&1));
    // What an older change has written meanwhile is what is written.
    known.change(&key("a"), Some(&old), Some(Arc::new(new.clone())));
    let taken = known.take(None, 10);
    let number = known.change(&key("a"), Some(&new), None);
    known.written(&taken);
    assert!(known.take_back(&key("a"), number));
    assert_eq!((known.count(), known.reference_count()), (1, 6));
}

#[test]
fn of_two_keys_that_look_the_same_neither_is_surely_absent_while_the_other_is_there() {
    let mut known = Known::default();
    // The same key twice is what a collision looks like.
    known.read(&key("a"), &entry(1, 0));
    known.read(&key("a"), &entry(1, 0));
    known.change(&key("a"), Some(&entry(1, 0)), None);
    assert!(known.may_have(&key("a")));
}
