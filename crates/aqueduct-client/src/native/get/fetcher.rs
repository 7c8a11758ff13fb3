//! One line that segments come in over.

use std::fs::File;
use std::ops::Range;
use std::time::Duration;

use aqueduct_blob::{SEGMENT_LEN, SegmentHasher};
use aqueduct_flow::Intake;
use aqueduct_wire::native::{Ask, Get, Say, TaskId};

use super::arrivals::Arrivals;
use crate::error::{Error, Mend};
use crate::native::NativeClient;
use crate::native::line::{Heard, Line};
use crate::patience::Patience;

pub(super) struct Fetcher<'a> {
    client: &'a NativeClient,
    arrivals: &'a Arrivals<'a>,
    file: &'a File,
    intake: Intake,
    patience: Patience,
    /// What was asked for and has not come yet.
    asked: Vec<Asked>,
    /// The server has begun to send over the line that is open.
    has_come: bool,
}

/// A task that brings segments.
struct Asked {
    task: TaskId,
    /// Bytes that are still to come.
    left: Range<u64>,
    /// The segment that `left` begins in, unless it begins with one. What it has hashed is in the file.
    hasher: Option<SegmentHasher>,
    /// The server has begun to answer.
    has_come: bool,
}

impl<'a> Fetcher<'a> {
    pub(super) fn new(client: &'a NativeClient, arrivals: &'a Arrivals<'a>, file: &'a File) -> Self {
        let options = &client.site.options;
        let (intake, patience) = (Intake::new(options.receive_route), Patience::new(options));
        Self { client, arrivals, file, intake, patience, asked: Vec::new(), has_come: false }
    }

    /// Fetches, over new lines where one breaks, until everything has landed.
    pub(super) fn lead(mut self, observe: &mut dyn FnMut(u64)) -> Result<(), Error> {
        let mut told = 0;
        let tell = &mut |len: u64| {
            if len > told {
                observe(len - told);
                told = len;
            }
        };
        loop {
            match self.fetch(tell) {
                // Only what is whole is right.
                Ok(()) if self.arrivals.is_whole()? => return self.end(),
                Ok(()) => return Err(self.arrivals.doubt()),
                Err(error) => self.client.wait_after(error, &mut self.patience)?,
            }
        }
    }

    /// Fetches beside the line that leads, once there may be another line, and as long as there is something to take.
    pub(super) fn assist(mut self) {
        let Some(_slot) = self.client.slots.further(|| self.arrivals.is_worth_sharing()) else { return };
        loop {
            match self.fetch(&mut |_| {}) {
                Ok(()) => break,
                Err(error) if error.mend() == Mend::Nothing => return self.arrivals.fail(error),
                Err(error) => {
                    if self.client.wait_after(error, &mut self.patience).is_err() {
                        // The line that leads will find out, too.
                        break;
                    }
                }
            }
        }
        let arrivals = self.arrivals;
        if let Err(error) = self.end() {
            arrivals.fail(error);
        }
    }

    fn end(self) -> Result<(), Error> {
        let ended = self.intake.finish(self.file, self.arrivals.size());
        self.arrivals.add_carried(&ended.map_err(|error| Error::local("end the file", error))?);
        Ok(())
    }

    fn fetch(&mut self, tell: &mut dyn FnMut(u64)) -> Result<(), Error> {
        let mut line = None;
        self.has_come = false;
        let fetched = self.fetch_over(&mut line, tell);
        for Asked { left, hasher, .. } in self.asked.drain(..) {
            self.arrivals.put_back(&left, hasher);
        }
        if let (Ok(()), Some(line)) = (&fetched, line) {
            self.client.keep(line);
        }
        fetched
    }

    fn fetch_over(&mut self, line: &mut Option<Line>, tell: &mut dyn FnMut(u64)) -> Result<(), Error> {
        loop {
            if self.arrivals.is_over()? {
                return Ok(());
            }
            while self.asked.len() < self.asked_count_max()
                && let Some((left, hasher)) = self.arrivals.take()
            {
                let line = match line {
                    Some(line) => line,
                    None => line.insert(self.open()?),
                };
                let task = line.task();
                let (digest, ranges) = (self.arrivals.digest(), vec![left.clone()]);
                line.say(task, Ask::Get(Get { digest, ranges, checkpoints: false, list_only: false }));
                self.asked.push(Asked { task, left, hasher, has_come: false });
            }
            tell(self.arrivals.landed_len());
            match line {
                Some(line) if !self.asked.is_empty() => {
                    let heard = line.hear(self.client.frame_wait(self.has_come))?;
                    self.has_come = true;
                    self.heard(line, &heard)?;
                }
                _ if self.arrivals.is_whole()? => return Ok(()),
                _ => self.arrivals.wait(WATCH_EVERY),
            }
        }
    }

    fn open(&self) -> Result<Line, Error> {
        let mut line = self.client.line()?;
        line.read_exactly();
        Ok(line)
    }

    fn heard(&mut self, line: &mut Line, heard: &Heard) -> Result<(), Error> {
        let place = self.asked.iter().position(|asked| asked.task == heard.task);
        let place = place.ok_or_else(|| line.nonsense("it answers what was not asked"))?;
        let had_come = std::mem::replace(&mut self.asked[place].has_come, true);
        match heard.say {
            Say::Found { size, .. } | Say::Data { size, .. } if size != self.arrivals.size() => {
                Err(line.nonsense("the blob's size is not what it was"))
            }
            Say::Found { .. } if had_come => Err(line.nonsense("it has found the same blob before")),
            Say::Found { .. } => Ok(()),
            Say::Data { offset, end, .. } => {
                let asked = &mut self.asked[place];
                if offset != asked.left.start || heard.payload_len > asked.left.end - offset {
                    return Err(line.nonsense("it sends other bytes than were asked for"));
                }
                self.receive(line, place, offset + heard.payload_len)?;
                match (end, self.asked[place].left.is_empty()) {
                    (true, true) => drop(self.asked.swap_remove(place)),
                    (true, false) => return Err(line.nonsense("it sends fewer bytes than were asked for")),
                    (false, true) => return Err(line.nonsense("it does not say which bytes are the last")),
                    (false, false) if heard.payload_len == 0 => {
                        return Err(line.nonsense("it sends no bytes, and has more of them"));
                    }
                    (false, false) => {}
                }
                Ok(())
            }
            _ => Err(self.client.failure(&heard.say)),
        }
    }

    /// Takes a payload that ends at `end` into the file, and lands each segment that becomes whole.
    fn receive(&mut self, line: &mut Line, place: usize, end: u64) -> Result<(), Error> {
        let Asked { left, hasher, .. } = &mut self.asked[place];
        while left.start < end {
            let segment = match hasher {
                Some(segment) => segment,
                None => {
                    let begun = self.arrivals.begin(left.start / SEGMENT_LEN);
                    hasher.insert(begun.ok_or_else(|| line.nonsense("it has no checkpoints"))?)
                }
            };
            let len_max = segment.left().min(end - left.start);
            let observe = &mut |bytes: &[u8]| segment.update(bytes);
            let len = line.pour(&mut self.intake, self.file, left.start, len_max, observe)?;
            left.start += len as u64;
            self.patience.refresh();
            if segment.left() == 0 {
                self.arrivals.land(hasher.take().expect("it was hashed into just now"))?;
            }
        }
        Ok(())
    }

    /// Tasks at a time: the next one is under way before one ends.
    fn asked_count_max(&self) -> usize {
        if self.arrivals.is_ordered() { 1 } else { 2 }
    }
}

/// How long nobody looks up who waits for others.
const WATCH_EVERY: Duration = Duration::from_millis(250);
