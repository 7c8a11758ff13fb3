//! What two hosts say when one sends files to the other, once: `aqueduct send` and `aqueduct recv`.
//!
//! The frames are those of the [native protocol](crate::native), and a connection begins as one of it does: greetings, then
//! `Hello` and `Welcome` with the capability [`CAPABILITY`]. Every frame after these has one [`Word`] as its header.
//! `docs/transfer.md` says who says what when. Nothing here moves a payload.
//!
//! ```
//! use aqueduct_wire::transfer::{EntryId, Word, parse_word};
//!
//! let mut bytes = Vec::new();
//! let word = Word::Bytes { entry: EntryId(7), offset: 0 };
//! word.write(3, &mut bytes);
//! bytes.extend(b"abc");
//!
//! let Some(frame) = parse_word(&bytes)? else { unreachable!("the header is whole") };
//! assert_eq!((frame.message, frame.payload_len), (word, 3));
//! # Ok::<(), aqueduct_wire::native::FrameError>(())
//! ```

mod entry;
pub mod limits;
mod messages;
mod understand;
mod word;

pub use entry::{Entry, EntryId, Identity, Kind, Meta, Time};
pub use word::{Accept, Failure, HeldFile, Offer, Role, Verify, Word, parse_word};

/// What a `Hello` and a `Welcome` name for the rest of the connection to be of this kind.
pub const CAPABILITY: &str = "transfer-1";
