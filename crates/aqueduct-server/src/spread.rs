//! Connections, spread over the reactors. The kernel chooses a listener by a hash of both addresses (socket(7), `SO_REUSEPORT`):
//! many connections are spread well by that, and of four all may come to one. So whoever accepts one hands it to whoever has
//! clearly fewer.

use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::error::SendError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::guests::Guest;

/// A connection that another reactor accepted.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) stream: TcpStream,
    pub(crate) guest: Guest,
}

/// One reactor's place among those that listen at the same address.
#[derive(Debug)]
pub(crate) struct Place {
    index: usize,
    places: Arc<Places>,
    handed: UnboundedReceiver<Handed>,
}

/// How all of them stand.
#[derive(Debug)]
struct Places {
    all: Box<[Standing]>,
}

/// How a reactor stands, as far as the others need to know.
#[derive(Debug)]
struct Standing {
    /// How many connections it serves, with those on their way to it.
    count: AtomicUsize,
    /// Bounded as they are: whatever is on its way has been admitted.
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
        let places = Arc::new(Places { all: all.into() });
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

    /// Who has clearly fewer connections than are here, if anybody has.
    pub(crate) fn other(&self) -> Option<Other<'_>> {
        let (least, index) = self.places.least();
        (self.count() > least + least / SLACK).then(|| Other(&self.places.all[index]))
    }

    /// A connection came that will be served here.
    pub(crate) fn came(&self) {
        self.places.all[self.index].count.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection that was counted here has ended.
    pub(crate) fn left(&self) {
        self.places.all[self.index].count.fetch_sub(1, Ordering::Relaxed);
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
