//! `uploads`: what is on its way into a store, a page at a time.

use aqueduct_blob::UploadId;
use aqueduct_client::{Upload, UploadPage};
use aqueduct_store::{Store, UploadListed};
use serde_json::json;

use crate::fault::Fault;
use crate::flags::{Place, Uploads};
use crate::opened::{Opening, with_store};
use crate::output::Output;
use crate::remote;
use crate::text::{counted, date, size};
use crate::voice::Voice;

pub(super) fn run(
    uploads: &Uploads,
    json: bool,
    voice: &Voice,
    output: &mut Output<'_>,
) -> Result<(), Fault> {
    match &uploads.place {
        Place::Store(directory) => with_store(directory, Opening::EXISTING, voice, |store| {
            list(uploads, json, voice, output, |after, limit| store_page(store, after, limit))
        }),
        Place::Server(server) => {
            let client = remote::client(server, None)?;
            list(uploads, json, voice, output, |after, limit| Ok(client.uploads(after.as_ref(), limit)?))
        }
    }
}

fn list(
    uploads: &Uploads,
    json: bool,
    voice: &Voice,
    output: &mut Output<'_>,
    page: impl Fn(Option<UploadId>, usize) -> Result<UploadPage, Fault>,
) -> Result<(), Fault> {
    let mut left = uploads.limit.unwrap_or(usize::MAX);
    let mut after = uploads.after;
    let (mut count, mut verified) = (0, 0_u64);
    while left > 0 && !output.is_gone() {
        let UploadPage { uploads: listed, next } = page(after, left.min(PAGE_COUNT))?;
        for upload in listed.iter().take(left) {
            output.line(line(upload, json, uploads.long))?;
            count += 1;
            verified = verified.saturating_add(upload.verified);
        }
        output.flush()?;
        left = left.saturating_sub(listed.len());
        after = next;
        if after.is_none() {
            break;
        }
    }
    voice.say(&format!("{}, {} verified", counted(count, "upload"), size(verified)));
    Ok(())
}

fn store_page(store: &Store, after: Option<UploadId>, limit: usize) -> Result<UploadPage, Fault> {
    let listed = store.uploads(after, limit).map_err(aqueduct_store::ChangeError::from)?;
    let next = listed.last().filter(|_| listed.len() == limit).map(|upload| upload.id);
    let upload = |listed: &UploadListed| Upload {
        id: listed.id,
        algorithm: listed.plan.algorithm,
        digest: listed.plan.digest,
        size: listed.plan.size,
        verified: listed.verified_len,
        used: listed.used,
        stored: listed.stored,
    };
    Ok(UploadPage { uploads: listed.iter().map(upload).collect(), next })
}

fn line(upload: &Upload, json: bool, long: bool) -> String {
    let Upload { id, algorithm, digest, size, verified, used, stored } = upload;
    let used = date(*used);
    if json {
        let text = |digest: &Option<aqueduct_blob::Digest>| digest.map(|digest| digest.to_string());
        json!({
            "id": id.to_string(),
            "algorithm": algorithm.name(),
            "digest": text(digest),
            "size": size,
            "verified": verified,
            "used": used,
            "stored": text(stored),
        })
        .to_string()
    } else if long {
        let stored = stored.map(|digest| format!(" {digest}")).unwrap_or_default();
        format!("{id} {verified:>15} {size:>15} {used}{stored}")
    } else {
        id.to_string()
    }
}

/// As many as a server gives at once.
const PAGE_COUNT: usize = 400;
