//! Bytes of a blob in order, over a new line where one breaks, and unverified.

use std::fs::File;
use std::ops::Range;

use aqueduct_blob::Digest;
use aqueduct_flow::{Intake, ReceiveRoute};
use aqueduct_wire::native::{Ask, Get, Say, TaskId};

use crate::error::Error;
use crate::native::NativeClient;
use crate::native::line::Line;
use crate::patience::Patience;

pub(super) struct Stream<'c> {
    client: &'c NativeClient,
    digest: Digest,
    size: u64,
    /// What is still to come.
    left: Range<u64>,
    /// `None` after it broke.
    under_way: Option<UnderWay>,
    patience: Patience,
}

struct UnderWay {
    line: Line,
    task: TaskId,
    /// What is left of the payload of the frame that was heard last.
    payload_left: u64,
    /// That frame is the last one.
    is_last: bool,
    /// The server has begun to answer.
    has_come: bool,
}

impl<'c> Stream<'c> {
    pub(super) fn new(client: &'c NativeClient, digest: Digest, size: u64, range: Range<u64>) -> Self {
        let patience = Patience::new(&client.site.options);
        Self { client, digest, size, left: range, under_way: None, patience }
    }

    /// How many bytes are still to come.
    pub(super) fn left(&self) -> u64 {
        self.left.end - self.left.start
    }

    pub(super) fn receive_route(&self) -> ReceiveRoute {
        self.client.site.options.receive_route
    }

    /// Goes on at another place.
    pub(super) fn seek(&mut self, offset: u64) {
        self.left.start = offset;
        self.under_way = None;
    }

    /// Reads the next bytes; 0 is the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.step(|line, len_max| {
            let len = usize::try_from(len_max).map_or(buffer.len(), |len| len.min(buffer.len()));
            line.read(&mut buffer[..len])
        })
    }

    /// Moves the next bytes to `file` at `offset`; 0 is the end.
    pub(super) fn pour(&mut self, intake: &mut Intake, file: &File, offset: u64) -> Result<usize, Error> {
        self.step(|line, len_max| line.pour(intake, file, offset, len_max, &mut |_| {}))
    }

    fn step(&mut self, mut take: impl FnMut(&mut Line, u64) -> Result<usize, Error>) -> Result<usize, Error> {
        if self.left.is_empty() {
            return Ok(0);
        }
        loop {
            match self.try_step(&mut take) {
                Ok(len) => {
                    self.patience.refresh();
                    return Ok(len);
                }
                Err(error) => {
                    self.under_way = None;
                    self.client.wait_after(error, &mut self.patience)?;
                }
            }
        }
    }

    fn try_step(
        &mut self,
        take: &mut impl FnMut(&mut Line, u64) -> Result<usize, Error>,
    ) -> Result<usize, Error> {
        let under_way = match &mut self.under_way {
            Some(under_way) => under_way,
            None => self.under_way.insert(begin(self.client, &self.digest, &self.left)?),
        };
        let UnderWay { line, task, payload_left, is_last, has_come } = under_way;
        while *payload_left == 0 {
            let heard = line.hear(self.client.frame_wait(*has_come))?;
            let had_come = std::mem::replace(has_come, true);
            match heard.say {
                _ if heard.task != *task => return Err(line.nonsense("it answers what was not asked")),
                Say::Found { size, .. } | Say::Data { size, .. } if size != self.size => {
                    return Err(line.nonsense("the blob's size is not what it was"));
                }
                Say::Found { .. } if had_come => {
                    return Err(line.nonsense("it has found the same blob before"));
                }
                Say::Found { .. } => {}
                Say::Data { offset, end, .. } => {
                    let left = self.left.end - self.left.start;
                    if offset != self.left.start || heard.payload_len > left {
                        return Err(line.nonsense("it sends other bytes than were asked for"));
                    }
                    if end && heard.payload_len < left {
                        return Err(line.nonsense("it sends fewer bytes than were asked for"));
                    }
                    if !end && heard.payload_len == 0 {
                        return Err(line.nonsense("it sends no bytes, and has more of them"));
                    }
                    (*payload_left, *is_last) = (heard.payload_len, end);
                }
                other => return Err(self.client.failure(&other)),
            }
        }
        let len = take(line, *payload_left)?;
        *payload_left -= len as u64;
        self.left.start += len as u64;
        if *payload_left == 0
            && *is_last
            && let Some(under_way) = self.under_way.take()
        {
            self.client.keep(under_way.line);
        }
        Ok(len)
    }
}

fn begin(client: &NativeClient, digest: &Digest, left: &Range<u64>) -> Result<UnderWay, Error> {
    let mut line = client.line()?;
    line.read_exactly();
    let task = line.task();
    let ranges = vec![left.clone()];
    line.say(task, Ask::Get(Get { digest: *digest, ranges, checkpoints: false, list_only: false }));
    Ok(UnderWay { line, task, payload_left: 0, is_last: false, has_come: false })
}
