//! The queue of links that a reply, an upload or a copy to standard output consists of.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use aqueduct_sys::{Errno, Error, ReadFlags, preadv2, sendfile, set_cork};

use super::outlet::OutletKind;
use super::window::Window;
use super::{Extent, SendRoute};
use crate::appetite::Appetite;
use crate::buffer::Buffer;
use crate::pipe_pool::PooledPipe;
use crate::retry::is_refusal;
use crate::{Carried, Route, Side, SourceTruncated, Step, uninterrupted};

/// Memory and extents, sent in order to one target.
///
/// Between steps a queue holds no buffer and no pipe, so that many can wait at little cost; with the route `mmap` it holds
/// one mapping.
#[derive(Debug)]
pub struct SendQueue {
    /// Invariant between calls: no link is empty.
    links: VecDeque<Link>,
    /// The route in use: the one asked for, or `Copy` after it was refused.
    route: SendRoute,
    carried: Carried,
    appetite: Appetite,
    /// Belongs to the first extent in `links`.
    window: Option<Window>,
    /// Found at the first step, if not told.
    outlet: Option<OutletKind>,
    cork: Cork,
}

/// Whether the target keeps back what does not fill a segment (`TCP_CORK`, tcp(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cork {
    Out,
    In,
    /// It is no TCP socket.
    Refused,
}

/// What a queue consists of.
#[derive(Debug)]
enum Link {
    Memory {
        bytes: Memory,
        /// Invariant: `sent < end <= bytes.len()`.
        sent: usize,
        end: usize,
    },
    Extent(Extent),
}

#[derive(Debug)]
enum Memory {
    Owned(Vec<u8>),
    Shared(Arc<[u8]>),
}

impl SendQueue {
    /// An empty queue that sends its extents by `route`, or by `copy` once the kernel refuses that.
    #[must_use]
    pub fn new(route: SendRoute) -> Self {
        Self {
            links: VecDeque::new(),
            route,
            carried: Carried::default(),
            appetite: Appetite::new(),
            window: None,
            outlet: None,
            cork: Cork::Out,
        }
    }

    /// Like [`Self::new`], for a target that is known to be a socket.
    #[must_use]
    pub fn to_socket(route: SendRoute) -> Self {
        Self { outlet: Some(OutletKind::Socket), ..Self::new(route) }
    }

    /// Appends bytes, such as the head of a reply. Those before an extent leave together with its first bytes.
    pub fn push_memory(&mut self, bytes: Vec<u8>) {
        let end = bytes.len();
        self.push(Memory::Owned(bytes), 0..end);
    }

    /// Appends a part of bytes that others hold, too.
    pub fn push_shared(&mut self, bytes: Arc<[u8]>, range: Range<usize>) {
        assert!(range.start <= range.end && range.end <= bytes.len(), "a range lies within its bytes");
        self.push(Memory::Shared(bytes), range);
    }

    fn push(&mut self, bytes: Memory, range: Range<usize>) {
        if !range.is_empty() {
            self.links.push_back(Link::Memory { bytes, sent: range.start, end: range.end });
        }
    }

    /// Appends a range of a file.
    pub fn push_extent(&mut self, extent: Extent) {
        if !extent.is_empty() {
            self.links.push_back(Link::Extent(extent));
        }
    }

    /// Whether everything was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// How many bytes are left to send.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.links.iter().map(Link::len).sum()
    }

    /// The first extent that is not sent yet, with what is left of it; `None` if only memory is left. Whoever must not wait
    /// for a disk sees to it that its pages are in memory before the next step.
    #[must_use]
    pub fn next_extent(&self) -> Option<&Extent> {
        self.links.iter().find_map(Link::as_extent)
    }

    /// How many bytes of memory leave before the first byte of an extent.
    #[must_use]
    pub fn memory_len(&self) -> u64 {
        self.links.iter().take_while(|link| link.as_extent().is_none()).map(Link::len).sum()
    }

    /// The route in use: the one asked for, or `Copy` after the kernel refused it.
    #[must_use]
    pub fn route(&self) -> SendRoute {
        self.route
    }

    /// Which routes carried the bytes of the extents so far. Memory is always copied and not counted.
    #[must_use]
    pub fn carried(&self) -> &Carried {
        &self.carried
    }

    /// Sends up to `len_max` bytes to `target`, which must be the same at every step. One that is left before the end may go on
    /// keeping small segments back for a while.
    ///
    /// Waits only where `target` itself would (it is blocking), and for the disk if the pages of an extent are cold.
    /// `Step::End` means that every byte was taken, and nothing else does.
    ///
    /// # Errors
    ///
    /// [`SourceTruncated`] (kind `UnexpectedEof`) if a file ended before its extent; otherwise what the kernel said, such
    /// as `BrokenPipe` or `ConnectionReset`. An error means that this step moved nothing: what stops a step halfway is met
    /// again by the next. What could not be sent stays in the queue.
    pub fn step(&mut self, target: BorrowedFd<'_>, len_max: usize) -> io::Result<Step> {
        if self.links.is_empty() {
            return Ok(Step::End);
        }
        if len_max == 0 {
            return Ok(Step::Moved(0));
        }
        let outlet = match self.outlet {
            Some(outlet) => outlet,
            None => *self.outlet.insert(OutletKind::of(target)?),
        };
        let sent = self.send(target, outlet, len_max);
        if self.cork == Cork::In && self.links.is_empty() {
            self.uncork(target);
        }
        match sent {
            Ok(len) => Ok(Step::Moved(len)),
            Err(Fault::Blocked) => Ok(Step::Blocked(Side::Target)),
            Err(Fault::Call(error)) => Err(error.into()),
            Err(Fault::Truncated(fault)) => Err(fault.into()),
            Err(Fault::Refused) => unreachable!("copy is never refused"),
        }
    }

    /// Sends by the route in use, or by copy once that is refused.
    fn send(&mut self, target: BorrowedFd<'_>, outlet: OutletKind, len_max: usize) -> Result<usize, Fault> {
        let sent = match self.route {
            SendRoute::Copy => return self.send_copied(target, outlet, len_max),
            SendRoute::Mmap => self.send_mapped(target, outlet, len_max),
            SendRoute::Sendfile | SendRoute::Splice => self.send_by_reference(target, outlet, len_max),
        };
        match sent {
            Err(Fault::Refused) => {
                self.route = SendRoute::Copy;
                self.window = None;
                self.send_copied(target, outlet, len_max)
            }
            sent => sent,
        }
    }

    /// A piece of the extent, read into a buffer and written together with the memory before it.
    fn send_copied(
        &mut self,
        target: BorrowedFd<'_>,
        outlet: OutletKind,
        len_max: usize,
    ) -> Result<usize, Fault> {
        let mut buffer = Buffer::take();
        let mut front = self.front(len_max);
        let body = match front.extent {
            None => &[],
            Some(extent) => {
                let offset = extent.range().start;
                let len_max = (len_max - front.head_len).min(self.appetite.len()).min(buffer.len());
                let len = extent.piece_len(len_max);
                let read =
                    uninterrupted(|| preadv2(extent.file(), &mut buffer[..len], offset, ReadFlags::empty()))?;
                if read == 0 {
                    return Err(extent.truncated_at(offset).into());
                }
                &buffer[..read]
            }
        };
        let head_len = front.head_len;
        let offered = head_len + body.len();
        front.push_body(body);
        let sent = outlet.write(target, &front.head, false)?;
        self.appetite.learn(offered, sent);
        self.advance(Route::Copy, head_len, sent);
        Ok(sent)
    }

    /// A piece of the mapped extent, written together with the memory before it.
    fn send_mapped(
        &mut self,
        target: BorrowedFd<'_>,
        outlet: OutletKind,
        len_max: usize,
    ) -> Result<usize, Fault> {
        self.open_window()?;
        let mut front = self.front(len_max);
        let body = match (front.extent, &self.window) {
            (Some(extent), Some(window)) => {
                let mapped = window.front(extent);
                &mapped[..mapped.len().min(len_max - front.head_len)]
            }
            _ => &[],
        };
        let head_len = front.head_len;
        front.push_body(body);
        let sent = outlet.write(target, &front.head, false).map_err(|error| match error.errno() {
            // The file was truncated, or its disk failed, under the mapping. Only the kernel touches a mapping that is
            // sent, so this is EFAULT and not SIGBUS; a read will tell which.
            Errno::FAULT => Fault::Refused,
            _ => error.into(),
        })?;
        self.advance(Route::Mmap, head_len, sent);
        Ok(sent)
    }

    /// Makes the window show the front of the first extent, if there is one.
    fn open_window(&mut self) -> Result<(), Fault> {
        let Some(extent) = self.next_extent() else {
            return Ok(());
        };
        if self.window.as_ref().is_some_and(|window| !window.front(extent).is_empty()) {
            return Ok(());
        }
        // Whatever a mapping lacks, a read of the file may do without; if not, it says better what is wrong.
        self.window = Some(Window::open(extent).map_err(|_| Fault::Refused)?);
        Ok(())
    }

    /// The memory at the front, marked as followed at once unless much follows, then a piece of the extent behind it.
    fn send_by_reference(
        &mut self,
        target: BorrowedFd<'_>,
        outlet: OutletKind,
        len_max: usize,
    ) -> Result<usize, Fault> {
        let front = self.front(len_max);
        let head_len = front.head_len;
        if head_len > 0 {
            let has_extent = front.extent.is_some();
            let more = match self.next_extent() {
                Some(extent) if head_len as u64 == self.memory_len() => {
                    head_len as u64 + extent.len() <= TOGETHER_LEN_MAX
                }
                _ => self.remaining() > head_len as u64,
            };
            let sent = outlet.write(target, &front.head, more)?;
            self.advance(self.route.into(), head_len, sent);
            if sent < head_len || !has_extent {
                return Ok(sent);
            }
        }
        let sent = match self.route {
            SendRoute::Splice => self.splice(target, len_max - head_len),
            _ => self.sendfile(target, len_max - head_len),
        };
        match sent {
            Ok(sent) => Ok(head_len + sent),
            // The head is gone and must be counted; the next step meets the same obstacle again.
            Err(_) if head_len > 0 => Ok(head_len),
            Err(fault) => Err(fault),
        }
    }

    fn sendfile(&mut self, target: BorrowedFd<'_>, len_max: usize) -> Result<usize, Fault> {
        let extent = self.front_extent();
        let offset = extent.range().start;
        let len = extent.piece_len(len_max);
        if self.cork == Cork::Out && (len as u64) < extent.len() {
            self.cork(target);
        }
        let extent = self.front_extent();
        let sent = uninterrupted(|| sendfile(target, extent.file(), offset, len)).map_err(Fault::of_route)?;
        if sent == 0 {
            return Err(extent.truncated_at(offset).into());
        }
        self.advance(Route::Sendfile, 0, sent);
        Ok(sent)
    }

    /// Keeps what a step leaves over of a segment for the next one: otherwise each step ends with a small one of its own, and
    /// sendfile(2), unlike sendmsg(2), cannot be told that more follows.
    fn cork(&mut self, target: BorrowedFd<'_>) {
        self.cork = if set_cork(target, true).is_ok() { Cork::In } else { Cork::Refused };
    }

    /// Lets the last bytes go. Where that fails, the kernel does so after 200 ms.
    fn uncork(&mut self, target: BorrowedFd<'_>) {
        let _ = set_cork(target, false);
        self.cork = Cork::Out;
    }

    /// One pipe full of the extent. What the target does not take is thrown away and read again at the next step, because
    /// no pipe is kept while a target blocks.
    fn splice(&mut self, target: BorrowedFd<'_>, len_max: usize) -> Result<usize, Fault> {
        // Without descriptors for a pipe the bytes can still be copied.
        let mut pipe = PooledPipe::take().map_err(|_| Fault::Refused)?;
        let extent = self.front_extent();
        let offset = extent.range().start;
        let len = extent.piece_len(len_max.min(self.appetite.len()).min(pipe.len()));
        let filled = pipe.fill(extent.file().as_fd(), Some(offset), len).map_err(Fault::of_route)?;
        if filled == 0 {
            return Err(extent.truncated_at(offset).into());
        }
        let more = self.remaining() > filled as u64;
        let drained = loop {
            match pipe.drain(target, None, more) {
                Ok(_) if pipe.held() == 0 => break Ok(()),
                Ok(0) => break Err(Fault::Refused),
                Ok(_) => {}
                Err(error) => break Err(Fault::of_route(error)),
            }
        };
        let sent = filled - pipe.held();
        if sent > 0 {
            self.appetite.learn(filled, sent);
            self.advance(Route::Splice, 0, sent);
        }
        match drained {
            Err(_) if sent > 0 => Ok(sent),
            drained => drained.map(|()| sent),
        }
    }

    /// What a step of `len_max` bytes begins with.
    fn front(&self, len_max: usize) -> Front<'_> {
        let head = Vec::with_capacity(self.links.len().min(HEAD_COUNT_MAX) + 1);
        let mut front = Front { head, head_len: 0, extent: None };
        for link in &self.links {
            let left = len_max - front.head_len;
            if left == 0 || front.head.len() == HEAD_COUNT_MAX {
                break;
            }
            match link {
                Link::Memory { bytes, sent, end } => {
                    let piece = &bytes.as_slice()[*sent..*end];
                    let piece = &piece[..piece.len().min(left)];
                    front.head.push(IoSlice::new(piece));
                    front.head_len += piece.len();
                }
                Link::Extent(extent) => {
                    front.extent = Some(extent);
                    break;
                }
            }
        }
        front
    }

    fn front_extent(&self) -> &Extent {
        self.links.front().and_then(Link::as_extent).expect("the memory before the extent was sent")
    }

    /// Takes `sent` bytes off the front, of which the first `head_len` were memory and the rest went by `route`.
    fn advance(&mut self, route: Route, head_len: usize, sent: usize) {
        self.carried.add(route, sent.saturating_sub(head_len) as u64);
        let mut left = sent;
        while left > 0 {
            let link = self.links.front_mut().expect("a target takes no more than it was offered");
            let len = usize::try_from(link.len()).map_or(left, |len| len.min(left));
            match link {
                Link::Memory { sent, .. } => *sent += len,
                Link::Extent(extent) => extent.advance(len),
            }
            left -= len;
            if link.len() == 0
                && let Some(Link::Extent(_)) = self.links.pop_front()
            {
                self.window = None;
            }
        }
    }
}

impl Link {
    fn len(&self) -> u64 {
        match self {
            Self::Memory { sent, end, .. } => (end - sent) as u64,
            Self::Extent(extent) => extent.len(),
        }
    }

    fn as_extent(&self) -> Option<&Extent> {
        match self {
            Self::Memory { .. } => None,
            Self::Extent(extent) => Some(extent),
        }
    }
}

impl Memory {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// What can leave in one step.
struct Front<'a> {
    /// The memory at the front of the queue.
    head: Vec<IoSlice<'a>>,
    /// The sum over `head`, at most what the step may send.
    head_len: usize,
    /// The extent right behind `head`, if the step may send more than `head_len`.
    extent: Option<&'a Extent>,
}

impl<'a> Front<'a> {
    /// Appends what was read of the extent, if anything was.
    fn push_body(&mut self, body: &'a [u8]) {
        if !body.is_empty() {
            self.head.push(IoSlice::new(body));
        }
    }
}

/// Why a step moved nothing.
enum Fault {
    /// The target is full.
    Blocked,
    /// This route does not work here, and bytes may go by another.
    Refused,
    Call(Error),
    Truncated(SourceTruncated),
}

impl Fault {
    /// The fault of a call that is the route's own.
    fn of_route(error: Error) -> Self {
        if is_refusal(error.errno()) { Self::Refused } else { error.into() }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        if error.errno() == Errno::AGAIN { Self::Blocked } else { Self::Call(error) }
    }
}

impl From<SourceTruncated> for Fault {
    fn from(fault: SourceTruncated) -> Self {
        Self::Truncated(fault)
    }
}

/// Memory and an extent that leave as one packet of the kernel's: 64 KiB, and 17 pieces of which none crosses a page. What is
/// longer makes two packets, and those that are pushed at once wait for each other: where the connection paces (bbr), the
/// second has a timer set, which takes longer than to send either of them.
const TOGETHER_LEN_MAX: u64 = 48 << 10;

/// Well under the 1024 pieces of one writev(2), and enough for two batches of small blobs, each with its head.
const HEAD_COUNT_MAX: usize = 256;
