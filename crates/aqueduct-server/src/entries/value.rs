//! Values that are in memory whole: what they refer to, and how they become blobs.

use std::collections::BTreeSet;
use std::os::unix::fs::FileExt;

use aqueduct_blob::{Algorithm, Digest, hash_each};
use aqueduct_flow::{Carried, Route};
use aqueduct_store::{Blob, Outcome as PublishOutcome, Published, REFERENCE_COUNT_MAX, Store, Whole};
use aqueduct_wire::build_cache::{BadActionResult, action_references, tree_references};

use crate::asked::Door;
use crate::door::{Refusal, Shape};
use crate::find::{self, Found};
use crate::metrics::METRICS;
use crate::server::Shared;
use crate::stored;
use crate::work::fault;

/// The blobs without which a value means nothing: those that an action made, and those in the trees that it made.
pub(super) fn references(shared: &Shared, bytes: &[u8], shape: Shape) -> Result<Vec<Digest>, Refusal> {
    let Shape::Action(form) = shape else { return Ok(Vec::new()) };
    let refuse = |error| Refusal::NotAnActionResult { error };
    let result = action_references(bytes, form).map_err(refuse)?;
    let mut references: BTreeSet<_> = result.blobs.into_iter().collect();
    let mut trees_len = 0;
    for tree in result.trees.into_iter().collect::<BTreeSet<_>>() {
        let tree_bytes = read_tree(shared, tree, TREES_LEN_MAX - trees_len)?;
        trees_len += tree_bytes.len() as u64;
        references.extend(tree_references(&tree_bytes).map_err(refuse)?);
        references.insert(tree);
        if references.len() > REFERENCE_COUNT_MAX {
            return Err(refuse(BadActionResult::TooMany));
        }
    }
    Ok(references.into_iter().collect())
}

/// The bytes of a tree, held against its digest.
fn read_tree(shared: &Shared, tree: Digest, len_max: u64) -> Result<Vec<u8>, Refusal> {
    let incomplete = || Refusal::Incomplete { digest: tree };
    let found = find::find(&shared.store, &shared.cache, &tree)?.ok_or_else(incomplete)?;
    if found.size() > len_max {
        return Err(Refusal::TooLarge { limit: TREES_LEN_MAX });
    }
    match found {
        Found::Bytes(bytes) => Ok(bytes.to_vec()),
        Found::Open(blob) => {
            let bytes = read(&blob)?;
            let is_right = hash_each(&[(tree.algorithm(), &bytes[..])]) == [tree];
            if is_right { Ok(bytes) } else { Err(incomplete()) }
        }
    }
}

fn read(blob: &Blob) -> Result<Vec<u8>, Refusal> {
    let mut bytes = vec![0; usize::try_from(blob.size()).expect("no tree that is read is so large")];
    blob.file().read_exact_at(&mut bytes, 0).map_err(|error| fault("read a blob", &error))?;
    Ok(bytes)
}

/// Stores a value as the blob that it is.
pub(crate) fn store(store: &Store, bytes: &[u8], door: Door) -> Result<Published, Refusal> {
    METRICS.received_by(door, Route::Copy, bytes.len() as u64);
    let whole = Whole { algorithm: Algorithm::Sha256, expected: None, bytes };
    let published = store.put_all(&[whole]).pop().expect("the only one has an outcome")?;
    if published.outcome == PublishOutcome::New {
        stored::note(&published, &Carried::by_route(Route::Copy, published.size));
    }
    Ok(published)
}

/// Of all trees of one result: a hundred thousand files with long names. One tree at a time is held in memory.
const TREES_LEN_MAX: u64 = 16 << 20;
