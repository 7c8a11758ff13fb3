#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::same_bytes;
use crate::scratch::Scratch;

#[test]
fn a_byte_in_what_is_a_hole_of_the_other_is_a_difference() {
    let dir = std::env::temp_dir().join(format!("aqueduct-sparse-{}", std::process::id()));
    let scratch = Scratch::make(&dir).unwrap();
    let [left, right] = ["left", "right"].map(|name| scratch.dir().join(name));
    for path in [&left, &right] {
        let file = File::create(path).unwrap();
        file.set_len(8 << 20).unwrap();
        file.write_all_at(b"the same", 1 << 20).unwrap();
    }
    same_bytes(&left, &right).unwrap();
    File::options().write(true).open(&right).unwrap().write_all_at(b"?", 7 << 20).unwrap();
    assert!(same_bytes(&left, &right).is_err());
    assert!(same_bytes(&right, &left).is_err());
}
