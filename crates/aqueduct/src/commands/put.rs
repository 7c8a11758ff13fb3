//! `put`: threads take sources in turn, and lines are printed in the order of the sources.

mod in_order;
mod into_store;
mod report;
mod to_server;

use std::num::NonZeroUsize;

use aqueduct_blob::Digest;
use aqueduct_store::{Absent, SyncPolicy};

use crate::fault::Fault;
use crate::flags::{Place, Put, Sync};
use crate::opened::{Opening, cores, with_store};
use crate::output::Output;
use crate::progress::{self, Meter};
use crate::remote;
use crate::routes::Routes;
use crate::sources::Sources;
use crate::voice::Voice;
use in_order::{Teller, in_order};
use into_store::IntoStore;
use report::Report;
use to_server::ToServer;

pub(super) fn run(put: &Put, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    let sync = match put.sync {
        Sync::Full => SyncPolicy::Full,
        Sync::None => SyncPolicy::None,
    };
    match &put.place {
        Place::Store(directory) => {
            let threads = put.threads.unwrap_or_else(|| match sync {
                SyncPolicy::Full => THREAD_COUNT_SYNCED,
                SyncPolicy::None => cores(),
            });
            with_store(directory, Opening { absent: Absent::Make, sync }, voice, |store| {
                let sources = Sources::list(&put.paths, Some(&store.root()), voice.shows_progress())?;
                let into = IntoStore::new(store, put.digest);
                put_all(sources, json, voice, output, |teller, meter| into.put_all(teller, threads, meter))
            })
        }
        Place::Server(server) => {
            let client = remote::client(server, put.threads)?;
            let threads = put.threads.unwrap_or(THREAD_COUNT_SYNCED);
            let sources = Sources::list(&put.paths, None, voice.shows_progress())?;
            let to = ToServer::new(&client, put);
            let done =
                put_all(sources, json, voice, output, |teller, meter| to.put_all(teller, threads, meter));
            to.save_cache();
            done
        }
    }
}

/// A source that is stored.
#[derive(Debug)]
struct Stored {
    digest: Digest,
    size: u64,
    is_new: bool,
    routes: Routes,
}

type Outcome = Result<Stored, Fault>;

/// Lets `work` store the sources, and reports what became of each.
fn put_all(
    sources: Sources,
    json: bool,
    voice: &Voice,
    output: &mut Output<'_>,
    work: impl FnOnce(&Teller<'_>, &Meter) + Send,
) -> Result<(), Fault> {
    let Sources { list, skipped, size } = sources;
    let mut report = Report::new(json, voice, output, list.len());
    let worked = progress::during(voice, "put", size, |meter| {
        in_order(list, &mut report, |teller| work(teller, meter))
    });
    // What was stored before a failure is told all the same.
    let finished = report.finish(skipped);
    worked.and(finished)
}

/// Threads that wait for the medium together share its syncs. Over a fast disk 4 and 8 stored small files alike, several
/// times as fast as 1; 16 and more were slower.
const THREAD_COUNT_SYNCED: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not zero");
