//! io_uring(7): a send at a time, whose memory the kernel keeps for as long as it needs it.

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use aqueduct_flow::uninterrupted;
use aqueduct_sys::{Errno, Result, SendRing, Told};

use super::Way;
use super::lent::{CALL_LEN, for_each_window};

struct Ringed {
    ring: SendRing,
    /// Sends whose memory the kernel still keeps.
    kept_count: u64,
}

pub(super) fn ringed(_socket: &TcpStream) -> io::Result<Box<dyn Way>> {
    Ok(Box::new(Ringed { ring: SendRing::open(ENTRY_COUNT)?, kept_count: 0 }))
}

impl Way for Ringed {
    fn send(&mut self, file: &Arc<File>, size: u64, socket: &TcpStream) -> io::Result<()> {
        for_each_window(file, size, |mapping| {
            let mut sent = 0;
            while sent < mapping.len() {
                let end = mapping.len().min(sent + CALL_LEN);
                self.ring.send(socket, mapping, sent..end)?;
                match self.taken()? {
                    Ok(len) => sent += len,
                    // Too much is kept.
                    Err(error) if is_full(error.errno()) && self.kept_count > 0 => self.hear()?,
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(())
        })
    }

    fn finish(&mut self, _socket: &TcpStream) -> io::Result<()> {
        while self.kept_count > 0 {
            self.hear()?;
        }
        Ok(())
    }
}

impl Ringed {
    /// What became of the one send that is under way.
    fn taken(&mut self) -> io::Result<Result<usize>> {
        loop {
            while let Some(told) = self.ring.told() {
                match told {
                    Told::Taken { len, is_kept, .. } => {
                        self.kept_count += u64::from(is_kept);
                        return Ok(len);
                    }
                    Told::Freed { .. } => self.kept_count -= 1,
                }
            }
            uninterrupted(|| self.ring.wait())?;
        }
    }

    /// Waits until the kernel is done with more, while none is under way.
    fn hear(&mut self) -> io::Result<()> {
        uninterrupted(|| self.ring.wait())?;
        while self.ring.told().is_some() {
            self.kept_count -= 1;
        }
        Ok(())
    }
}

/// As `RLIMIT_MEMLOCK` bounds what is kept, and the socket's memory the notes of it.
fn is_full(errno: Errno) -> bool {
    matches!(errno, Errno::NOBUFS | Errno::NOMEM)
}

/// One is sent at a time; twice as many may be told of before the kernel keeps a list apart.
const ENTRY_COUNT: u32 = 64;
