//! Everything as one tar stream.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use aqueduct_flow::{Extent, SendQueue, SendRoute};
use aqueduct_wire::http1::{CHUNK_END, LAST_CHUNK, Version, attachment, chunk_head};
use aqueduct_wire::transfer::{Entry, EntryId, Kind};
use http::{Method, StatusCode};
use tar::{Builder, EntryType, Header};

use super::super::peer::Peer;
use super::Shelf;
use super::answer::{end_head, head};
use super::asked::Asked;
use super::delivered::Contents;
use crate::source::{Found, SourceFile, Walk};
use crate::{Error, ErrorKind, Event, Preserve, Watch};

impl Shelf {
    /// Sends everything as one tar stream.
    pub(super) fn send_tar(
        &self,
        peer: &mut Peer<'_>,
        asked: &Asked,
        watch: &dyn Watch,
    ) -> Result<(), Error> {
        let name = self.tar_name.as_deref().unwrap_or_default();
        let head = head(StatusCode::OK)
            .field("Content-Type", "application/x-tar")
            .field("Content-Disposition", attachment(name));
        let is_chunked = asked.version == Version::Http11;
        let head = if is_chunked {
            end_head(head.field("Transfer-Encoding", "chunked"), Some(asked))
        } else {
            // HTTP/1.0 has no chunks: the end of the connection is that of the stream.
            head.field("Connection", "close").finish()
        };
        let mut queue = SendQueue::to_socket(SendRoute::Copy);
        queue.push_memory(head);
        peer.send(&mut queue, false)?;
        if asked.method == Method::HEAD {
            return Ok(());
        }
        let began = Instant::now();
        self.begin();
        let mut stream =
            Stream { is_chunked, tar: Builder::new(Vec::new()), bytes: Vec::new(), told: peer.sent() };
        let mut paths = Paths::default();
        let mut contents = Contents::default();
        for found in Walk::new(&self.paths, &Preserve::default(), &self.exclude)? {
            let left = match found {
                Found::Entry { entry, file } => {
                    let path = paths.of(&entry);
                    let left = stream.put(peer, &entry, &path, file.as_ref())?;
                    if let Kind::Regular { size, .. } = entry.kind
                        && left.is_none()
                    {
                        contents.add(size);
                    }
                    left.map(|why| (path, why))
                }
                Found::Left { path, why } => Some((path.as_os_str().as_bytes().to_vec(), why)),
            };
            if let Some((path, why)) = left {
                watch.hear(&Event::Left { path: &path, why: &why.to_string() });
                contents.left_count += 1;
            }
        }
        stream.finish(peer)?;
        if is_chunked {
            peer.settle()?;
        } else {
            peer.finish()?;
        }
        stream_told(peer, &mut stream.told)?;
        self.deliver_tar(peer, began, contents);
        Ok(())
    }
}

/// The paths of entries, which come parents first and a directory at a time.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// The directories from the top to that of the last entry.
    above: Vec<(EntryId, Vec<u8>)>,
}

impl Paths {
    /// The path of the next entry: names with slashes between them.
    pub(super) fn of(&mut self, entry: &Entry) -> Vec<u8> {
        while self.above.last().is_some_and(|(id, _)| *id != entry.parent) {
            self.above.pop();
        }
        let path = match self.above.last() {
            Some((_, above)) => [&above[..], b"/", &entry.name].concat(),
            None => entry.name.clone(),
        };
        if matches!(entry.kind, Kind::Directory) {
            self.above.push((entry.id, path.clone()));
        }
        path
    }
}

/// A tar stream on its way.
struct Stream {
    is_chunked: bool,
    /// Writes headers alone, which are taken from it.
    tar: Builder<Vec<u8>>,
    /// What is to be sent next.
    bytes: Vec<u8>,
    /// Bytes of the connection that the gauge was told of.
    told: u64,
}

impl Stream {
    /// Puts an entry into the stream; says why if it has to be left out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Changed`] where that is found when a part of it was sent: nothing can be sent after it.
    fn put(
        &mut self,
        peer: &mut Peer<'_>,
        entry: &Entry,
        path: &[u8],
        file: Option<&SourceFile>,
    ) -> Result<Option<Error>, Error> {
        match (&entry.kind, file) {
            (Kind::Directory, _) => {
                let path = [path, b"/"].concat();
                self.head(entry, EntryType::Directory, &path, 0)?;
            }
            (Kind::Symlink { target }, _) => {
                let mut header = header(entry, EntryType::Symlink, 0);
                let linked = self.tar.append_link(&mut header, as_path(path), as_path(target));
                linked.map_err(unsayable)?;
                self.bytes.append(self.tar.get_mut());
            }
            (Kind::Regular { size, .. }, Some(file)) if *size <= SMALL_LEN => {
                let mut content = Vec::new();
                if let Err(why) = file.read_small(&mut content) {
                    return Ok(Some(why));
                }
                self.head(entry, EntryType::Regular, path, *size)?;
                self.bytes.append(&mut content);
                self.pad(*size);
            }
            (Kind::Regular { size, .. }, Some(file)) => {
                let opened = match file.open() {
                    Ok(opened) => opened,
                    Err(why) => return Ok(Some(why)),
                };
                self.head(entry, EntryType::Regular, path, *size)?;
                self.flush(peer)?;
                let mut offset = 0;
                while offset < *size {
                    let end = size.min(&(offset + STEP_LEN)).to_owned();
                    let mut queue = SendQueue::to_socket(SendRoute::Sendfile);
                    if self.is_chunked {
                        queue.push_memory(chunk_head(end - offset).into_bytes());
                    }
                    queue.push_extent(Extent::new(Arc::clone(opened.file()), offset..end));
                    if self.is_chunked {
                        queue.push_memory(CHUNK_END.to_vec());
                    }
                    peer.send(&mut queue, false)?;
                    stream_told(peer, &mut self.told)?;
                    offset = end;
                }
                if !opened.is_unchanged().unwrap_or(false) {
                    let what = format!("{} changed while it was sent", file.path().display());
                    return Err(Error::new(ErrorKind::Changed, what));
                }
                self.pad(*size);
            }
            (Kind::Regular { .. } | Kind::HardLink { .. } | Kind::Stream, _) => {
                return Ok(Some(Error::new(
                    ErrorKind::Other,
                    "it is of no kind that goes into this archive",
                )));
            }
        }
        if self.bytes.len() >= FLUSH_LEN {
            self.flush(peer)?;
        }
        Ok(None)
    }

    fn head(&mut self, entry: &Entry, kind: EntryType, path: &[u8], size: u64) -> Result<(), Error> {
        let mut header = header(entry, kind, size);
        self.tar.append_data(&mut header, as_path(path), io::empty()).map_err(unsayable)?;
        self.bytes.append(self.tar.get_mut());
        Ok(())
    }

    /// Everything begins at a multiple of 512 bytes.
    fn pad(&mut self, size: u64) {
        let len = usize::try_from(size.wrapping_neg() % BLOCK_LEN).expect("it is short");
        self.bytes.resize(self.bytes.len() + len, 0);
    }

    fn flush(&mut self, peer: &mut Peer<'_>) -> Result<(), Error> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let mut queue = SendQueue::to_socket(SendRoute::Copy);
        if self.is_chunked {
            queue.push_memory(chunk_head(self.bytes.len() as u64).into_bytes());
        }
        queue.push_memory(std::mem::take(&mut self.bytes));
        if self.is_chunked {
            queue.push_memory(CHUNK_END.to_vec());
        }
        peer.send(&mut queue, false)?;
        stream_told(peer, &mut self.told)
    }

    /// What ends an archive, and then the stream.
    fn finish(&mut self, peer: &mut Peer<'_>) -> Result<(), Error> {
        self.tar.finish().map_err(unsayable)?;
        self.bytes.append(self.tar.get_mut());
        self.flush(peer)?;
        if self.is_chunked {
            let mut queue = SendQueue::to_socket(SendRoute::Copy);
            queue.push_memory(LAST_CHUNK.to_vec());
            peer.send(&mut queue, false)?;
        }
        Ok(())
    }
}

/// Tells the gauge what was acknowledged since.
fn stream_told(peer: &mut Peer<'_>, told: &mut u64) -> Result<(), Error> {
    let acked = peer.acked()?;
    peer.manner.gauge.add_verified(acked.saturating_sub(*told));
    *told = acked.max(*told);
    Ok(())
}

/// As GNU tar writes it, which all others read: long names, and sizes beyond 8 GiB.
fn header(entry: &Entry, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(u32::from(entry.meta.mode));
    // There is no word for a time before 1970 that all know.
    header.set_mtime(u64::try_from(entry.meta.mtime.seconds).unwrap_or(0));
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header
}

fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

fn unsayable(error: io::Error) -> Error {
    Error::new(ErrorKind::Other, "an archive has no words for an entry").because(error)
}

/// Files up to here are read, and go with what is before and behind them.
const SMALL_LEN: u64 = 64 << 10;

/// What is gathered before it is sent.
const FLUSH_LEN: usize = 256 << 10;

/// What is sent of a larger file at once: a chunk.
const STEP_LEN: u64 = 4 << 20;

/// Of tar.
const BLOCK_LEN: u64 = 512;
