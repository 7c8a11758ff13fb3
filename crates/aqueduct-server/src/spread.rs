//! Connections, spread over the reactors. The kernel chooses a listener by a hash of both addresses (socket(7), `SO_REUSEPORT`):
//! many connections are spread well by that, and of four all may come to one. So whoever accepts one hands it to whoever has
//! clearly fewer.

use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A connection that another reactor accepted, and its peer.
pub(crate) type Handed = (TcpStream, SocketAddr);

/// One reactor's place among those that listen at the same address.
#[derive(Debug)]
pub(crate) struct Place {
    index: usize,
    places: Arc<Places>,
    handed: UnboundedReceiver<Handed>,
}

/// How all of them stand.
#[derive(Debug)]
pub(crate) struct Places {
    all: Box<[Standing]>,
    /// A connection of one of them has ended.
    freed: Notify,
}

/// How a reactor stands, as far as the others need to know.
#[derive(Debug)]
struct Standing {
    /// How many connections it serves, with those on their way to it.
    count: AtomicUsize,
    /// Bounded as they are, but for the few that several hand over at the same moment.
    way: UnboundedSender<Handed>,
}

impl Place {
    /// A place for each of so many reactors.
    pub(crate) fn each(count: NonZeroUsize) -> Vec<Self> {
        let (all, handed): (Vec<_>, Vec<_>) = (0..count.get())
            .map(|_| {
                let (way, handed) = unbounded_channel();
                (Standing { count: AtomicUsize::new(0), way }, handed)
            })
            .unzip();
        let places = Arc::new(Places { all: all.into(), freed: Notify::new() });
        handed
            .into_iter()
            .enumerate()
            .map(|(index, handed)| Self { index, places: Arc::clone(&places), handed })
            .collect()
    }

    /// How many connections are served here, or on their way.
    pub(crate) fn count(&self) -> usize {
        self.places.all[self.index].count()
    }

    /// All places at this address.
    pub(crate) fn places(&self) -> Arc<Places> {
        Arc::clone(&self.places)
    }

    /// Who has clearly fewer connections than are here, if anybody has, or room where there is none here.
    pub(crate) fn other(&self, count_max: usize) -> Option<Other<'_>> {
        let (least, index) = self.places.least();
        let count = self.count();
        let is_better = count > least + least / SLACK || count >= count_max && count > least;
        is_better.then(|| Other(&self.places.all[index]))
    }

    /// A connection came that will be served here.
    pub(crate) fn came(&self) {
        self.places.all[self.index].count.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection that was counted here has ended.
    pub(crate) fn left(&self) {
        self.places.all[self.index].count.fetch_sub(1, Ordering::Relaxed);
        self.places.freed.notify_waiters();
    }

    /// Waits for a connection that another has handed here, and counted.
    pub(crate) async fn handed(&mut self) -> Handed {
        self.handed.recv().await.expect("the way here is open as long as this place is there")
    }

    /// A connection that was handed here before there were to be no more.
    pub(crate) async fn last_handed(&mut self) -> Option<Handed> {
        self.handed.close();
        self.handed.recv().await
    }
}

impl Places {
    /// Whether anybody has room, if each serves at most `count_max`.
    pub(crate) fn has_room(&self, count_max: usize) -> bool {
        self.least().0 < count_max
    }

    /// Waits until anybody has room.
    pub(crate) async fn room(&self, count_max: usize) {
        loop {
            // From here on it hears of whoever leaves.
            let freed = self.freed.notified();
            if self.has_room(count_max) {
                return;
            }
            freed.await;
        }
    }

    /// The fewest connections that one of them has, and who.
    fn least(&self) -> (usize, usize) {
        let counts = self.all.iter().enumerate().map(|(index, standing)| (standing.count(), index));
        counts.min().expect("there is a place at least")
    }
}

impl Standing {
    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

/// Another reactor's place.
#[derive(Debug)]
pub(crate) struct Other<'a>(&'a Standing);

impl Other<'_> {
    /// Hands a connection over, and counts it there. A reactor that is about to end takes none: it comes back.
    pub(crate) fn hand(self, connection: Handed) -> Result<(), Handed> {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        self.0.way.send(connection).map_err(|SendError(connection)| {
            self.0.count.fetch_sub(1, Ordering::Relaxed);
            connection
        })
    }
}

/// An eighth more than another has is not clearly more: to hand one over takes some microseconds.
const SLACK: usize = 8;

#[cfg(test)]
mod tests;
