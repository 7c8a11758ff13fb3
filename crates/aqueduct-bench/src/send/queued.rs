//! The product's own queue.

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use aqueduct_flow::{Extent, SendQueue, SendRoute, Step, wait_for};

use super::Way;

/// One file after another through queues of this route, each behind a head.
pub(super) struct Queued {
    route: SendRoute,
    head_len: usize,
}

impl Queued {
    pub(super) fn boxed(route: SendRoute, head_len: usize) -> Box<dyn Way> {
        Box::new(Self { route, head_len })
    }
}

impl Way for Queued {
    fn send(&mut self, file: &Arc<File>, size: u64, socket: &TcpStream) -> io::Result<()> {
        let mut queue = SendQueue::to_socket(self.route);
        queue.push_memory(vec![b'h'; self.head_len]);
        queue.push_extent(Extent::new(Arc::clone(file), 0..size));
        drive(&mut queue, socket)?;
        if queue.route() == self.route {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::Unsupported, REFUSED))
        }
    }

    fn head_len(&self) -> usize {
        self.head_len
    }
}

/// One small file after another from memory, each behind a head: as a server answers what was asked for lately.
pub(super) struct Kept {
    head_len: usize,
    /// Read when the first is sent, which is a warm-up.
    bytes: Arc<[u8]>,
}

impl Kept {
    pub(super) fn boxed(head_len: usize) -> Box<dyn Way> {
        Box::new(Self { head_len, bytes: Arc::default() })
    }
}

impl Way for Kept {
    fn send(&mut self, file: &Arc<File>, size: u64, socket: &TcpStream) -> io::Result<()> {
        let len = usize::try_from(size).map_err(io::Error::other)?;
        if self.bytes.len() != len {
            let mut bytes = vec![0; len];
            file.read_exact_at(&mut bytes, 0)?;
            self.bytes = bytes.into();
        }
        let mut queue = SendQueue::to_socket(SendRoute::Sendfile);
        queue.push_memory(vec![b'h'; self.head_len]);
        queue.push_shared(Arc::clone(&self.bytes), 0..len);
        drive(&mut queue, socket)
    }

    fn head_len(&self) -> usize {
        self.head_len
    }
}

fn drive(queue: &mut SendQueue, socket: &TcpStream) -> io::Result<()> {
    loop {
        match queue.step(socket.as_fd(), TURN_LEN)? {
            Step::Moved(_) => {}
            Step::Blocked(side) => wait_for(side, socket, socket)?,
            Step::End => return Ok(()),
        }
    }
}

const REFUSED: &str = "the kernel refused it for this file, and the bytes were copied";

/// What a server sends in one turn.
const TURN_LEN: usize = 1 << 20;
