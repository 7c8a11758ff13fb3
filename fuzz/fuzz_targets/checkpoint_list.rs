//! A checkpoint list as it is read from the medium: what is taken for one is written the same again, byte for byte.

#![no_main]

use aqueduct_blob::{
    Algorithm, CheckpointList, Digest, Hasher, checkpoint_count, segment_count, segment_range,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    // The checksum is made here, so that bytes get past it.
    if let Some((content, _)) = bytes.split_last_chunk::<32>() {
        let mut hasher = Hasher::new(Algorithm::Blake3);
        hasher.update(content);
        check(&[content, hasher.finish().digest.as_bytes()].concat());
    }
});

fn check(bytes: &[u8]) {
    let Ok(list) = CheckpointList::decode(bytes) else { return };
    assert_eq!(list.encode(), bytes, "a list has one spelling");
    let (algorithm, size) = (list.algorithm(), list.size());
    assert_eq!(list.entries().len() as u64, checkpoint_count(algorithm, size));
    assert_eq!(CheckpointList::new(algorithm, size, list.entries().to_vec()).as_ref(), Ok(&list));
    for digest in Algorithm::ALL.map(|algorithm| Digest::new(algorithm, [7; 32])) {
        assert!(!list.proves(&digest), "nobody finds the name's preimage");
        let count = segment_count(size);
        assert!(!list.check(&digest, count, &[]), "there is no such segment");
        let last = segment_range(size, count - 1);
        if last.end - last.start <= SHORT_LEN {
            let segment = vec![0; (last.end - last.start) as usize];
            assert!(!list.check(&digest, count - 1, &segment) || digest.algorithm() == algorithm);
        }
    }
}

/// So much is hashed in no time.
const SHORT_LEN: u64 = 4096;
