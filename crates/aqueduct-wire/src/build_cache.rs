//! What the clients of build caches say over HTTP: which path means what, and what an action result refers to.
//!
//! One port serves them all, because each has paths of a shape that no other has: [`parse_path`] tells them apart. Heads are
//! those of [`http1`](crate::http1), and bodies are blobs, but for one: an action result says which other blobs must be
//! there for it to mean anything ([`action_references`]).
//!
//! ```
//! use aqueduct_wire::build_cache::{CachePath, parse_path};
//!
//! let (namespace, key) = ("ccache/team".into(), "0123456789abcdef0123456789abcdef01234567".into());
//! let path = "/team/01/23456789abcdef0123456789abcdef01234567";
//! assert_eq!(parse_path(path)?, Some(CachePath::Ccache { namespace, key }));
//! assert_eq!(parse_path("/team/readme")?, None);
//! assert!(parse_path("/team/cas/readme").is_err());
//! # Ok::<(), aqueduct_wire::build_cache::BadPath>(())
//! ```

mod action;
pub mod limits;
mod path;

pub use action::{ActionForm, BadActionResult, References, action_references, tree_references};
pub use path::{BadPath, CachePath, parse_path};
