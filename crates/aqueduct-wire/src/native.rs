//! The native protocol: frames of a small protobuf header and a raw payload, of many tasks at once.
//!
//! `docs/protocol.md` specifies it. A payload is not part of any value here: a frame says how long it is, and whoever
//! owns the connection moves it.
//!
//! ```
//! use aqueduct_wire::native::{Ask, Request, TaskId, parse_request};
//!
//! let mut bytes = Vec::new();
//! let request = Request { task: TaskId(7), ask: Ask::Data { offset: 0 } };
//! request.write(3, &mut bytes);
//! bytes.extend(b"abc");
//! assert_eq!(parse_request(&bytes[..20])?, None, "not whole yet");
//!
//! let Some(frame) = parse_request(&bytes)? else { unreachable!("the header is whole") };
//! assert_eq!((frame.message, frame.payload_len), (request, 3));
//! assert_eq!(&bytes[frame.head_len..], b"abc");
//! # Ok::<(), aqueduct_wire::native::FrameError>(())
//! ```

use std::fmt;

mod answer;
mod code;
mod fields;
pub(crate) mod frame;
mod greeting;
pub mod limits;
mod messages;
mod request;
#[cfg(test)]
mod sample;
mod session;

pub use answer::{Answer, ListedBlob, ListedUpload, Say, Welcome};
pub use code::Code;
pub use frame::{Frame, FrameError, missing_len, parse_answer, parse_request};
pub use greeting::{FIRST_BYTE, GREETING_LEN, VERSION, greeting, parse_greeting};
pub use request::{Ask, Get, Hello, Put, Request};
pub use session::{Closing, Session, Turn};

/// Which task of a connection a frame is of. A client chooses them, each larger than all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

impl TaskId {
    /// Not a task: the connection itself, for `Hello`, `Welcome` and `Closing`.
    pub const CONNECTION: Self = Self(0);
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
