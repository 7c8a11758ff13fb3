//! What an action result or a tree refers to is in its bytes, once, within the limit; and one that is no longer whole, or goes
//! on with something else, is not taken for something that refers to more.

#![no_main]

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_wire::build_cache::limits::REFERENCE_COUNT_MAX;
use aqueduct_wire::build_cache::{
    ActionForm, BadActionResult, References, action_references, tree_references,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(References { blobs, trees }) = action_references(bytes, ActionForm::Binary) {
        check(&blobs, Some(bytes));
        check(&trees, Some(bytes));
        // Messages one after the other are one, with what is in both.
        let twice = action_references(&[bytes, bytes].concat(), ActionForm::Binary);
        assert!(twice == Ok(References { blobs, trees }) || twice == Err(BadActionResult::TooMany));
    }
    if let Ok(blobs) = tree_references(bytes) {
        check(&blobs, Some(bytes));
    }
    if let Ok(References { blobs, trees }) = action_references(bytes, ActionForm::Json) {
        // Whose digits may be written as \u0061.
        check(&blobs, (!bytes.contains(&b'\\')).then_some(bytes));
        check(&trees, (!bytes.contains(&b'\\')).then_some(bytes));
        assert!(action_references(&[bytes, bytes].concat(), ActionForm::Json).is_err());
    }
});

fn check(digests: &[Digest], written_in: Option<&[u8]>) {
    assert!(digests.len() <= REFERENCE_COUNT_MAX);
    assert!(digests.is_sorted_by(|one, other| one < other));
    for digest in digests {
        assert!(*digest != Hasher::new(Algorithm::Sha256).finish().digest, "everybody has nothing");
        let hex = digest.hex();
        assert!(written_in.is_none_or(|bytes| bytes.windows(hex.len()).any(|it| it == hex.as_bytes())));
    }
}
