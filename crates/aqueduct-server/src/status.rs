//! How a server is, as one JSON object, for programs that show it to a person.

use aqueduct_store::{Listed, UploadListed};
use serde_json::{Map, Value, json};

use crate::asked::Verdict;
use crate::figures::{self, Figures};
use crate::metrics::METRICS;
use crate::server::Shared;
use crate::stored;

/// All of it. Totals count since the process began; sizes are in bytes, times in seconds since 1970.
pub(crate) fn status(shared: &Shared, figures: &Figures) -> Value {
    let Figures { process, scrub, .. } = figures;
    let (open, max) = shared.guests.count();
    let requests = Verdict::ALL.map(|verdict| (verdict.name().to_owned(), METRICS.count(verdict)));
    let jobs = shared.job_counts().map(|(crew, count)| (crew.to_owned(), count as u64));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started": process.started,
        "now": figures::now(),
        "read_only": shared.store.is_read_only(),
        "connections": {
            "open": open,
            "max": max,
            "accepted": METRICS.accepted.get(),
            "turned_away": METRICS.turned_away.get(),
        },
        "requests": object(requests),
        "sent": object(METRICS.all_sent()),
        "received": object(METRICS.all_received()),
        "store": store(shared, figures),
        "entries": object(figures::entry_counts(&shared.store)),
        "uploads": figures.uploads.iter().map(upload).collect::<Vec<_>>(),
        "recent": stored::recent().iter().map(listed).collect::<Vec<_>>(),
        "scrub": {
            "running": scrub.is_running,
            "began": scrub.pass.as_ref().map(|pass| pass.began),
            "count": scrub.pass.as_ref().map_or(0, |pass| pass.count),
            "size": scrub.pass.as_ref().map_or(0, |pass| pass.size),
            "last_ended": scrub.whole.as_ref().and_then(|whole| whole.ended),
            "damaged": scrub.whole.as_ref().map_or(0, |whole| whole.damaged),
        },
        "descriptors": { "open": process.descriptor_count, "max": process.descriptor_count_max },
        "memory": process.memory,
        "jobs": object(jobs),
    })
}

fn store(shared: &Shared, figures: &Figures) -> Value {
    let store = &shared.store;
    let limits = store.limits();
    json!({
        "blobs": figures.usage.map(|usage| usage.count),
        "size": figures.usage.map(|usage| usage.size),
        "allocated": figures.usage.map(|usage| usage.allocated),
        "size_max": limits.size_max,
        "free": figures.room.map(|room| room.available),
        "free_min": limits.free_min,
        "filesystem_size": figures.room.map(|room| room.size),
        "suspects": store.has_suspects(),
        "damaged": store.damaged_count(),
        "evicted": store.evicted_count(),
    })
}

fn upload(upload: &UploadListed) -> Value {
    json!({
        "id": upload.id.to_string(),
        "digest": upload.plan.digest.map(|digest| digest.to_string()),
        "size": upload.plan.size,
        "held": upload.verified_len,
        "updated": upload.used,
    })
}

fn listed(listed: &Listed) -> Value {
    json!({ "digest": listed.digest.to_string(), "size": listed.size, "published": listed.published })
}

fn object(members: impl IntoIterator<Item = (String, u64)>) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name, json!(value))).collect::<Map<_, _>>())
}
