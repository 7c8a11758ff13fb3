//! Blobs from a server: each segment verified as it lands, over one line or several.

mod arrivals;
mod batch;
mod fetcher;
mod list;
mod reader;
mod stream;

use std::fs::File;
use std::ops::Range;
use std::thread;

use aqueduct_blob::{Digest, segment_count};
use aqueduct_flow::Intake;

use super::{NativeClient, SHARED_COUNT_MIN};
use crate::download::Received;
use crate::error::Error;
use arrivals::Arrivals;
use fetcher::Fetcher;
use list::List;
use reader::Reader;
use stream::Stream;

/// A blob, or a part of one, on its way.
pub(crate) struct NativeDownload<'c> {
    client: &'c NativeClient,
    wanted: Wanted<'c>,
}

enum Wanted<'c> {
    Whole(List, Option<Box<Reader<'c>>>),
    Part(Box<Stream<'c>>),
}

impl NativeClient {
    /// Asks for a blob, or a part of it; `None` if the server does not have it.
    pub(crate) fn get(
        &self,
        digest: &Digest,
        part: Option<&Range<u64>>,
    ) -> Result<Option<NativeDownload<'_>>, Error> {
        let wanted = match part {
            None => self.list_of(digest)?.map(|list| Wanted::Whole(list, None)),
            Some(part) => self
                .size(digest)?
                .map(|size| Wanted::Part(Box::new(Stream::new(self, *digest, size, part.clone())))),
        };
        Ok(wanted.map(|wanted| NativeDownload { client: self, wanted }))
    }
}

impl NativeDownload<'_> {
    /// How many bytes are still to come.
    pub(crate) fn len(&self) -> u64 {
        match &self.wanted {
            Wanted::Whole(_, Some(reader)) => reader.left(),
            Wanted::Whole(list, None) => list.size(),
            Wanted::Part(stream) => stream.left(),
        }
    }

    /// Reads the next bytes; 0 is the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        match &mut self.wanted {
            Wanted::Whole(list, reader) => {
                let reader = reader.get_or_insert_with(|| Box::new(Reader::new(self.client, list)));
                reader.read(buffer)
            }
            Wanted::Part(stream) => stream.read(buffer),
        }
    }

    /// Receives everything into `file`, from its start on.
    pub(crate) fn receive(self, file: &File, observe: &mut dyn FnMut(u64)) -> Result<Received, Error> {
        match self.wanted {
            Wanted::Whole(list, _) => receive_whole(self.client, &list, file, observe),
            Wanted::Part(mut stream) => receive_part(&mut stream, file, observe),
        }
    }
}

fn receive_whole(
    client: &NativeClient,
    list: &List,
    file: &File,
    observe: &mut dyn FnMut(u64),
) -> Result<Received, Error> {
    let size = list.size();
    // Without a list, a segment can begin only where the one before it ended.
    let is_shared = list.is_whole() && segment_count(size) >= SHARED_COUNT_MIN;
    let line_count = if is_shared { client.slots.count_max() } else { 1 };
    let arrivals = Arrivals::new(client, list);
    thread::scope(|scope| {
        // Given back last: whoever waits for a further one then sees that there is no need for it any more.
        let _slot = is_shared.then(|| client.slots.first());
        // However this ends, nobody else goes on.
        let _end = End(&arrivals);
        for _ in 1..line_count {
            scope.spawn(|| Fetcher::new(client, &arrivals, file).assist());
        }
        Fetcher::new(client, &arrivals, file).lead(observe)
    })?;
    Ok(Received { len: size, is_verified: true, carried: arrivals.carried() })
}

struct End<'a>(&'a Arrivals<'a>);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

fn receive_part(
    stream: &mut Stream<'_>,
    file: &File,
    observe: &mut dyn FnMut(u64),
) -> Result<Received, Error> {
    let len = stream.left();
    let mut intake = Intake::new(stream.receive_route());
    loop {
        let offset = len - stream.left();
        match stream.pour(&mut intake, file, offset)? {
            0 => break,
            moved => observe(moved as u64),
        }
    }
    let carried = intake.finish(file, len).map_err(|error| Error::local("end the file", error))?;
    Ok(Received { len, is_verified: false, carried })
}
