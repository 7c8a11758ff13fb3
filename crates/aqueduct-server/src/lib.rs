//! Who answers: a server of blobs.

#![forbid(unsafe_code)]
