//! How much one word may hold. Whatever is within these fits a header.

/// Bytes of a name in a directory: NAME_MAX of limits.h, which is in bytes.
pub const NAME_LEN_MAX: usize = 255;

/// Bytes of what a symbolic link says: PATH_MAX of limits.h with its NUL.
pub const TARGET_LEN_MAX: usize = 4095;

/// Bytes of the extended attributes of one entry, names and values. Linux allows one value 64 KiB, which no header would
/// hold; what is longer is not sent, and said to be left out.
pub const XATTRS_LEN_MAX: usize = 16 * 1024;

/// Entries in one `Entries` or `Pack`.
pub const ENTRY_COUNT_MAX: usize = 1000;

/// Files in one `Ask`: 16 bytes each.
pub const ASK_COUNT_MAX: usize = 2000;

/// Ranges of held segments in all of one `Held`.
pub const HELD_RANGE_COUNT_MAX: usize = 3000;

/// Segments in one `Again`.
pub const AGAIN_COUNT_MAX: usize = 4000;

/// Bytes of a text, such as why something failed.
pub const TEXT_LEN_MAX: usize = 4096;

/// Connections of one transfer at a time.
pub const STREAM_COUNT_MAX: u32 = 64;
