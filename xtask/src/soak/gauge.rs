//! What the server takes of the machine, looked at again and again.

use std::fs;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::stop::Stop;
use crate::server::{Server, parse_anonymous_kib};

/// What was found at one time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Since the beginning.
    pub(super) at: Duration,
    /// Anonymous memory that is resident.
    pub(super) kib: u64,
    /// With pipes.
    pub(super) descriptor_count: usize,
}

pub(super) struct Gauge {
    stop: Arc<Stop>,
    thread: JoinHandle<Vec<Sample>>,
}

impl Gauge {
    pub(super) fn begin(server: &Server) -> Self {
        let stop = Arc::new(Stop::default());
        let (status, descriptors) = (server.status_path(), format!("/proc/{}/fd", server.pid()));
        let (told, began) = (Arc::clone(&stop), Instant::now());
        let thread = thread::spawn(move || {
            let mut samples = Vec::new();
            while !told.wait(PAUSE) {
                // A server that is gone is noticed by its clients.
                let kib = fs::read_to_string(&status).ok().and_then(|text| parse_anonymous_kib(&text));
                let count = fs::read_dir(&descriptors).map(Iterator::count);
                if let (Some(kib), Ok(descriptor_count)) = (kib, count) {
                    samples.push(Sample { at: began.elapsed(), kib, descriptor_count });
                }
            }
            samples
        });
        Self { stop, thread }
    }

    pub(super) fn end(self) -> Vec<Sample> {
        self.stop.now();
        self.thread.join().unwrap_or_default()
    }
}

const PAUSE: Duration = Duration::from_millis(250);
