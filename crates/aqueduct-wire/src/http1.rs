//! HTTP/1.1 as RFC 9110 and RFC 9112 have it, sans-I/O.
//!
//! Where a peer's message could be understood in two ways, it is refused: what one reader takes for a body, another
//! would take for the next request (RFC 9112 section 11.2).
//!
//! ```
//! use aqueduct_wire::http1::{Framing, parse_request};
//!
//! let bytes = b"PUT /blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc";
//! assert_eq!(parse_request(&bytes[..20])?.map(|(head, _)| head.path), None, "not whole yet");
//!
//! let Some((head, head_len)) = parse_request(bytes)? else { unreachable!("the head is whole") };
//! assert_eq!((head.method, head.path, head.framing), (http::Method::PUT, "/blobs", Framing::Length(3)));
//! assert_eq!(&bytes[head_len..], b"abc");
//! # Ok::<(), aqueduct_wire::http1::HeadError>(())
//! ```

mod accept;
mod chunked;
mod credentials;
mod disposition;
mod encode;
mod etag;
mod fields;
mod framing;
mod grammar;
mod head_error;
pub mod limits;
mod multipart;
mod range;
mod repr_digest;
mod request;
mod response;
mod target;
mod tus;

pub use accept::{accepts_coding, prefers_html};
pub use chunked::{CHUNK_END, ChunkError, ChunkStep, ChunkedDecoder, LAST_CHUNK, chunk_head};
pub use credentials::Credentials;
pub use disposition::attachment;
pub use encode::{CONTINUE, HeadWriter};
pub use etag::{etag, matches_if_range, matches_strong, matches_weak};
pub use fields::Fields;
pub use framing::{Framing, ResponseFraming, Version};
pub use head_error::HeadError;
pub use multipart::Multipart;
pub use range::{ContentRange, Ranges, resolve_ranges};
pub use repr_digest::{parse_repr_digest, repr_digest};
pub use request::{RequestHead, parse_request};
pub use response::{ResponseHead, parse_response};
pub use target::{decode_name, decode_path, encode_name, query_pairs};
pub use tus::{
    OFFSET_OCTETS, TUS_VERSION, is_offset_octets, parse_upload_count, parse_upload_metadata, upload_metadata,
};
