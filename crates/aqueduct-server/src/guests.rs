//! Who is here: how many connections there are, in all and from each address. Counted once when one begins and once when it
//! ends; no request asks.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::asked::{Peer, Who};
use crate::metrics::METRICS;

/// The connections of all reactors.
#[derive(Debug, Default)]
pub(crate) struct Guests {
    count_max: AtomicUsize,
    /// As much as there may be in all where one address may have all of them.
    count_max_per_address: AtomicUsize,
    present: Mutex<Present>,
}

#[derive(Debug, Default)]
struct Present {
    /// Invariant: the sum of `by_address`, in which nobody has none.
    count: usize,
    /// How many there were by now.
    came: u64,
    by_address: HashMap<Address, usize>,
    /// How many are being told that there is no room for them.
    farewell_count: usize,
    /// When it was last written down that somebody was turned away.
    told: Option<Instant>,
}

/// A connection that is counted, for as long as this is there.
#[derive(Debug)]
pub(crate) struct Guest {
    guests: Arc<Guests>,
    who: Box<Who>,
}

/// A connection that is told that there is no room for it, for as long as this is there.
#[derive(Debug)]
pub(crate) struct Farewell(Arc<Guests>);

/// Whom one peer is taken for: an address of IPv4, or a subnet of IPv6, which is 64 bits (RFC 4291 section 2.5.1): a host in it
/// has as many addresses as it likes. No such network has 32 bits of 0 at its front, so the two never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Address(u64);

/// Why there is no room for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Everywhere,
    ForThisAddress,
}

impl Guests {
    /// Without a limit for each address it is a quarter of all, or half of few, and 0 is none: a proxy or a network behind one
    /// address does not meet that, and whoever takes all it can get leaves as much to others.
    pub(crate) fn new(count_max: usize, count_max_per_address: Option<usize>) -> Arc<Self> {
        let guests = Self::default();
        guests.set_limits(count_max, count_max_per_address);
        Arc::new(guests)
    }

    /// Sets other limits. Whoever is here stays, however many they are.
    pub(crate) fn set_limits(&self, count_max: usize, count_max_per_address: Option<usize>) {
        let share = (count_max / SHARE_COUNT).max(SHARE_MIN).min(count_max / 2).max(1);
        let count_max_per_address = match count_max_per_address.unwrap_or(share) {
            0 => count_max,
            limit => limit,
        };
        self.count_max.store(count_max, Ordering::Relaxed);
        self.count_max_per_address.store(count_max_per_address, Ordering::Relaxed);
    }

    /// Counts a connection, if there is room for it.
    pub(crate) fn admit(self: &Arc<Self>, peer: Peer) -> Result<Guest, Full> {
        let address = Address::of(peer);
        let mut present = self.present();
        let count_max = self.count_max.load(Ordering::Relaxed);
        let full = if present.count >= count_max {
            Full::Everywhere
        } else {
            let count = present.by_address.entry(address).or_default();
            if *count < self.count_max_per_address.load(Ordering::Relaxed) {
                *count += 1;
                present.count += 1;
                present.came += 1;
                METRICS.accepted.inc();
                let who = Who { peer, connection: present.came, request_count: 0 };
                return Ok(Guest { guests: Arc::clone(self), who: Box::new(who) });
            }
            Full::ForThisAddress
        };
        METRICS.turned_away.inc();
        let now = Instant::now();
        if present.told.is_none_or(|told| now.duration_since(told) >= TELL_EVERY) {
            present.told = Some(now);
            let (count, of) = (present.count, count_max);
            tracing::warn!(%peer, count, of, "there are too many connections{full}; turning some away");
        }
        Err(full)
    }

    /// How many connections there are, and how many there may be.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.present().count, self.count_max.load(Ordering::Relaxed))
    }

    /// A place among those who are told why there is none, as long as those are few.
    pub(crate) fn bid_farewell(self: &Arc<Self>) -> Option<Farewell> {
        let mut present = self.present();
        let has_place = present.farewell_count < FAREWELL_COUNT_MAX;
        present.farewell_count += usize::from(has_place);
        has_place.then(|| Farewell(Arc::clone(self)))
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        // What it guards is whole between any two calls.
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// Who it is.
    pub(crate) fn who(&self) -> &Who {
        &self.who
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut present = self.guests.present();
        present.count -= 1;
        let Entry::Occupied(mut count) = present.by_address.entry(Address::of(self.who.peer)) else {
            unreachable!("whoever is here was counted")
        };
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.present().farewell_count -= 1;
    }
}

impl Address {
    fn of(peer: Peer) -> Self {
        let Peer::Host(address) = peer else { return Self(LOCAL) };
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => Self(u64::from(ip.to_bits())),
            IpAddr::V6(ip) => Self(network(ip)),
        }
    }
}

fn network(ip: Ipv6Addr) -> u64 {
    u64::try_from(ip.to_bits() >> 64).expect("64 bits are left")
}

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Everywhere => "",
            Self::ForThisAddress => " from one address",
        })
    }
}

/// Of multicast, from which nobody connects (RFC 4291 section 2.7).
const LOCAL: u64 = u64::MAX;

/// One address leaves three quarters to others.
const SHARE_COUNT: usize = 4;

/// Where there are few in all, one browser, one proxy or one build farm still gets what it needs, as long as that is no more
/// than half.
const SHARE_MIN: usize = 64;

/// Each has a descriptor for [`crate::farewell::PATIENCE`]; beyond, connections are reset.
pub(crate) const FAREWELL_COUNT_MAX: usize = 32;

/// Enough to notice it, and not a line for each that anybody may cause.
const TELL_EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
