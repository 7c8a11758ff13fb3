//! How much one path or one action result may say.

/// Bytes of an instance or a prefix, the slashes between its parts included. Together with the dialect's name it is the
/// namespace of an entry, which a store bounds at 255.
pub const PREFIX_LEN_MAX: usize = 200;

/// Bytes of a Turborepo or Nx hash. They send 16 and up to 20 digits; what wraps their caches adds a word or two.
pub const HASH_LEN_MAX: usize = 256;

/// Blobs that one action result or tree may refer to, counted as often as they are named. Actions of 10,000 outputs exist;
/// every hit looks for each of them, and 100,000 digests take 3 MiB.
pub const REFERENCE_COUNT_MAX: usize = 100_000;
