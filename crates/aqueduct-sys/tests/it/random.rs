//! getrandom.

use std::collections::HashSet;

use aqueduct_sys::random_bytes;

#[test]
fn random_bytes_are_others_every_time() {
    let drawn: HashSet<[u8; 16]> = (0..1000).map(|_| random_bytes().unwrap()).collect();
    assert_eq!(drawn.len(), 1000);
    assert!(!drawn.contains(&[0; 16]), "something was filled in");
    assert_eq!(random_bytes::<0>().unwrap(), []);
    assert_ne!(random_bytes::<256>().unwrap()[240..], [0; 16]);
}
