use std::convert::Infallible;

use aqueduct_blob::{Algorithm, SEGMENT_LEN};

use super::*;

fn list() -> CheckpointList {
    CheckpointList::new(Algorithm::Sha256, SEGMENT_LEN + 1, vec![[1; 32]]).unwrap()
}

#[test]
fn a_list_is_in_memory_once_for_all_who_send_it_and_not_longer() {
    let lists = Lists::default();
    let digest = Digest::new(Algorithm::Sha256, [7; 32]);
    let find = |found: Option<CheckpointList>| lists.find(&digest, || Ok::<_, Infallible>(found)).unwrap();
    assert!(find(None).is_none());
    let first = find(Some(list())).unwrap();
    let second = find(None).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    drop((first, second));
    assert!(find(None).is_none());
}
