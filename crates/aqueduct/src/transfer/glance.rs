//! How far a transfer is, at a moment.

use std::time::Duration;

use aqueduct_transfer::{Limit, Phase};
use serde_json::{Value, json};

use crate::text;

/// What is shown of a moment.
#[derive(Clone, Debug)]
pub(super) struct Glance {
    pub(super) phase: Phase,
    /// What to call what is moved; empty while nobody knows.
    pub(super) name: String,
    /// Bytes that the receiver has, and has verified.
    pub(super) done: u64,
    /// Those of them that came in this run.
    pub(super) verified: u64,
    /// Bytes in all, if known.
    pub(super) total: Option<u64>,
    /// Bytes a second.
    pub(super) rate: u64,
    pub(super) streams: u32,
    pub(super) limit: Limit,
}

impl Glance {
    pub(super) fn percent(&self) -> Option<u64> {
        let total = self.total.filter(|total| *total > 0)?;
        Some((u128::from(self.done) * 100 / u128::from(total)).min(100).try_into().unwrap_or(100))
    }

    /// Until it is done, if it goes on like this.
    pub(super) fn eta(&self) -> Option<Duration> {
        let left = self.total?.saturating_sub(self.done);
        left.checked_div(self.rate).map(Duration::from_secs)
    }

    /// `model.bin  61%  23.10 GiB of 37.80 GiB  1.12 GiB/s (9.6 Gbit/s)  4 streams  eta 13 s  limited by: receiver disk`
    pub(super) fn line(&self) -> String {
        let percent = self.percent().map(|percent| format!("{percent}%"));
        let parts = [Some(self.title()), percent, Some(self.figures()), Some(self.outlook())];
        parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
    }

    /// What it is, and what is done with it where that is not to move it.
    pub(super) fn title(&self) -> String {
        match self.phase {
            Phase::Transfer if self.name.is_empty() => "transfer".to_owned(),
            Phase::Transfer => self.name.clone(),
            phase if self.name.is_empty() => phase.to_string(),
            phase => format!("{}: {phase}", self.name),
        }
    }

    /// How much there is, and how fast.
    pub(super) fn figures(&self) -> String {
        let done = match self.total {
            Some(total) => format!("{} of {}", text::size(self.done), text::size(total)),
            None => text::size(self.done),
        };
        let streams = match self.streams {
            0 => String::new(),
            streams => format!("  {}", text::counted(streams.try_into().unwrap_or(usize::MAX), "stream")),
        };
        format!("{done}  {}{streams}", text::speed(self.rate))
    }

    /// How long it will take, and why no less; empty if nobody knows.
    pub(super) fn outlook(&self) -> String {
        let eta = self.eta().map(|eta| format!("eta {}", text::wait(eta)));
        let limit = (self.limit != Limit::Unknown).then(|| format!("limited by: {}", self.limit));
        [eta, limit].into_iter().flatten().collect::<Vec<_>>().join("  ")
    }

    /// As members of an event.
    pub(super) fn json(&self) -> Value {
        json!({
            "phase": self.phase.to_string(),
            "bytes": self.done,
            "verified": self.verified,
            "total": self.total,
            "rate": self.rate,
            "eta_s": self.eta().map(|eta| eta.as_secs()),
            "streams": self.streams,
            "limit": (self.limit != Limit::Unknown).then(|| self.limit.to_string()),
        })
    }
}

#[cfg(test)]
mod tests;
