//! ccache's remote storage helper protocol, version 1, as a server of it hears and answers: what ccache says over a Unix
//! socket when it looks for the result of a compile, or brings one.
//!
//! As ccache's `doc/remote_storage_helper_spec.md` has it. The request [`Request::Exists`] is newer than any text of that at
//! hand, and is as ccache 4.14.2 was seen to speak it. Integers are in the byte order of the host, which both sides share.

/// What a server says first: version 1, and the three capabilities: get, put and remove; info; exists.
pub const GREETING: [u8; 5] = [VERSION, 3, 0, 1, 2];

/// Bytes of the longest request, without the value of a put: nothing more has to be read before it is understood.
pub const HEAD_LEN_MAX: usize = 2 + KEY_LEN_MAX + 1 + SIZE_LEN;

/// Bytes of a key. Those of ccache have 20.
pub const KEY_LEN_MAX: usize = u8::MAX as usize;

/// Bytes of a message: its length is one byte.
pub const MESSAGE_LEN_MAX: usize = u8::MAX as usize;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'b> {
    /// The value of a key.
    Get {
        /// Which.
        key: Key<'b>,
    },
    /// To keep a value, whose bytes follow.
    Put {
        /// Under which key.
        key: Key<'b>,
        /// Whether it takes the place of a value that is there.
        overwrite: bool,
        /// How many bytes follow.
        size: u64,
    },
    /// To forget a key.
    Remove {
        /// Which.
        key: Key<'b>,
    },
    /// To end. It is for a program that ccache started itself.
    Stop,
    /// What this server is.
    Info,
    /// Whether a key has a value.
    Exists {
        /// Which.
        key: Key<'b>,
    },
}

/// A key: up to [`KEY_LEN_MAX`] bytes, any of them, and maybe none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'b>(pub &'b [u8]);

/// Why bytes are not a request. Where the next one begins is not known then: the connection has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadRequest {
    /// No request begins with this byte.
    #[error("request {0} is not known; there are get, put, remove, stop, info and exists, 0 to 5")]
    Unknown(u8),
}

/// What a server answers. After [`Reply::Value`] its bytes follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// Put: it is kept. Remove: it is gone. Stop: so be it.
    Done,
    /// Get: there is no such key. Put: another value is there, and was not to be overwritten. Remove: nothing was there.
    NotDone,
    /// Get: the value has so many bytes.
    Value {
        /// How many follow.
        size: u64,
    },
    /// Exists: whether it does.
    Exists(bool),
    /// Info: what this server is.
    Info {
        /// A name and a version.
        identity: &'a str,
        /// What is to be noted in the log of ccache; those beyond 255 are left out.
        diagnostics: &'a [String],
    },
    /// What went wrong, for the log of ccache. What does not fit [`MESSAGE_LEN_MAX`] is cut off.
    Failed(&'a str),
}

impl Key<'_> {
    /// The key in lower-case hex, as ccache writes it into the path of a URL.
    #[must_use]
    pub fn hex(&self) -> String {
        const DIGITS: [char; 16] =
            ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        let digit = |nibble: u8| DIGITS[usize::from(nibble)];
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }
}

/// Reads the request that `bytes` begin with, and says how many bytes it has, without the value of a put. `bytes` may hold
/// more. `Ok(None)` asks for more bytes: of [`HEAD_LEN_MAX`] there is always an answer.
///
/// # Errors
///
/// [`BadRequest`], at the first byte.
pub fn parse_request(bytes: &[u8]) -> Result<Option<(Request<'_>, usize)>, BadRequest> {
    let Some((&kind, rest)) = bytes.split_first() else { return Ok(None) };
    let request = match kind {
        STOP => Some((Request::Stop, rest)),
        INFO => Some((Request::Info, rest)),
        GET => parse_key(rest).map(|(key, rest)| (Request::Get { key }, rest)),
        REMOVE => parse_key(rest).map(|(key, rest)| (Request::Remove { key }, rest)),
        EXISTS => parse_key(rest).map(|(key, rest)| (Request::Exists { key }, rest)),
        PUT => parse_key(rest).and_then(|(key, rest)| parse_put(key, rest)),
        kind => return Err(BadRequest::Unknown(kind)),
    };
    Ok(request.map(|(request, rest)| (request, bytes.len() - rest.len())))
}

fn parse_key(bytes: &[u8]) -> Option<(Key<'_>, &[u8])> {
    let (&len, rest) = bytes.split_first()?;
    let (key, rest) = rest.split_at_checked(usize::from(len))?;
    Some((Key(key), rest))
}

fn parse_put<'b>(key: Key<'b>, bytes: &'b [u8]) -> Option<(Request<'b>, &'b [u8])> {
    let (&flags, rest) = bytes.split_first()?;
    let (&size, rest) = rest.split_first_chunk::<SIZE_LEN>()?;
    let (overwrite, size) = (flags & OVERWRITE != 0, u64::from_ne_bytes(size));
    Some((Request::Put { key, overwrite, size }, rest))
}

impl Reply<'_> {
    /// Appends the reply to `bytes`.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        match *self {
            Self::Done => bytes.push(OK),
            Self::NotDone => bytes.push(NOOP),
            Self::Value { size } => {
                bytes.push(OK);
                bytes.extend(size.to_ne_bytes());
            }
            Self::Exists(exists) => bytes.extend([OK, u8::from(exists)]),
            Self::Info { identity, diagnostics } => {
                write_message(identity, bytes);
                let count = u8::try_from(diagnostics.len()).unwrap_or(u8::MAX);
                bytes.push(count);
                for diagnostic in &diagnostics[..usize::from(count)] {
                    write_message(diagnostic, bytes);
                }
            }
            Self::Failed(why) => {
                bytes.push(ERR);
                write_message(why, bytes);
            }
        }
    }
}

fn write_message(message: &str, bytes: &mut Vec<u8>) {
    let message = &message[..message.floor_char_boundary(MESSAGE_LEN_MAX)];
    bytes.push(u8::try_from(message.len()).expect("it was cut off"));
    bytes.extend_from_slice(message.as_bytes());
}

const VERSION: u8 = 1;

const GET: u8 = 0;
const PUT: u8 = 1;
const REMOVE: u8 = 2;
const STOP: u8 = 3;
const INFO: u8 = 4;
const EXISTS: u8 = 5;

/// The lowest bit of a put's flags; the others are to be ignored.
const OVERWRITE: u8 = 1;

const OK: u8 = 0;
const NOOP: u8 = 1;
const ERR: u8 = 2;

const SIZE_LEN: usize = size_of::<u64>();

#[cfg(test)]
mod tests;
