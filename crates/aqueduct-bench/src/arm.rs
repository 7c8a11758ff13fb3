//! What can be measured.

use std::fmt;
use std::io;

use crate::meter::Sample;
use crate::report::vintage;
use crate::source::{Ground, Source};
use crate::{hash, local, receive, relay, send};

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// A file to a TCP connection.
    Send,
    /// A TCP connection into a file, hashed on its way or not.
    Receive,
    /// One TCP connection to another.
    Relay,
    /// A file to another.
    Local,
    /// A file to its digest.
    Hash,
}

impl Group {
    /// Every group, in the order of the report.
    pub const ALL: [Self; 5] = [Self::Send, Self::Receive, Self::Relay, Self::Local, Self::Hash];

    /// What its figures are about, for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Send => "Sending a file to a TCP connection",
            Self::Receive => "Receiving from a TCP connection into a new file",
            Self::Relay => "Passing on from one TCP connection to another",
            Self::Local => "Copying a file to a new one",
            Self::Hash => "Hashing a file",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Relay => "relay",
            Self::Local => "local",
            Self::Hash => "hash",
        })
    }
}

/// Whether the source is in memory when work begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Temperature {
    /// It is in the page cache.
    Hot,
    /// It was dropped from there, and has to be read from the disk.
    Cold,
}

impl fmt::Display for Temperature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Hot => "hot",
            Self::Cold => "cold",
        })
    }
}

/// One way of doing one kind of work.
pub struct Arm {
    /// The kind of work.
    pub group: Group,
    /// The way, in a few words; no other arm of the group is called so.
    pub name: String,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Whether it can begin with a cold source.
    pub has_cold: bool,
    /// What it is busy with when it does not wait.
    pub(crate) bound: Bound,
    /// Whether the calls of all its threads are counted.
    pub(crate) counts_calls: bool,
    pub(crate) run: Box<Run>,
}

#[cfg(test)]
impl Arm {
    /// One that moves nothing and says what it likes.
    pub(crate) fn of_test(
        group: Group,
        name: &str,
        run: impl Fn(&Course<'_>) -> io::Result<Sample> + 'static,
    ) -> Self {
        Self {
            group,
            name: name.to_owned(),
            about: "an arm of a test",
            has_cold: false,
            bound: Bound::Calls,
            counts_calls: true,
            run: Box::new(run),
        }
    }
}

/// What an arm's threads are busy with when they do not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Moving every byte from one place in memory to another.
    Copying,
    /// Hashing every byte.
    Hash,
    /// The same, shared out.
    HashOnAllCores,
    /// Calls that move no byte themselves.
    Calls,
}

/// Does the work of a course and says what it took.
pub(crate) type Run = dyn Fn(&Course<'_>) -> io::Result<Sample>;

/// What an arm is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course<'a> {
    pub(crate) ground: &'a Ground,
    /// As long as `size`, and in memory.
    pub(crate) source: &'a Source,
    pub(crate) size: u64,
    pub(crate) operations: u64,
    /// Whether the source is dropped from memory before each operation.
    pub(crate) temperature: Temperature,
    /// Whether what arrives is compared with what was sent: for a trial, whose figures mean nothing.
    pub(crate) is_checked: bool,
}

/// What arrived is not what was sent: a defect of this program or of the kernel, and no reason to skip an arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("other bytes arrived than were sent")]
pub(crate) struct WrongBytes;

impl From<WrongBytes> for io::Error {
    fn from(fault: WrongBytes) -> Self {
        Self::new(io::ErrorKind::InvalidData, fault)
    }
}

impl Arm {
    /// `send/sendfile`: how it is called among all arms.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }

    /// Whether the table of 2008 has a row for it.
    pub(crate) fn is_vintage(&self) -> bool {
        self.group == Group::Send && vintage::ROWS.contains(&self.name.as_str())
    }
}

impl fmt::Debug for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arm").field("group", &self.group).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Every arm, by group.
#[must_use]
pub fn arms() -> Vec<Arm> {
    let groups = [send::arms(), receive::arms(), relay::arms(), local::arms(), hash::arms()];
    groups.into_iter().flatten().collect()
}
