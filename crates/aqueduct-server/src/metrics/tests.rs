#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{Ipv4Addr, SocketAddr};

use aqueduct_store::{Absent, Cause, Options, Store};

use super::*;
use crate::Server;
use crate::door::{Outcome, Refusal};
use crate::figures::Figures;

#[test]
fn every_series_is_there_before_anything_was_counted() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Absent::Make, Options::default()).unwrap();
    let listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    let server = Server::bind(store, crate::Options { listen, ..crate::Options::default() }).unwrap();
    count_fault(Cause::Quota);
    let page = page(&server.shared, &Figures::default());
    for kind in ["no_space", "quota", "descriptors", "memory", "read_only", "io"] {
        assert!(page.contains(&format!("\naqueduct_faults_total{{kind=\"{kind}\"}} ")), "{page}");
    }
    for kind in Kind::ALL {
        for verdict in Verdict::ALL {
            let (door, verb, outcome) = (kind.door().name(), kind.verb(), verdict.name());
            let series = format!(
                "\naqueduct_requests_total{{door=\"{door}\",outcome=\"{outcome}\",verb=\"{verb}\"}} "
            );
            assert_eq!(page.matches(&series).count(), 1, "{series} in {page}");
        }
    }
    for line in [
        "# TYPE aqueduct_faults_total counter",
        "# TYPE aqueduct_request_duration_seconds histogram",
        "aqueduct_damaged_blobs_total 0",
        "aqueduct_store_read_only 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in {page}");
    }
    assert!(!page.contains("aqueduct_faults_total{kind=\"quota\"} 0"), "{page}");
}

#[test]
fn no_two_kinds_are_counted_as_one() {
    let mut labels: Vec<_> = Kind::ALL.iter().map(|kind| (kind.door().name(), kind.verb())).collect();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), Kind::ALL.len());
    for (place, kind) in Kind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, place);
    }
}

#[test]
fn of_what_a_transfer_carried_only_what_is_new_is_counted() {
    let metrics = Metrics::new();
    let mut told = Carried::default();
    for len in [10, 10, 25] {
        metrics.sent(Door::Blobs, &Carried::by_route(Route::Sendfile, len), &mut told);
    }
    metrics.sent_from_memory(Door::Native, 7);
    let sent: Vec<_> = metrics.all_sent().into_iter().filter(|(_, len)| *len > 0).collect();
    assert_eq!(sent, [("sendfile".to_owned(), 25), ("memory".to_owned(), 7)]);
}

#[test]
fn what_is_our_fault_is_no_peers_and_no_matter_of_room() {
    let digest = aqueduct_blob::Digest::new(aqueduct_blob::Algorithm::Sha256, [1; 32]);
    let verdict = |refusal| Outcome::Refused(refusal).verdict();
    assert_eq!(verdict(Refusal::ReadOnly), Verdict::Failed);
    assert_eq!(verdict(Refusal::Fault), Verdict::Failed);
    assert_eq!(verdict(Refusal::Overloaded), Verdict::Busy);
    assert_eq!(verdict(Refusal::Absent { digest }), Verdict::Absent);
    assert_eq!(verdict(Refusal::SlowBody), Verdict::Gone);
    assert_eq!(verdict(Refusal::NeedsLength), Verdict::Refused);
    assert_eq!(Outcome::Removed.verdict(), Verdict::Ok);
}
