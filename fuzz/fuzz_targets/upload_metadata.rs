//! What is read of tus' metadata is no more than was sent, has no key twice, and is read again when it is written.

#![no_main]

use std::collections::HashSet;

use aqueduct_wire::http1::{parse_upload_metadata, upload_metadata};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(pairs) = parse_upload_metadata(bytes) else { return };
    let mut keys = HashSet::new();
    let mut total_len = 0;
    for (key, value) in &pairs {
        assert!(!key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','));
        assert!(keys.insert(key));
        total_len += key.len() + value.len();
    }
    assert!(total_len <= bytes.len());
    let written: Vec<_> = pairs.iter().map(|(key, value)| upload_metadata(key, value)).collect();
    assert_eq!(parse_upload_metadata(written.join(",").as_bytes()), Some(pairs));
});
