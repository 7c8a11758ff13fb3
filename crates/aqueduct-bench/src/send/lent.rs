//! Memory that the kernel keeps while it is on its way: of a mapping, whose file never changes.

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use aqueduct_flow::uninterrupted;
use aqueduct_sys::{
    Errno, ReadMapping, Readiness, send_zerocopy, set_zerocopy, vmsplice, wait_until, zerocopy_sent,
};

use super::Way;
use crate::pipe::Pipe;

/// A mapping to a pipe, and from there to the socket.
struct Vmspliced(Pipe);

pub(super) fn vmspliced(_socket: &TcpStream) -> io::Result<Box<dyn Way>> {
    Ok(Box::new(Vmspliced(Pipe::open()?)))
}

impl Way for Vmspliced {
    fn send(&mut self, file: &Arc<File>, size: u64, socket: &TcpStream) -> io::Result<()> {
        for_each_window(file, size, |mapping| {
            let mut sent = 0;
            while sent < mapping.len() {
                let held = uninterrupted(|| vmsplice(&self.0.write_end, mapping, sent..mapping.len()))?;
                sent += held;
                self.0.drain(socket, None, held)?;
            }
            Ok(())
        })
    }
}

/// Sends of a mapping by reference, of which the kernel says later that it is done with them.
#[derive(Default)]
struct Zerocopy {
    /// Calls that took bytes.
    sent: u64,
    /// Of these, those that the kernel is done with.
    done: u64,
}

pub(super) fn zerocopy(socket: &TcpStream) -> io::Result<Box<dyn Way>> {
    set_zerocopy(socket)?;
    Ok(Box::new(Zerocopy::default()))
}

impl Way for Zerocopy {
    fn send(&mut self, file: &Arc<File>, size: u64, socket: &TcpStream) -> io::Result<()> {
        for_each_window(file, size, |mapping| {
            let mut sent = 0;
            while sent < mapping.len() {
                let end = mapping.len().min(sent + CALL_LEN);
                match uninterrupted(|| send_zerocopy(socket, mapping, sent..end)) {
                    Ok(len) => {
                        sent += len;
                        self.sent += 1;
                    }
                    // Too many are under way.
                    Err(error) if error.errno() == Errno::NOBUFS && self.done < self.sent => {
                        self.hear(socket)?;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(())
        })?;
        self.hear_what_there_is(socket)
    }

    fn finish(&mut self, socket: &TcpStream) -> io::Result<()> {
        while self.done < self.sent {
            self.hear(socket)?;
        }
        Ok(())
    }
}

impl Zerocopy {
    /// Waits until the kernel is done with more.
    fn hear(&mut self, socket: &TcpStream) -> io::Result<()> {
        uninterrupted(|| wait_until(socket, Readiness::Readable))?;
        self.hear_what_there_is(socket)
    }

    fn hear_what_there_is(&mut self, socket: &TcpStream) -> io::Result<()> {
        while let Some(sent) = uninterrupted(|| zerocopy_sent(socket))? {
            self.done += u64::from(sent.calls.end().wrapping_sub(*sent.calls.start())) + 1;
        }
        Ok(())
    }
}

/// Maps the first `size` bytes of `file`, a window at a time.
pub(super) fn for_each_window(
    file: &File,
    size: u64,
    mut send: impl FnMut(&Arc<ReadMapping>) -> io::Result<()>,
) -> io::Result<()> {
    let mut offset = 0;
    while offset < size {
        let end = size.min(offset + WINDOW_LEN);
        send(&Arc::new(ReadMapping::new(file, offset..end).map_err(io::Error::other)?))?;
        offset = end;
    }
    Ok(())
}

/// As long as those of the product's route mmap.
const WINDOW_LEN: u64 = 4 << 20;

/// As much as goes by one call of the other ways.
pub(super) const CALL_LEN: usize = 1 << 20;
