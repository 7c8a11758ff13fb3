//! One thing of a tree that is sent.

use std::fmt;

/// Which entry of a transfer: the sender counts them from 1, in the order in which it says them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u64);

impl EntryId {
    /// Where everything arrives: the parent of what was named on the command line.
    pub const ROOT: Self = Self(0);
}

/// What a file was when it was looked at: a hash of where it lies, its size and its times. What has the same identity has
/// the same bytes, so that a transfer can go on with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(pub [u8; 16]);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// Seconds since 1970; negative before.
    pub seconds: i64,
    /// 0 to 999,999,999, counted forward from `seconds`.
    pub nanoseconds: u32,
}

/// What is known of an entry beside its name and its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits, as in inode(7): 12 of them.
    pub mode: u16,
    /// When its content was last changed.
    pub mtime: Time,
    /// User and group, where they are to be kept.
    pub owner: Option<(u32, u32)>,
    /// Extended attributes that are to be kept: names, none empty and none with a NUL, and values.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A file, directory or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Larger than that of every entry before; never [`EntryId::ROOT`].
    pub id: EntryId,
    /// The directory that it is in, which was said before.
    pub parent: EntryId,
    /// One name: not empty, at most [`NAME_LEN_MAX`](super::limits::NAME_LEN_MAX) bytes, no slash and no NUL in it, and
    /// neither `.` nor `..`. No text: names need not be UTF-8.
    pub name: Vec<u8>,
    /// Modes, times and the like.
    pub meta: Meta,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory; what is in it follows.
    Directory,
    /// A regular file of known size.
    Regular {
        /// Bytes.
        size: u64,
        /// For a transfer that goes on.
        identity: Identity,
    },
    /// Bytes whose end tells their size: standard input.
    Stream,
    /// A symbolic link.
    Symlink {
        /// What it says: not empty, no NUL.
        target: Vec<u8>,
    },
    /// Another name of a file that was said before.
    HardLink {
        /// That file.
        to: EntryId,
    },
}
