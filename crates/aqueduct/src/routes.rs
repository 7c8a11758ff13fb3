//! Which routes carried how much, summed over files.

use std::collections::BTreeMap;

use aqueduct_flow::{Carried, Route};
use serde_json::{Map, Value};

use crate::text;

/// Bytes by route; what no route carried were holes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    lens: BTreeMap<Route, u64>,
    size: u64,
}

impl Routes {
    /// Adds a file of `size` bytes.
    pub(crate) fn add(&mut self, carried: &Carried, size: u64) {
        self.size += size;
        for route in Route::ALL.into_iter().filter(|&route| carried.by(route) > 0) {
            *self.lens.entry(route).or_default() += carried.by(route);
        }
    }

    /// Adds a file of which `sent` bytes were sent, holes and all; what did not come from a file was copied.
    pub(crate) fn add_sent(&mut self, carried: &Carried, sent: u64) {
        self.add(carried, sent);
        self.copied(sent.saturating_sub(carried.total()));
    }

    /// Adds bytes that were all copied.
    pub(crate) fn add_copied(&mut self, len: u64) {
        self.size += len;
        self.copied(len);
    }

    fn copied(&mut self, len: u64) {
        if len > 0 {
            *self.lens.entry(Route::Copy).or_default() += len;
        }
    }

    /// Adds what was added to `other`.
    pub(crate) fn add_all(&mut self, other: &Self) {
        self.size += other.size;
        for (route, len) in &other.lens {
            *self.lens.entry(*route).or_default() += len;
        }
    }

    /// `reflink 3.2 GiB, copy 12 B, holes 1.0 GiB`; empty where there were no bytes.
    pub(crate) fn summary(&self) -> String {
        let mut parts: Vec<_> =
            self.lens.iter().map(|(route, &len)| format!("{route} {}", text::size(len))).collect();
        if self.holes() > 0 {
            parts.push(format!("holes {}", text::size(self.holes())));
        }
        parts.join(", ")
    }

    pub(crate) fn json(&self) -> Value {
        let mut object: Map<_, _> =
            self.lens.iter().map(|(route, &len)| (route.to_string(), len.into())).collect();
        if self.holes() > 0 {
            object.insert("holes".to_owned(), self.holes().into());
        }
        object.into()
    }

    fn holes(&self) -> u64 {
        self.size.saturating_sub(self.lens.values().sum())
    }
}
