//! What is counted for whoever watches the server from outside, in the names and units that Prometheus has conventions for.
//!
//! The counts are of the process, as the log is: whatever meets a fault can count it where it writes it down, and nothing else
//! has to know. A request that meets none touches nothing here.

use std::sync::LazyLock;

use aqueduct_store::{Cause, Store};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

type Faults = Family<[(&'static str, &'static str); 1], Counter>;

/// Counts a call to the kernel that it refused, and that cost somebody an answer.
pub(crate) fn count_fault(cause: Cause) {
    FAULTS.get_or_create(&labels(cause)).inc();
}

/// Everything that there is to be told, as text.
pub(crate) fn page(store: &Store) -> String {
    let mut registry = Registry::with_prefix("aqueduct");
    let help = "Calls that the kernel refused and that cost somebody an answer";
    registry.register("faults", help, FAULTS.clone());
    let help = "Blobs that were found damaged and moved to quarantine since the store was opened";
    registry.register("damaged_blobs", help, ConstCounter::new(store.damaged_count()));
    let help = "1 once the store takes no changes until it is opened again";
    registry.register("store_read_only", help, ConstGauge::new(i64::from(store.is_read_only())));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes all that is written to it");
    text
}

fn labels(cause: Cause) -> [(&'static str, &'static str); 1] {
    let kind = match cause {
        Cause::NoSpace => "no_space",
        Cause::Quota => "quota",
        Cause::Descriptors => "descriptors",
        Cause::Memory => "memory",
        Cause::ReadOnly => "read_only",
        Cause::Io => "io",
    };
    [("kind", kind)]
}

/// All kinds are there from the start: a rate is known only of what was 0 before.
static FAULTS: LazyLock<Faults> = LazyLock::new(|| {
    let faults = Faults::default();
    for cause in Cause::ALL {
        drop(faults.get_or_create(&labels(cause)));
    }
    faults
});

#[cfg(test)]
mod tests;
