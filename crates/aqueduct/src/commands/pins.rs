//! `pin`, `unpin` and `pins`: what is never evicted. A server has words for it over HTTP alone, on the same port.

use aqueduct_blob::Digest;
use aqueduct_client::PinPage;
use aqueduct_store::Store;
use serde_json::json;

use crate::fault::Fault;
use crate::flags::{Pin, Pins, Place, Unpin};
use crate::opened::{Opening, named, with_store};
use crate::output::Output;
use crate::remote;
use crate::text::counted;
use crate::voice::Voice;

pub(super) fn pin(pin: &Pin, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    let pin_all = |output: &mut Output<'_>, pin_one: &dyn Fn(&Digest) -> Result<bool, Fault>| {
        let mut count = 0;
        for digest in named(&pin.digests) {
            let digest = digest?;
            let is_present = pin_one(&digest)?;
            count += 1;
            if json {
                output.json(&json!({ "digest": digest.to_string(), "present": is_present }))?;
            } else if !is_present {
                voice.say(&format!("{digest} is not in the store; it will be pinned when it comes"));
            }
        }
        voice.say(&format!("{} pinned", counted(count, "name")));
        Ok(())
    };
    match &pin.place {
        Place::Store(directory) => with_store(directory, Opening::EXISTING, voice, |store| {
            pin_all(output, &|digest| pin_in(store, digest))
        }),
        Place::Server(server) => {
            let client = remote::http_client(server)?;
            pin_all(output, &|digest| Ok(client.pin(digest)?))
        }
    }
}

pub(super) fn unpin(unpin: &Unpin, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    let unpin_all = |output: &mut Output<'_>, unpin_one: &dyn Fn(&Digest) -> Result<bool, Fault>| {
        let (mut of, mut absent) = (0, Vec::new());
        for digest in named(&unpin.digests) {
            let digest = digest?;
            of += 1;
            let was_pinned = unpin_one(&digest)?;
            if json {
                output.json(&json!({ "digest": digest.to_string(), "unpinned": was_pinned }))?;
            }
            if !was_pinned {
                voice.say(&format!("{digest} was not pinned"));
                absent.push(digest);
            }
        }
        voice.say(&format!("{} unpinned", counted(of - absent.len(), "name")));
        match absent[..] {
            [] => Ok(()),
            _ => Err(Fault::SomeAbsent { count: absent.len(), of }),
        }
    };
    match &unpin.place {
        Place::Store(directory) => with_store(directory, Opening::EXISTING, voice, |store| {
            unpin_all(output, &|digest| Ok(store.unpin(digest)?))
        }),
        Place::Server(server) => {
            let client = remote::http_client(server)?;
            unpin_all(output, &|digest| Ok(client.unpin(digest)?))
        }
    }
}

pub(super) fn list(pins: &Pins, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    match &pins.place {
        Place::Store(directory) => with_store(directory, Opening::EXISTING, voice, |store| {
            list_all(json, output, |after| page_of(store, after))
        }),
        Place::Server(server) => {
            let client = remote::http_client(server)?;
            list_all(json, output, |after| Ok(client.pins(after)?))
        }
    }
}

fn list_all(
    json: bool,
    output: &mut Output<'_>,
    page: impl Fn(Option<&Digest>) -> Result<PinPage, Fault>,
) -> Result<(), Fault> {
    let mut after = None;
    loop {
        let PinPage { pins, next } = page(after.as_ref())?;
        for digest in pins {
            if json {
                output.json(&json!({ "digest": digest.to_string() }))?;
            } else {
                output.line(digest.to_string())?;
            }
        }
        after = next;
        if after.is_none() || output.is_gone() {
            return Ok(());
        }
    }
}

fn pin_in(store: &Store, digest: &Digest) -> Result<bool, Fault> {
    store.pin(digest)?;
    Ok(store.has(digest)?)
}

fn page_of(store: &Store, after: Option<&Digest>) -> Result<PinPage, Fault> {
    let pins = store.pins(after, PAGE_COUNT)?;
    let next = (pins.len() == PAGE_COUNT).then(|| pins.last().copied()).flatten();
    Ok(PinPage { pins, next })
}

/// Some hundred kilobytes.
const PAGE_COUNT: usize = 4096;
