use std::convert::Infallible;

use aqueduct_blob::{Algorithm, SEGMENT_LEN};

use super::*;

fn list() -> CheckpointList {
    CheckpointList::new(Algorithm::Sha256, SEGMENT_LEN + 1, vec![[1; 32]])
        .expect("as many as there are to be")
}

#[test]
fn a_list_is_in_memory_once_for_all_who_send_it_and_not_longer() {
    let lists = Lists::default();
    let digest = Digest::new(Algorithm::Sha256, [7; 32]);
    let find = |found: Option<CheckpointList>| {
        lists.find(&digest, || Ok::<_, Infallible>(found)).expect("it was read")
    };
    assert!(find(None).is_none());
    let first = find(Some(list())).expect("it was read");
    let second = find(None).expect("the first has it");
    assert!(Arc::ptr_eq(&first, &second));
    drop((first, second));
    assert!(find(None).is_none());
}
