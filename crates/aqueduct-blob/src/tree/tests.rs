use super::*;
use crate::sample;

/// The shape of the tree does not depend on the len of a full subtree, so chunks stand in for segments here.
#[test]
fn any_count_of_subtrees_merges_to_the_hash_of_the_whole() {
    for count in 2..=40 {
        for last_len in [1, 1023, 1024] {
            let message = sample::bytes((count - 1) * 1024 + last_len);
            let leaves: Vec<ChainingValue> = (0..)
                .step_by(1024)
                .zip(message.chunks(1024))
                .map(|(offset, chunk)| {
                    blake3::Hasher::new().set_input_offset(offset).update(chunk).finalize_non_root()
                })
                .collect();
            assert_eq!(root(&leaves), *blake3::hash(&message).as_bytes(), "{count} chunks");
        }
    }
}
