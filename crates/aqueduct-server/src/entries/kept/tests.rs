#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aqueduct_blob::Algorithm;

use super::*;

fn key(name: &str) -> Key {
    Key::new("any", name).unwrap()
}

fn entry() -> Entry {
    let value = Digest::new(Algorithm::Sha256, [7; 32]);
    Entry { value, size: 3, references: Vec::new(), fields: Vec::new(), written: 0 }
}

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn an_entry_that_went_while_it_was_looked_for_is_not_kept() {
    let entries = KeptEntries::new();
    let found = Found::Bytes(Arc::from(&b"abc"[..]));
    let ticket = entries.ticket();
    entries.forget(&key("a"));
    entries.put(ticket, &key("a"), &entry(), &found, LONG);
    assert!(entries.find(&key("a")).is_none());
    entries.put(entries.ticket(), &key("a"), &entry(), &found, LONG);
    assert!(entries.find(&key("a")).is_some());
    entries.forget(&key("a"));
    assert!(entries.find(&key("a")).is_none());
}

#[test]
fn what_was_promised_for_no_time_is_asked_for_again() {
    let entries = KeptEntries::new();
    entries.put(entries.ticket(), &key("a"), &entry(), &Found::Bytes(Arc::from(&b"abc"[..])), Duration::ZERO);
    assert!(entries.find(&key("a")).is_none());
}
