//! Who asks: a blocking client of an Aqueduct server.
//!
//! A [`Client`] speaks the native protocol, or HTTP/1.1 to the blobs door: its [`Endpoint`] says which. Bytes move as
//! `aqueduct-flow` moves them: a file goes out by sendfile, and a blob comes in by splice, hashed on its way. No large blob
//! is ever held whole, and no call waits longer than its options say.
//!
//! ```no_run
//! use aqueduct_client::{Client, Options, Source};
//!
//! let client = Client::new("aqueduct://127.0.0.1:7070".parse()?, Options::default());
//! let source = Source::new(std::fs::File::open("disk.img")?)?;
//! let uploaded = client.put_unnamed(aqueduct_blob::Algorithm::Sha256, &source, &mut |_| {})?;
//! println!("{} is {}", uploaded.digest, if uploaded.is_new { "new" } else { "old" });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! There is no store here, no runtime, and no thread that outlives a call.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "to prepare and to check, any way will do"))]

mod client;
mod crsh;
mod digest_cache;
mod download;
mod endpoint;
mod error;
mod http;
mod landing;
mod listing;
mod native;
mod options;
mod parcels;
mod patience;
mod site;
mod source;
mod stream;
mod token;
mod uploaded;

pub use client::Client;
pub use crsh::CcacheStorage;
pub use digest_cache::DigestCache;
pub use download::{Download, Received};
pub use endpoint::{Dialect, Endpoint, EndpointParseError};
pub use error::{Error, ErrorKind};
pub use landing::{Directory, Landing};
pub use listing::{EntryKey, EntryListed, EntryPage, Listed, Page, PinPage, Upload, UploadPage};
pub use options::Options;
pub use parcels::{Got, Parcel, Parcels};
pub use source::Source;
pub use token::{Token, TokenParseError};
pub use uploaded::{Observe, Uploaded};
