//! What keeps a transfer from being faster, as far as one side can tell.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aqueduct_sys::{process_usage, tcp_info, unread_len};

use crate::line::Line;
use crate::{Gauge, Limit};

/// Looks at the connections of one side now and then, and tells the gauge what it finds.
pub(crate) struct Scale {
    at: Instant,
    busy: Duration,
    limited_by_receiver: Duration,
    cpu: Duration,
    /// How often it was looked whether something waits to be read, and how often something did.
    look_count: u32,
    waiting_count: u32,
}

impl Scale {
    pub(crate) fn new() -> Self {
        Self {
            at: Instant::now(),
            busy: Duration::ZERO,
            limited_by_receiver: Duration::ZERO,
            cpu: cpu(),
            look_count: 0,
            waiting_count: 0,
        }
    }

    /// At a sender's side. If its sockets always have something to send, it is the way, or the receiver has no room for more;
    /// if they have not, it is whoever fills them, who reads or hashes.
    pub(crate) fn weigh_sender(&mut self, lines: &[Arc<Line>], is_paced: bool, gauge: &Gauge) {
        let Some(span) = self.span() else { return };
        let (mut count, mut busy, mut limited) = (0, Duration::ZERO, Duration::ZERO);
        for info in lines.iter().filter_map(|line| tcp_info(&**line).ok()) {
            count += 1;
            busy += info.busy;
            limited += info.limited_by_receiver;
        }
        let spent = busy.saturating_sub(self.busy);
        let spent_limited = limited.saturating_sub(self.limited_by_receiver);
        let is_computing = self.is_computing(span, count);
        (self.busy, self.limited_by_receiver) = (busy, limited);
        gauge.set_limit(match () {
            () if is_paced => Limit::Rate,
            () if spent * 2 < span * count => own_side(is_computing, Limit::SenderDisk),
            () if spent_limited * 2 > spent => Limit::ReceiverDisk,
            () => Limit::Network,
        });
    }

    /// At a receiver's side. If something always waits to be read, it is whoever reads it, and hashes and writes; if nothing
    /// does, it is the way, or the sender.
    pub(crate) fn weigh_receiver(&mut self, lines: &[Arc<Line>], gauge: &Gauge) {
        let mut count = 0;
        let mut waiting = 0;
        for line in lines {
            count += 1;
            waiting += unread_len(&**line).unwrap_or(0);
        }
        self.look_count += 1;
        self.waiting_count += u32::from(waiting >= WAITING_LEN_MIN);
        let Some(span) = self.span() else { return };
        let is_computing = self.is_computing(span, count);
        gauge.set_limit(if self.waiting_count * 2 > self.look_count {
            own_side(is_computing, Limit::ReceiverDisk)
        } else {
            Limit::Network
        });
        (self.look_count, self.waiting_count) = (0, 0);
    }

    /// The time since it was weighed last, once that is long enough to tell.
    fn span(&mut self) -> Option<Duration> {
        let span = self.at.elapsed();
        (span >= SPAN_MIN).then(|| {
            self.at = Instant::now();
            span
        })
    }

    /// Whether the processor had no rest, as far as so many streams can keep it busy.
    fn is_computing(&mut self, span: Duration, stream_count: u32) -> bool {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let cores = stream_count.min(u32::try_from(cores).unwrap_or(u32::MAX)).max(1);
        let spent = cpu().saturating_sub(self.cpu);
        self.cpu += spent;
        spent * 10 > span * cores * 7
    }
}

fn own_side(is_computing: bool, disk: Limit) -> Limit {
    if is_computing { Limit::Hash } else { disk }
}

fn cpu() -> Duration {
    let usage = process_usage();
    usage.user + usage.system
}

/// Shorter ones say too little.
const SPAN_MIN: Duration = Duration::from_secs(1);

/// Less waits at any moment, however fast it is read.
const WAITING_LEN_MIN: u64 = 128 * 1024;
