//! The product's own queue.

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd;
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
        loop {
            match queue.step(socket.as_fd(), TURN_LEN)? {
                Step::Moved(_) => {}
                Step::Blocked(side) => wait_for(side, socket, socket)?,
                Step::End if queue.route() == self.route => return Ok(()),
                Step::End => return Err(io::Error::new(io::ErrorKind::Unsupported, REFUSED)),
            }
        }
    }

    fn head_len(&self) -> usize {
        self.head_len
    }
}

const REFUSED: &str = "the kernel refused it for this file, and the bytes were copied";

/// What a server sends in one turn.
const TURN_LEN: usize = 1 << 20;
