//! What a check found, in words.

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use crate::fault::StorageFault;
use crate::uploads::UploadLacks;

/// Something that is not as it should be, or that somebody should know of.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Where, relative to the store.
    pub path: PathBuf,
    /// What is wrong.
    pub trouble: Trouble,
    /// What became of it.
    pub fate: Fate,
}

/// What became of what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is as it should be now.
    Mended,
    /// It would be, had this not been a dry run.
    ToMend,
    /// Nothing has to be done about it.
    Left,
    /// Somebody has to do something about it.
    Unmended,
}

/// What is wrong.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// A file or directory of the store's own is not there.
    Missing,
    /// Something else has the name of a directory.
    NotADirectory,
    /// It is none of the store's.
    Foreign,
    /// `meta.redb` is not there.
    MetaMissing,
    /// `meta.redb` cannot be read.
    MetaDamaged(StorageFault),
    /// `meta.redb` has a pin whose name is no digest.
    PinOfNone(String),
    /// `meta.redb` has rows of entries that read as none.
    EntriesForeign {
        /// How many.
        count: u64,
    },
    /// What `meta.redb` says of which entries name a blob is not what they say.
    EntriesUnmatched {
        /// How many rows are missing.
        missing: u64,
        /// How many are there of which no entry knows.
        stray: u64,
    },
    /// Entries name blobs that are not here.
    EntriesOfNone {
        /// How many.
        count: u64,
    },
    /// `index.redb` cannot be read.
    IndexDamaged(StorageFault),
    /// `index.redb` has other sums than the tree.
    IndexDiffers {
        /// How many blobs it says there are.
        says_count: u64,
        /// Of how many bytes.
        says_size: u64,
        /// How many there are.
        count: u64,
        /// Of how many bytes.
        size: u64,
    },
    /// Something else than a file has the name of a blob.
    NotAFile,
    /// A blob could be opened for writing.
    Writable,
    /// A blob has other names, by which somebody may change it.
    Linked {
        /// How many names it has.
        links: u64,
    },
    /// A blob is not what its name says.
    BlobDamaged {
        /// The size of its file.
        size: u64,
        /// Where it is wrong.
        ranges: Vec<Range<u64>>,
    },
    /// The checkpoint list of a blob is missing, damaged, or that of another one.
    Checkpoints,
    /// A checkpoint list has no blob.
    CheckpointsOfNone,
    /// Nobody can go on with an upload.
    UploadLacks(UploadLacks),
    /// A damaged blob was put away earlier.
    Quarantined {
        /// The size of its file.
        size: u64,
        /// Where it is wrong, as far as that was noted.
        ranges: Vec<Range<u64>>,
    },
    /// It cannot be looked at.
    Unreadable(StorageFault),
}

impl Trouble {
    /// What is done about it where it can be mended; else what somebody can do.
    fn remedy(&self) -> &'static str {
        match self {
            Self::Missing | Self::MetaMissing | Self::IndexDamaged(_) => "made anew",
            Self::IndexDiffers { .. } | Self::Checkpoints | Self::EntriesUnmatched { .. } => "rebuilt",
            Self::Writable => "hashed, and sealed",
            Self::CheckpointsOfNone
            | Self::UploadLacks(_)
            | Self::EntriesForeign { .. }
            | Self::EntriesOfNone { .. } => "removed",
            Self::BlobDamaged { .. } => "moved to quarantine",
            Self::MetaDamaged(_) => {
                "restore it from a backup; without one, move it away: every blob is then hashed before it is believed, and \
                 what only it knew is lost"
            }
            Self::NotADirectory | Self::NotAFile => "move it away",
            Self::Unreadable(_) => "check the disk",
            Self::Foreign | Self::PinOfNone(_) | Self::Linked { .. } | Self::Quarantined { .. } => {
                "left alone"
            }
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::NotADirectory => f.write_str("not a directory"),
            Self::Foreign => f.write_str("not of this store"),
            Self::MetaMissing => f.write_str(
                "missing: every blob is hashed before it is believed, and what only it knew is lost",
            ),
            Self::MetaDamaged(fault) | Self::IndexDamaged(fault) => write!(f, "damaged ({})", cause(fault)),
            Self::PinOfNone(name) => write!(f, "a pin of '{name}', which is no digest"),
            Self::EntriesForeign { count } => write!(f, "{count} rows of entries that are none"),
            Self::EntriesUnmatched { missing, stray } => {
                write!(f, "which entries name a blob: {missing} rows are missing, and {stray} too many")
            }
            Self::EntriesOfNone { count } => write!(f, "{count} entries that name blobs which are not here"),
            Self::IndexDiffers { says_count, says_size, count, size } => {
                write!(f, "says {says_count} blobs of {says_size} bytes, and there are {count} of {size}")
            }
            Self::NotAFile => f.write_str("not a file, in the place of a blob"),
            Self::Writable => f.write_str("a blob that could be written to"),
            Self::Linked { links } => {
                write!(f, "a blob with {links} names, which somebody may change by another")
            }
            Self::BlobDamaged { size, ranges } => write!(f, "damaged in {}", Places { size: *size, ranges }),
            Self::Checkpoints => f.write_str("missing, or not the checkpoint list of its blob"),
            Self::CheckpointsOfNone => f.write_str("the checkpoint list of no blob"),
            Self::UploadLacks(UploadLacks::Journal) => f.write_str("an upload without a journal"),
            Self::UploadLacks(UploadLacks::ValidJournal) => {
                f.write_str("an upload with a journal that is none")
            }
            Self::UploadLacks(UploadLacks::Bytes) => f.write_str("an upload without its bytes"),
            Self::Quarantined { size, ranges } if ranges.is_empty() => {
                write!(f, "in quarantine, {size} bytes")
            }
            Self::Quarantined { size, ranges } => {
                write!(f, "in quarantine, damaged in {}", Places { size: *size, ranges })
            }
            Self::Unreadable(fault) => write!(f, "cannot be looked at ({})", cause(fault)),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let would = if self.fate == Fate::ToMend { "to be " } else { "" };
        write!(f, "{}: {}; {would}{}", self.path.display(), self.trouble, self.trouble.remedy())
    }
}

fn cause(fault: &StorageFault) -> String {
    fault.source().map_or_else(|| fault.to_string(), ToString::to_string)
}

/// Ranges of a file as people count bytes: the last one is in.
struct Places<'a> {
    size: u64,
    ranges: &'a [Range<u64>],
}

impl fmt::Display for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")?;
        for (index, range) in self.ranges.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma} {}-{}", range.start, range.end.saturating_sub(1))?;
        }
        write!(f, " of {}", self.size)
    }
}
