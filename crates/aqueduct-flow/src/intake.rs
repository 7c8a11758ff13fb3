//! Receiving into a file, every byte shown to an observer on its way, where there is one.

mod copied;
mod mapped;
mod shown;
mod spliced;

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;

use aqueduct_sys::{Errno, Error};

use crate::write_all::write_all_at;
use crate::{Carried, Route, Side, Step};
use shown::show;
pub use shown::show_copied;

/// The way an [`Intake`] tries to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReceiveRoute {
    /// splice(2) into a pooled pipe and from there to the file; the observer, if there is one, sees a
    /// read-only mapping of what was written.
    Splice,
    /// Read into a pooled buffer, written and observed from it. Works everywhere.
    Copy,
    /// Read straight into a mapping of the file, its space reserved first.
    Mmap,
}

impl ReceiveRoute {
    /// Every receive route.
    pub const ALL: [Self; 3] = [Self::Splice, Self::Copy, Self::Mmap];
}

impl From<ReceiveRoute> for Route {
    fn from(route: ReceiveRoute) -> Self {
        match route {
            ReceiveRoute::Splice => Self::Splice,
            ReceiveRoute::Copy => Self::Copy,
            ReceiveRoute::Mmap => Self::Mmap,
        }
    }
}

impl fmt::Display for ReceiveRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Route::from(*self).fmt(f)
    }
}

/// Is shown exactly the bytes that were just written to the target, in order.
pub type Observe<'a> = dyn FnMut(&[u8]) + 'a;

/// Receives from a socket, pipe, file or terminal into one regular file.
///
/// Between steps an intake holds no buffer and no pipe, so that many can wait at little cost; with the route `mmap` it
/// holds one mapping.
#[derive(Debug)]
pub struct Intake {
    /// The route in use: the one asked for, or `Copy` after it was refused.
    route: ReceiveRoute,
    carried: Carried,
    /// Bytes that left the source and were lost on their way.
    lost: u64,
    /// Whose error ended the last step, if one did.
    failed_side: Option<Side>,
    /// Whether bytes that went by reference are read back, or mapped, for the observer.
    is_observed: bool,
    mapped: mapped::Mapped,
}

impl Intake {
    /// Receives by `route`, or by `copy` once the kernel refuses that.
    #[must_use]
    pub fn new(route: ReceiveRoute) -> Self {
        Self {
            route,
            carried: Carried::default(),
            lost: 0,
            failed_side: None,
            is_observed: true,
            mapped: mapped::Mapped::default(),
        }
    }

    /// Whether anybody looks at the bytes: where nobody does, the observer is shown what passes through a buffer at most.
    pub fn set_observed(&mut self, is_observed: bool) {
        self.is_observed = is_observed;
    }

    /// Whether the route `mmap` makes each stretch of the file durable when it is full, with msync(2). The other routes,
    /// and the size of the file, are left to the caller's fdatasync(2).
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Self {
        self.mapped.durable = durable;
        self
    }

    /// The route in use: the one asked for, or `Copy` after the kernel refused it.
    #[must_use]
    pub fn route(&self) -> ReceiveRoute {
        self.route
    }

    /// Which routes carried the bytes so far.
    #[must_use]
    pub fn carried(&self) -> &Carried {
        &self.carried
    }

    /// How many bytes have left the source in steps that failed: whoever goes on with the source after that has to count them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Whose error the last step returned; `None` if it returned none. A number does not tell: a file on a network may time
    /// out as a connection does.
    #[must_use]
    pub fn failed_side(&self) -> Option<Side> {
        self.failed_side
    }

    /// Moves up to `len_max` bytes from `source` to `target` at `offset`, and shows them to `observe`
    /// ([`Self::set_observed`]).
    ///
    /// `target` is open for reading and writing, not in append mode, and the same at every step; nobody else writes it
    /// meanwhile. Never ask for more than is still expected: a byte that belongs to the next message would be taken.
    /// Waits only where `source` itself would (it is blocking), and for the disk. `Step::End` is the end of the source.
    ///
    /// # Errors
    ///
    /// What the kernel said, such as `StorageFull` or `ConnectionReset`. Bytes may then have left the source without
    /// reaching the target ([`Self::lost`] counts them): the transfer has failed and the target is worthless beyond what was observed.
    pub fn step(
        &mut self,
        source: BorrowedFd<'_>,
        target: &File,
        offset: u64,
        len_max: usize,
        observe: &mut Observe<'_>,
    ) -> io::Result<Step> {
        if len_max == 0 {
            return Ok(Step::Moved(0));
        }
        let moved = match self.receive(source, target, offset, len_max, observe) {
            Err(Fault::Refused) => {
                self.route = ReceiveRoute::Copy;
                self.receive(source, target, offset, len_max, observe)
            }
            moved => moved,
        };
        self.failed_side = match moved {
            Err(Fault::Source(_)) => Some(Side::Source),
            Err(Fault::Target(_) | Fault::Lost(..)) => Some(Side::Target),
            _ => None,
        };
        match moved {
            Ok(0) => Ok(Step::End),
            Ok(len) => Ok(Step::Moved(len)),
            Err(Fault::Blocked) => Ok(Step::Blocked(Side::Source)),
            Err(Fault::Source(error) | Fault::Target(error)) => Err(error),
            Err(Fault::Lost(error, len)) => {
                self.lost += len as u64;
                Err(error)
            }
            Err(Fault::Refused) => unreachable!("copy is never refused"),
        }
    }

    /// Writes `bytes`, which were read from the source together with what came before them, to `target` at `offset`, and
    /// shows them to `observe`. They count as copied.
    ///
    /// # Errors
    ///
    /// What the kernel said of the target, such as `StorageFull`.
    pub fn put(
        &mut self,
        bytes: &[u8],
        target: &File,
        offset: u64,
        observe: &mut Observe<'_>,
    ) -> io::Result<()> {
        write_all_at(target, bytes, offset)?;
        if !bytes.is_empty() {
            observe(bytes);
        }
        self.carried.add(Route::Copy, bytes.len() as u64);
        Ok(())
    }

    /// Ends the transfer: `target` gets exactly `size` bytes, whatever the route `mmap` reserved beyond them.
    ///
    /// # Errors
    ///
    /// Those of msync(2), if durable, and ftruncate(2).
    pub fn finish(mut self, target: &File, size: u64) -> io::Result<Carried> {
        self.mapped.finish(target, size)?;
        Ok(self.carried)
    }

    fn receive(
        &mut self,
        source: BorrowedFd<'_>,
        target: &File,
        offset: u64,
        len_max: usize,
        observe: &mut Observe<'_>,
    ) -> Result<usize, Fault> {
        let route = self.route;
        let moved = match route {
            ReceiveRoute::Copy => copied::receive(source, target, offset, len_max, observe)?,
            ReceiveRoute::Splice => match spliced::receive(source, target, offset, len_max, observe)? {
                spliced::Received::Spliced(len) => {
                    if self.is_observed && len > 0 {
                        show(target, offset..offset + len as u64, observe)
                            .map_err(|error| Fault::Lost(error, len))?;
                    }
                    len
                }
                spliced::Received::Rescued(len) => {
                    self.route = ReceiveRoute::Copy;
                    len
                }
            },
            ReceiveRoute::Mmap => self.mapped.receive(source, target, offset, len_max, observe)?,
        };
        // A splice that was rescued was carried by copy.
        self.carried.add(self.route.into(), moved as u64);
        Ok(moved)
    }
}

/// Why a step moved nothing.
enum Fault {
    /// The source has nothing yet.
    Blocked,
    /// This route does not work here; nothing was taken from the source.
    Refused,
    Source(io::Error),
    Target(io::Error),
    /// So many bytes left the source, and did not reach the target.
    Lost(io::Error, usize),
}

impl From<Error> for Fault {
    /// Only for calls on the source: EAGAIN from any other is a failure.
    fn from(error: Error) -> Self {
        if error.errno() == Errno::AGAIN { Self::Blocked } else { Self::Source(error.into()) }
    }
}

impl From<io::Error> for Fault {
    /// Whatever is no call on the source is one on the target.
    fn from(error: io::Error) -> Self {
        Self::Target(error)
    }
}
