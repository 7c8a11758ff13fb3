//! How much a peer may say beside the bytes of a blob.

/// Bytes of a head: empty lines before it, its first line, its fields and the empty line after them.
///
/// A browser with cookies stays under 8 KiB, and other servers refuse between 8 and 64 KiB. A head is held in memory
/// whole before its sender has proved anything, so this times the connections is memory given to strangers.
pub const HEAD_LEN_MAX: usize = 16 * 1024;

/// Fields of a head. Clients send about 10, proxies add a few; looking for a field takes time in their number.
pub const FIELD_COUNT_MAX: usize = 100;

/// Empty lines before a request line. RFC 9112 section 2.2 asks for "at least one"; a peer that sends lines without
/// end has nothing to ask.
pub const EMPTY_LINE_COUNT_MAX: usize = 4;

/// Bytes of a line that begins a chunk, with its extensions. A size takes at most 16.
pub const CHUNK_LINE_LEN_MAX: usize = 256;

/// Bytes of chunk extensions in one body. No extension means anything here, and each byte of them costs more to read
/// than one of the body: a peer could keep a core busy with them while it sends next to nothing.
pub const CHUNK_EXTENSIONS_LEN_MAX: usize = 16 * 1024;

/// Bytes of the trailers after the last chunk. They are read and dropped.
pub const TRAILER_LEN_MAX: usize = 4 * 1024;

/// Ranges in one request. `aria2c` and video players ask for one; hundreds are how one request is made into the work
/// of hundreds (RFC 9110 section 17.15).
pub const RANGE_COUNT_MAX: usize = 64;
